# Gives SyncCycleEnabled a value, and then takes the task away that would have done so.
function main {
    Set-StrictMode -Version 3.0
    try {
        $request = ConvertFrom-Json -InputObject ([string]$lines[0])
        Import-SyncModule
        $name = 'entra-rotator restores the scheduler'
        Write-Acting
        $null = Set-ADSyncScheduler -SyncCycleEnabled ([bool]$request.enabled) -ErrorAction Stop
        foreach ($task in @(Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue)) {
            Unregister-ScheduledTask -TaskName $task.TaskName -Confirm:$false -ErrorAction Stop
        }
        Write-Done -Value @{}
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
