# What the planted task runs, without us and without common.ps1: gives SyncCycleEnabled the value in the task's
# description, and takes the task away. Tries for an hour: the setting lies in Entra ID, which may be out of reach.
# A function, and each call with -ErrorAction Stop: what is set outside of one would hold in the modules too.
function main {
    Set-StrictMode -Version 3.0
    $name = 'entra-rotator restores the scheduler'
    $key = 'HKLM:\SYSTEM\CurrentControlSet\Services\ADSync\Parameters'
    for ($try = 0; $try -lt 12; $try++) {
        try {
            $task = Get-ScheduledTask -TaskName $name -ErrorAction Stop
            $folder = [string](Get-ItemProperty -LiteralPath $key -Name Path -ErrorAction Stop).Path
            Import-Module -Name ([System.IO.Path]::Combine($folder, 'Bin\ADSync\ADSync.psd1')) -ErrorAction Stop
            $on = ($task.Description -eq 'SyncCycleEnabled True')
            $null = Set-ADSyncScheduler -SyncCycleEnabled $on -ErrorAction Stop
            Unregister-ScheduledTask -TaskName $name -Confirm:$false -ErrorAction Stop
            exit 0
        }
        catch {
            Start-Sleep -Seconds 300
        }
    }
    exit 1
}

main
