# Turns SyncCycleEnabled off. Before that the server gets a task of its own that gives the value back at a given time,
# as whoever runs this, whose right to change the setting is thereby known. Where one is planted already, the new one
# keeps its value, not its time: that would come in the middle of what this pause is for.
function main {
    Set-StrictMode -Version 3.0
    try {
        $request = ConvertFrom-Json -InputObject ([string]$lines[0])
        Import-SyncModule
        # A task is only planted where the switch can be reached.
        $null = Get-ADSyncScheduler -ErrorAction Stop
        $name = 'entra-rotator restores the scheduler'
        $culture = [System.Globalization.CultureInfo]::InvariantCulture
        # The description carries the value: restore.ps1 reads it.
        $value = 'SyncCycleEnabled ' + ([bool]$request.restore).ToString()
        $running = $false
        foreach ($planted in @(Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue)) {
            $running = ([string]$planted.State -eq 'Running')
            foreach ($trigger in @($planted.Triggers)) {
                # One that is there has not given its value back, until its end: after that the setting is somebody else's.
                $end = [string](Get-Optional -Object $trigger -Name EndBoundary)
                $lives = (($end -eq '') -or ([System.DateTimeOffset]::Parse($end, $culture) -gt [System.DateTimeOffset]::Now))
                if ($lives -and (@('SyncCycleEnabled True', 'SyncCycleEnabled False') -contains $planted.Description)) {
                    $value = $planted.Description
                }
            }
        }
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
        $program = [string]$request.program
        $action = New-ScheduledTaskAction -Execute $program -Argument ([string]$request.arguments) -ErrorAction Stop
        $trigger = New-ScheduledTaskTrigger -Once -At $at.LocalDateTime -ErrorAction Stop
        # A machine that was off may still catch up; after a week the setting is somebody else's.
        $trigger.EndBoundary = $at.AddDays(7).UtcDateTime.ToString('s', $culture) + 'Z'
        $user = $identity.Name
        $principal = New-ScheduledTaskPrincipal -UserId $user -LogonType $logon -RunLevel Highest -ErrorAction Stop
        $limit = New-TimeSpan -Hours 2
        $again = New-TimeSpan -Minutes 5
        $settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -ExecutionTimeLimit $limit -RestartCount 12 -RestartInterval $again -ErrorAction Stop
        $task = New-ScheduledTask -Action $action -Trigger $trigger -Principal $principal -Settings $settings -Description $value -ErrorAction Stop
        Write-Acting
        if ($running) {
            # It tries for an hour, by the name of the task: it would find the new one.
            $null = Stop-ScheduledTask -TaskName $name -ErrorAction Stop
        }
        $null = Register-ScheduledTask -TaskName $name -InputObject $task -Force -ErrorAction Stop
        $null = Set-ADSyncScheduler -SyncCycleEnabled $false -ErrorAction Stop
        Write-Done -Value @{}
    }
    catch {
        Write-Fault -Fault $_
    }
}

main
