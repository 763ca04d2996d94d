# Stands in for the module ADSync, for whoever has a PowerShell but no Connect server: commands of the same names and
# parameters, over a state in the JSON file that ADSYNC_STATE names. The engine's object model, as far as the scripts use
# it; the shapes are those of Microsoft's reference and of published outputs.
#
# Not the same as on a server: this is PowerShell 7, where ConvertTo-Json writes dates in ISO form and never wraps arrays,
# where text is UTF-8, and where no ConvertFrom-Json is written to a Windows event log. Windows PowerShell 5.1 decides.

function Read-State {
    # A module may read what is not there, for it asks for no strict mode: that of our scripts must not reach it.
    $null = $nobodySetThis
    return (Get-Content -LiteralPath $env:ADSYNC_STATE -Raw | ConvertFrom-Json)
}

function Save-State {
    param($State)
    Set-Content -LiteralPath $env:ADSYNC_STATE -Value (ConvertTo-Json -InputObject $State -Depth 12)
}

function Get-ADSyncScheduler {
    [CmdletBinding()]
    param()
    return (Read-State).Scheduler
}

function Set-ADSyncScheduler {
    [CmdletBinding()]
    param([bool] $SyncCycleEnabled)
    $state = Read-State
    $state.Scheduler.SyncCycleEnabled = $SyncCycleEnabled
    Save-State -State $state
}

# Empty while nothing runs.
function Get-ADSyncConnectorRunStatus {
    [CmdletBinding()]
    param()
    return (Read-State).Running
}

function Get-ADSyncConnector {
    [CmdletBinding()]
    param([string] $Name)
    foreach ($connector in (Read-State).Connectors) {
        if (($Name -eq '') -or ($connector.Name -eq $Name)) {
            # A password can't be read.
            foreach ($parameter in $connector.ConnectivityParameters) {
                if ($parameter.Name -eq 'password') {
                    $parameter.Value = ''
                }
            }
            $connector
        }
    }
}

function Add-ADSyncConnector {
    [CmdletBinding()]
    param($Connector)
    Write-Host 'the module writes to its host'
    $state = Read-State
    foreach ($known in $state.Connectors) {
        if ($known.Name -eq $Connector.Name) {
            $known.ConnectivityParameters = $Connector.ConnectivityParameters
            $known.Version = $known.Version + 1
        }
    }
    Save-State -State $state
    return $Connector
}

function Get-ADSyncEntraConnectorCredential {
    [CmdletBinding()]
    param()
    return (Read-State).Entra
}

# Throws what a refused logon throws.
function Search-ADSyncDirectoryObjects {
    [CmdletBinding()]
    param($AdConnectorId, [string] $LdapFilter, [string] $SearchScope, [int] $SizeLimit)
    $state = Read-State
    foreach ($connector in $state.Connectors) {
        foreach ($parameter in $connector.ConnectivityParameters) {
            if (([string]$connector.Identifier -eq [string]$AdConnectorId) -and ($parameter.Name -eq 'password')) {
                if ($parameter.Value -cne $state.Password) {
                    throw 'The supplied credential is invalid.'
                }
            }
        }
    }
    return @{ dn = 'DC=contoso,DC=test' }
}

function Invoke-ADSyncRunProfile {
    [CmdletBinding()]
    param([string] $ConnectorName, [string] $RunProfileName)
    $result = 'success'
    $connection = 'success'
    try {
        $null = Search-ADSyncDirectoryObjects -AdConnectorId (Get-ADSyncConnector -Name $ConnectorName).Identifier
    }
    catch {
        $result = 'no-start-credentials'
        $connection = 'failed-authentication'
    }
    $state = Read-State
    $number = $state.Runs.Count + 1
    $step = @{
        StepNumber = 1
        StepResult = $result
        StepXml = '<step-type type="delta-import"></step-type><partition>DC=contoso,DC=test</partition>'
        ConnectorConnectionInformationXml = '<connection-result>' + $connection + '</connection-result><server>dc1.contoso.test:389</server>'
    }
    $run = @{
        RunHistoryId = ([System.Guid]::NewGuid().ToString())
        RunNumber = $number
        RunProfileName = $RunProfileName
        Result = $result
        IsRunComplete = $true
        EndDate = '2026-03-01T12:00:00'
        RunStepResults = @($step)
    }
    $state.Runs = @($run) + @($state.Runs)
    Save-State -State $state
    return $result
}

function Get-ADSyncRunProfileResult {
    [CmdletBinding()]
    param($ConnectorId, [int] $NumberRequested, [switch] $RunStepDetails)
    foreach ($run in (@((Read-State).Runs) | Select-Object -First $NumberRequested)) {
        $run
    }
}

function Add-ADSyncAADServiceAccount {
    [CmdletBinding()]
    param($AADCredential)
    $state = Read-State
    $state.Administrator = $AADCredential.UserName + ' ' + $AADCredential.GetNetworkCredential().Password
    Save-State -State $state
}

# Off Windows there are no scheduled tasks: nothing is planted there, and nothing is to be taken away.
function Get-ScheduledTask {
    [CmdletBinding()]
    param([string] $TaskName)
}

function Unregister-ScheduledTask {
    [CmdletBinding()]
    param([string] $TaskName, [switch] $Confirm)
}

Export-ModuleMember -Function *-ADSync*, *-ScheduledTask
