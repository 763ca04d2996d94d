#Requires -Version 5.1
#Requires -PSEdition Desktop
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Takes entra-rotator off this Windows server.

.DESCRIPTION
Stops the service and takes it out, with its source in the Application log, and removes the program's folder. The
folder of data stays: the journal is the record of what was done, and the passwords' way back. -RemoveData removes it,
after asking.

Nothing is removed while a rotation is open or held, or while the server still owes the scheduler's switch: -Force says
that you know. It was read by two parsers and never run: begin with -WhatIf.

.PARAMETER Account
Takes the right to log on as a service, and the membership in Administrators and the engine's group, from this account.
Without it the account keeps them: they may have other uses.

.PARAMETER RemoveData
Removes C:\ProgramData\entra-rotator too: configuration, journal, protected secrets. Asks, always.

.PARAMETER Force
Goes on although a rotation is open or held.

.PARAMETER SyncGroup
The group that may configure the sync engine, where another one than ADSyncAdmins was chosen at its setup.

.EXAMPLE
.\Uninstall-EntraRotator.ps1 -Account 'CONTOSO\gmsa-rotator$' -WhatIf

.NOTES
Ends with 0 when all is done, with 2 when something failed or was refused. What was done before that stays done.
#>
[CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
param(
    [string]
    $Account = '',

    [switch]
    $RemoveData,

    [switch]
    $Force,

    [string]
    $SyncGroup = 'ADSyncAdmins'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
Import-Module -Name (Join-Path -Path $PSScriptRoot -ChildPath 'Setup.psm1') -Force

$service = 'entra-rotator'
$folder = Join-Path -Path $env:ProgramFiles -ChildPath 'entra-rotator'
$installed = Join-Path -Path $folder -ChildPath 'entra-rotator.exe'
$data = Join-Path -Path $env:ProgramData -ChildPath 'entra-rotator'
$config = Join-Path -Path $data -ChildPath 'config.toml'
$task = 'entra-rotator restores the scheduler'
# Exit codes of `status --check`: held, a late proof is overdue, interrupted.
$open = @(3, 8, 75)

# Whoever leaves now must not leave half a rotation behind.
function Test-Open {
    if (@(Get-ScheduledTask -TaskName $task -ErrorAction SilentlyContinue).Count -gt 0) {
        return "The task '$task' waits here: a rotation has turned the scheduler off and has not given it back."
    }
    if ((Test-Path -LiteralPath $installed) -and (Test-Path -LiteralPath $config)) {
        $code = Invoke-Program -File $installed -Arguments ('status --check --config "' + $config + '"')
        if ($open -contains $code) {
            return "A rotation is held or was interrupted, or a late proof is due (status --check ended with $code)."
        }
    }
    return ''
}

function Remove-Rights {
    $sid = Resolve-Sid -Name $Account
    if ($PSCmdlet.ShouldProcess($Account, 'Take the right to log on as a service')) {
        Set-LogonRight -Sid $sid -Present $false -Folder $folder
        New-Step -Step 'log on as a service' -State 'done' -Detail $Account
    }
    foreach ($group in @((Get-AdministratorsName), $SyncGroup)) {
        if ($PSCmdlet.ShouldProcess($group, "Take $Account out of the local group")) {
            try {
                New-Step -Step ('group ' + $group) -State (Set-Member -Group $group -Account $Account -Present $false) -Detail $Account
            }
            catch {
                New-Step -Step ('group ' + $group) -State 'to do' -Detail $_.Exception.Message
            }
        }
    }
}

$exitCode = 0
$steps = @()
try {
    $why = Test-Open
    if (($why -ne '') -and (-not $Force)) {
        throw "$why Nothing was removed. Bring it to its end with 'entra-rotator status' and 'entra-rotator resume', or say -Force."
    }
    if (Test-Path -LiteralPath $installed) {
        if ($PSCmdlet.ShouldProcess($service, 'Stop the service and take it out, with its source of events')) {
            $code = Invoke-Program -File $installed -Arguments 'service uninstall'
            if ($code -ne 0) {
                throw "The service was not taken out: entra-rotator ended with $code and said why above."
            }
            $steps += New-Step -Step 'service' -State 'done' -Detail $service
        }
    }
    elseif ($null -ne (Get-Service -Name $service -ErrorAction SilentlyContinue)) {
        throw "The service is there, but not its program '$installed'. Copy the program there again, and run this again."
    }
    if ($Account -ne '') {
        # The lists of rights pass a folder that only administrators can write to.
        if (-not (Test-Path -LiteralPath $folder) -and $PSCmdlet.ShouldProcess($folder, 'Make the folder for a moment')) {
            $null = New-Item -ItemType Directory -Path $folder
        }
        $steps += @(Remove-Rights)
    }
    if ((Test-Path -LiteralPath $folder) -and $PSCmdlet.ShouldProcess($folder, 'Remove the folder of the program')) {
        Remove-Item -LiteralPath $folder -Recurse -Force -Confirm:$false
        $steps += New-Step -Step 'program' -State 'done' -Detail $folder
    }
    if (Test-Path -LiteralPath $data) {
        $question = "Remove '$data' for good, with the journal, the configuration and every secret that is protected for this machine?"
        if ($RemoveData -and $PSCmdlet.ShouldProcess($data, 'Remove the data') -and $PSCmdlet.ShouldContinue($question, 'entra-rotator')) {
            Remove-Item -LiteralPath $data -Recurse -Force -Confirm:$false
            $steps += New-Step -Step 'data' -State 'done' -Detail ($data + '. What the configuration placed elsewhere stays.')
        }
        else {
            $steps += New-Step -Step 'data' -State 'kept' -Detail $data
        }
    }
    $steps
}
catch {
    $steps
    Write-Error -Message $_.Exception.Message -ErrorAction Continue
    $exitCode = 2
}
exit $exitCode
