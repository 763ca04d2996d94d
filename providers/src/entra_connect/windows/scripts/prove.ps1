# A Delta Import on one connector, waited for, and what the history says of it, step by step.
function main {
    Set-StrictMode -Version 3.0
    try {
        $request = ConvertFrom-Json -InputObject ([string]$lines[0])
        Import-SyncModule
        $connector = Find-Connector -Name ([string]$request.connector)
        if ($null -ne $connector) {
            # Only a run that was not there before is ours.
            $before = Get-LastRuns -Connector $connector -Count 1
            $returned = ''
            Write-Acting
            $failure = $null
            try {
                $result = Invoke-ADSyncRunProfile -ConnectorName $connector.Name -RunProfileName 'Delta Import' -ErrorAction Stop
                # A text, or an object that has it in its Result.
                $named = Get-Optional -Object $result -Name Result
                $returned = [string]$result
                if ($null -ne $named) {
                    $returned = [string]$named
                }
            }
            catch {
                $failure = $_
            }
            $after = Get-LastRuns -Connector $connector -Count 1
            $ours = $null
            foreach ($run in $after.runs) {
                $known = $false
                foreach ($earlier in $before.runs) {
                    if ($earlier.id -eq $run.id) {
                        $known = $true
                    }
                }
                if (-not $known) {
                    $ours = $run
                }
            }
            if (($null -eq $ours) -and ($null -ne $failure)) {
                Write-Fault -Fault $failure
            }
            else {
                Write-Done -Value @{ run = $ours; returned = $returned; at = ConvertTo-Utc -Time ([datetime]::UtcNow) }
            }
        }
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
