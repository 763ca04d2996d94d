# Resets the account that the engine logs on to Entra ID with, on both sides, as an administrator. Nobody learns the new
# password. With application-based authentication it would roll that back: then it is refused.
function main {
    Set-StrictMode -Version 3.0
    try {
        $request = ConvertFrom-Json -InputObject ([string]$lines[0])
        Import-SyncModule
        $application = $false
        if ($null -ne (Get-Command -Name Get-ADSyncEntraConnectorCredential -ErrorAction SilentlyContinue)) {
            $identity = Get-ADSyncEntraConnectorCredential -ErrorAction Stop
            $application = ([string](Get-Optional -Object $identity -Name ConnectorIdentityType) -eq 'Application')
        }
        if ($application) {
            Write-Refusal -Id 'application' -Detail ''
        }
        else {
            $secure = New-Object -TypeName System.Security.SecureString
            foreach ($letter in (Read-Secret).ToCharArray()) {
                $secure.AppendChar($letter)
            }
            $administrator = [System.Management.Automation.PSCredential]::new([string]$request.user, $secure)
            Write-Acting
            $null = Add-ADSyncAADServiceAccount -AADCredential $administrator -ErrorAction Stop
            Write-Done -Value @{}
        }
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
