# Gives the engine the password that a connector to Active Directory binds with: the object model's way, as Microsoft
# publishes it for GlobalParameters. That it holds for the password too is inferred; a rehearsal proves it on a build.
function main {
    Set-StrictMode -Version 3.0
    try {
        $request = ConvertFrom-Json -InputObject ([string]$lines[0])
        Import-SyncModule
        $found = Find-Connector -Name ([string]$request.connector)
        if ($null -ne $found) {
            if ([string]$found.Identifier -eq 'b891884f-051e-4a83-95af-2544101c9083') {
                Write-Refusal -Id 'entra-connector' -Detail ''
            }
            else {
                $connector = Get-ADSyncConnector -Name $found.Name -ErrorAction Stop
                $parameter = $null
                foreach ($known in @($connector.ConnectivityParameters)) {
                    if ($known.Name -eq 'password') {
                        $parameter = $known
                    }
                }
                if ($null -eq $parameter) {
                    Write-Refusal -Id 'no-password-parameter' -Detail ''
                }
                else {
                    $parameter.Value = Read-Secret
                    Write-Acting
                    $null = Add-ADSyncConnector -Connector $connector -ErrorAction Stop
                    Write-Done -Value @{}
                }
            }
        }
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
