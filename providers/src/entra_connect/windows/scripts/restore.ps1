# What the planted task runs, without us and without common.ps1: gives SyncCycleEnabled the value in the task's
# description, and takes the task away. Tries for an hour: the setting lies in Entra ID, which may be out of reach.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$name = 'entra-rotator restores the scheduler'
$key = 'HKLM:\SYSTEM\CurrentControlSet\Services\ADSync\Parameters'
for ($try = 0; $try -lt 12; $try++) {
    try {
        $task = Get-ScheduledTask -TaskName $name
        $folder = [string](Get-ItemProperty -LiteralPath $key -Name Path).Path
        Import-Module -Name ([System.IO.Path]::Combine($folder, 'Bin\ADSync\ADSync.psd1'))
        $null = Set-ADSyncScheduler -SyncCycleEnabled ($task.Description -eq 'SyncCycleEnabled True')
        Unregister-ScheduledTask -TaskName $name -Confirm:$false
        exit 0
    }
    catch {
        Start-Sleep -Seconds 300
    }
}
exit 1
