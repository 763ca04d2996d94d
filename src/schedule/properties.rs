// props
