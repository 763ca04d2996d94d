# The results of the last runs of one connector. Reads, and changes nothing.
function main {
    Set-StrictMode -Version 3.0
    try {
        $request = ConvertFrom-Json -InputObject ([string]$lines[0])
        Import-SyncModule
        $connector = Find-Connector -Name ([string]$request.connector)
        if ($null -ne $connector) {
            $last = Get-LastRuns -Connector $connector -Count ([int]$request.count)
            Write-Done -Value @{ runs = $last.runs }
        }
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
