# Turns SyncCycleEnabled off. Before that the server gets a task of its own that gives the value back at a given time,
# as whoever runs this, whose right to change the setting is thereby known. One that is planted already stays.
try {
    $request = ConvertFrom-Json -InputObject ([string]$lines[0])
    Import-SyncModule
    # A task is only planted where the switch can be reached.
    $null = Get-ADSyncScheduler
    $name = 'entra-rotator restores the scheduler'
    $culture = [System.Globalization.CultureInfo]::InvariantCulture
    $planted = $false
    foreach ($task in @(Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue)) {
        foreach ($trigger in @($task.Triggers)) {
            # One whose time is over has done its work, and restores nothing any more.
            $at = [System.DateTimeOffset]::Parse([string]$trigger.StartBoundary, $culture)
            if ($at -gt [System.DateTimeOffset]::Now) {
                $planted = $true
            }
        }
    }
    if (-not $planted) {
        $at = [System.DateTimeOffset]::Parse([string]$request.restore_at, $culture)
        $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
        # S4U logs on without a stored password; a group managed account's password is known to Windows.
        $logon = 'S4U'
        if ($identity.IsSystem) {
            $logon = 'ServiceAccount'
        }
        elseif ($identity.Name.EndsWith('$')) {
            $logon = 'Password'
        }
        $action = New-ScheduledTaskAction -Execute ([string]$request.program) -Argument ([string]$request.arguments)
        $trigger = New-ScheduledTaskTrigger -Once -At $at.LocalDateTime
        # A machine that was off may still catch up; after a week the setting is somebody else's.
        $trigger.EndBoundary = $at.AddDays(7).UtcDateTime.ToString('s', $culture) + 'Z'
        $principal = New-ScheduledTaskPrincipal -UserId $identity.Name -LogonType $logon -RunLevel Highest
        $limit = New-TimeSpan -Hours 2
        $again = New-TimeSpan -Minutes 5
        $settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -ExecutionTimeLimit $limit -RestartCount 12 -RestartInterval $again
        Write-Acting
        # The description carries the value: restore.ps1 reads it.
        $value = 'SyncCycleEnabled ' + ([bool]$request.restore).ToString()
        $task = New-ScheduledTask -Action $action -Trigger $trigger -Principal $principal -Settings $settings -Description $value
        $null = Register-ScheduledTask -TaskName $name -InputObject $task -Force
    }
    Write-Acting
    $null = Set-ADSyncScheduler -SyncCycleEnabled $false
    Write-Done -Value @{ planted = (-not $planted) }
}
catch {
    Write-Fault -Fault $_
}
