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

Nothing is removed while a rotation is open or held, while a late proof is owed, while the server still owes the
scheduler's switch, or where nobody can tell: -Force says that you know. It was read by two parsers and never run: begin
with -WhatIf.

.PARAMETER Account
Takes the right to log on as a service, and the membership in Administrators and the engine's group, from this account.
Without it the account keeps them: they may have other uses.

.PARAMETER RemoveData
Removes C:\ProgramData\entra-rotator too: configuration, journal, protected secrets. Asks, always.

.PARAMETER Force
Goes on although a rotation is open or held, or nobody can tell.

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
# Where the example of the configuration lays it.
$journal = Join-Path -Path $data -ChildPath 'journal.db'

# Whoever leaves now must not leave half a rotation behind. What can't be looked at may be one.
function Test-Open {
    if (@(Get-ScheduledTask -TaskName $task -ErrorAction SilentlyContinue).Count -gt 0) {
        return "The task '$task' waits here: a rotation has turned the scheduler off and has not given it back."
    }
    if (-not (Test-Path -LiteralPath $config)) {
        if (Test-Path -LiteralPath $journal) {
            return "The rotations could not be looked at: there is a journal, and no '$config'."
        }
        return ''
    }
    if (-not (Test-Path -LiteralPath $installed)) {
        return "The rotations could not be looked at: there is a configuration, and no '$installed'."
    }
    # Its exit code alone would not tell a late proof from a password that is only old.
    try {
        $told = Read-Program -File $installed -Arguments ('status --format json --config "' + $config + '"')
        if ($told.Code -ne 0) {
            return "The rotations could not be looked at: code $($told.Code), and why stands above."
        }
        $status = ConvertFrom-Json -InputObject $told.Text
        foreach ($known in @($status.accounts)) {
            # One that is at work this moment shows as interrupted, too.
            if (@('held', 'interrupted') -contains $known.state) {
                return "The rotation of $($known.account) is $($known.state)."
            }
            # due, overdue or failed: after the removal nobody makes it.
            if (($null -ne $known.late_proof) -and ($known.late_proof.state -ne 'proven')) {
                return "The late proof of $($known.account) is $($known.late_proof.state)."
            }
        }
    }
    catch {
        return "The rotations could not be looked at: $($_.Exception.Message)"
    }
    return ''
}

# The right to log on as a service goes with the service.
function Remove-Membership {
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
        throw "$why Nothing was removed. Look with 'entra-rotator status', bring it to its end with 'entra-rotator resume' or 'entra-rotator rotate --due', or say -Force."
    }
    if ($Account -ne '') {
        # A name that is misspelt is told before anything is done.
        $null = Resolve-Sid -Name $Account
    }
    if (Test-Path -LiteralPath $installed) {
        $arguments = 'service uninstall'
        $detail = $service
        if ($Account -ne '') {
            $arguments += ' --account "' + $Account + '"'
            $detail += ', and the right to log on as a service of ' + $Account
        }
        if ($PSCmdlet.ShouldProcess($detail, 'Stop the service and take it out, with its source of events')) {
            $code = Invoke-Program -File $installed -Arguments $arguments
            if ($code -ne 0) {
                throw "Not all was taken out of $($detail): entra-rotator ended with $code and said why above."
            }
            $steps += New-Step -Step 'service' -State 'done' -Detail $detail
        }
    }
    elseif ($null -ne (Get-Service -Name $service -ErrorAction SilentlyContinue)) {
        throw "The service is there, but not its program '$installed'. Copy the program there again, and run this again."
    }
    elseif ($Account -ne '') {
        $steps += New-Step -Step 'log on as a service' -State 'to do' -Detail "The program is not here, which takes the right of $($Account): secpol.msc, Local Policies, User Rights Assignment."
    }
    if ($Account -ne '') {
        $steps += @(Remove-Membership)
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
