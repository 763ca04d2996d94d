# Whether the password that the engine stores opens a search in its directory. Reads, and changes nothing.
function main {
    Set-StrictMode -Version 3.0
    try {
        $request = ConvertFrom-Json -InputObject ([string]$lines[0])
        Import-SyncModule
        $connector = Find-Connector -Name ([string]$request.connector)
        if ($null -ne $connector) {
            if ([string]$connector.Identifier -eq 'b891884f-051e-4a83-95af-2544101c9083') {
                Write-Refusal -Id 'entra-connector' -Detail ''
            }
            elseif ($null -eq (Get-Command -Name Search-ADSyncDirectoryObjects -ErrorAction SilentlyContinue)) {
                Write-Done -Value @{ searched = $false }
            }
            else {
                $id = $connector.Identifier
                $filter = '(objectClass=domainDNS)'
                $null = Search-ADSyncDirectoryObjects -AdConnectorId $id -LdapFilter $filter -SearchScope Subtree -SizeLimit 1 -ErrorAction Stop
                Write-Done -Value @{ searched = $true }
            }
        }
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
