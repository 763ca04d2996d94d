# What only the cmdlets know of a server. Reads, and changes nothing.
function main {
    Set-StrictMode -Version 3.0
    try {
        Import-SyncModule
        $scheduler = Get-ADSyncScheduler -ErrorAction Stop
        # Empty while the engine is idle.
        $running = 0
        foreach ($status in @(Get-ADSyncConnectorRunStatus -ErrorAction Stop)) {
            if ($null -ne $status) {
                $running++
            }
        }
        $connectors = @()
        foreach ($connector in @(Get-ADSyncConnector -ErrorAction Stop)) {
            $parameters = @()
            foreach ($parameter in @($connector.ConnectivityParameters)) {
                if ($parameter.Name -notlike '*password*') {
                    $parameters += @{ name = ([string]$parameter.Name); value = ([string]$parameter.Value) }
                }
            }
            $partitions = @()
            foreach ($partition in @($connector.Partitions)) {
                $own = @()
                foreach ($parameter in @(Get-Optional -Object $partition -Name Parameters)) {
                    if (($null -ne $parameter) -and ($parameter.Name -notlike '*password*')) {
                        $own += @{ name = ([string]$parameter.Name); value = ([string]$parameter.Value) }
                    }
                }
                $preferred = @()
                foreach ($controller in @(Get-Optional -Object $partition -Name PreferredDCs)) {
                    if ($null -ne $controller) {
                        $preferred += [string]$controller
                    }
                }
                $partitions += @{
                    name = ([string]$partition.Name)
                    selected = ([bool](Get-Optional -Object $partition -Name Selected))
                    parameters = $own
                    preferred_dcs = $preferred
                }
            }
            $connectors += @{
                name = ([string]$connector.Name)
                id = ([string]$connector.Identifier)
                kind = ([string](Get-Optional -Object $connector -Name ConnectorTypeName))
                type = ([string](Get-Optional -Object $connector -Name Type))
                parameters = $parameters
                partitions = $partitions
                modified_at = ConvertTo-Utc -Time (Get-Optional -Object $connector -Name LastModificationTime)
                version = ([long]$connector.Version)
            }
        }
        # Older builds have no such command: then the account is a user.
        $entra = $null
        if ($null -ne (Get-Command -Name Get-ADSyncEntraConnectorCredential -ErrorAction SilentlyContinue)) {
            $entra = @()
            foreach ($property in (Get-ADSyncEntraConnectorCredential -ErrorAction Stop).PSObject.Properties) {
                $value = $property.Value
                if ($value -is [datetime]) {
                    $value = ConvertTo-Utc -Time $value
                }
                if ($property.Name -notlike '*password*') {
                    $entra += @{ name = ([string]$property.Name); value = ([string]$value) }
                }
            }
        }
        Write-Done -Value @{
            module = ([string](Get-Module -Name ADSync).Version)
            staging = ([bool]$scheduler.StagingModeEnabled)
            scheduler = @{
                enabled = ([bool]$scheduler.SyncCycleEnabled)
                suspended = ([bool]$scheduler.SchedulerSuspended)
                in_progress = ([bool]$scheduler.SyncCycleInProgress)
                connectors_running = $running
                next_cycle_at = ConvertTo-Utc -Time $scheduler.NextSyncCycleStartTimeInUTC
            }
            connectors = $connectors
            entra = $entra
        }
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
