# What a program that uses an account's password may do: read it, and the candidate while there is one.
# MOUNT and ACCOUNT as in rotator-policy.hcl.

# current: the password to try first. The same answer carries the marks (custom metadata) that name a candidate.
path "MOUNT/data/ACCOUNT" {
  capabilities = ["read"]
}

# pending: the candidate, and those that a repair took over; to be tried only when the directory refuses current's and
# current's marks name one of them.
path "MOUNT/data/ACCOUNT-pending" {
  capabilities = ["read"]
}
