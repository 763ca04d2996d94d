# Gives SyncCycleEnabled a value, and then takes the task away that would have done so.
try {
    $request = ConvertFrom-Json -InputObject ([string]$lines[0])
    Import-SyncModule
    $name = 'entra-rotator restores the scheduler'
    Write-Acting
    $null = Set-ADSyncScheduler -SyncCycleEnabled ([bool]$request.enabled)
    foreach ($task in @(Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue)) {
        Unregister-ScheduledTask -TaskName $task.TaskName -Confirm:$false
    }
    Write-Done -Value @{}
}
catch {
    Write-Fault -Fault $_
}
