#Requires -Version 5.1
#Requires -PSEdition Desktop
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs entra-rotator on this Windows server, or brings it up to date.

.DESCRIPTION
Copies the program, makes its folder of data for SYSTEM, Administrators and the service's account alone, lays an example
of the configuration there when there is none, puts the account, on a Connect server, into its groups, and puts the
service in, which gives the account the right to log on as a service. It does not start a service that did not run.

Run it again after each new version: what is as wanted already stays untouched. It was read by two parsers and never
run: begin with -WhatIf.

.PARAMETER Account
The group managed service account that the service runs as: 'CONTOSO\gmsa-rotator$'. With -AgentOnly the account that
the rotator logs on with from elsewhere.

.PARAMETER Program
The program to install: entra-rotator.exe beside this script, when nothing is said.

.PARAMETER AgentOnly
The rotator runs elsewhere and reaches this server over SSH or WinRM: no service, no configuration.

.PARAMETER SyncGroup
The group that may configure the sync engine, where another one than ADSyncAdmins was chosen at its setup.

.EXAMPLE
.\Install-EntraRotator.ps1 -Account 'CONTOSO\gmsa-rotator$' -WhatIf

.NOTES
Ends with 0 when all is done, with 1 when something is left to you (State: to do), with 2 when something failed. What was
done before that stays done.
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [Parameter(Mandatory = $true)]
    [ValidateNotNullOrEmpty()]
    [string]
    $Account,

    [string]
    $Program = '',

    [switch]
    $AgentOnly,

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
# What is brought to its end before a stop may take 15 minutes (stop_limit_s), and a minute more.
$stopLimit = New-TimeSpan -Minutes 18
$startLimit = New-TimeSpan -Minutes 5
$system = 'S-1-5-18'
$administrators = 'S-1-5-32-544'

# The managed account must work on this machine before a service is told to use it.
function Test-Account {
    $name = @($Account.Split('\'))[-1]
    if ($null -eq (Get-Command -Name Test-ADServiceAccount -ErrorAction SilentlyContinue)) {
        $known = Get-Registration
        if (($null -ne $known) -and ($known.State -eq 'Running') -and ($known.StartName -eq $Account)) {
            return New-Step -Step 'managed account' -State 'as wanted already' -Detail "The service runs as $Account."
        }
        return New-Step -Step 'managed account' -State 'to do' -Detail "Not tested, for the module ActiveDirectory is not here. Install-WindowsFeature RSAT-AD-PowerShell, then Test-ADServiceAccount '$name'. It must say True."
    }
    if (Test-ADServiceAccount -Identity $name -WarningAction SilentlyContinue) {
        return New-Step -Step 'managed account' -State 'as wanted already' -Detail $Account
    }
    if ($PSCmdlet.ShouldProcess($Account, 'Install-ADServiceAccount')) {
        try {
            Install-ADServiceAccount -Identity $name
        }
        catch {
            throw "$Account can't be used on this machine: $($_.Exception.Message) On a machine with the module ActiveDirectory, as an administrator of the domain: Set-ADServiceAccount '$name' -PrincipalsAllowedToRetrieveManagedPassword with a group that this machine is in, or this machine itself. After a change of a group restart this machine, then run this again."
        }
        if (-not (Test-ADServiceAccount -Identity $name)) {
            throw "$Account still can't be used on this machine. Restart it when it was put into a group just now; see that its clock is right; then run this again."
        }
        return New-Step -Step 'managed account' -State 'done' -Detail $Account
    }
    return New-Step -Step 'managed account' -State 'not changed' -Detail $Account
}

# Stops the service and gives whether it ran. A program that runs can't be replaced.
function Stop-Rotator {
    $found = Get-Service -Name $service -ErrorAction SilentlyContinue
    if (($null -eq $found) -or ([string]$found.Status -eq 'Stopped')) {
        return $false
    }
    if (-not $PSCmdlet.ShouldProcess($service, 'Stop the service')) {
        return $false
    }
    try {
        $found.Stop()
        $found.WaitForStatus('Stopped', $stopLimit)
    }
    catch {
        throw "The service did not stop: $($_.Exception.Message) A rotation that can't wait is brought to its end first: look with 'entra-rotator status', and run this again."
    }
    return $true
}

function Copy-Program {
    $source = $Program
    if ($source -eq '') {
        $source = Join-Path -Path $PSScriptRoot -ChildPath 'entra-rotator.exe'
    }
    if (-not (Test-Path -LiteralPath $source -PathType Leaf)) {
        throw "'$source' is not there. Name the program with -Program."
    }
    $new = (Get-FileHash -LiteralPath $source -Algorithm SHA256).Hash
    if ((Test-Path -LiteralPath $installed) -and ((Get-FileHash -LiteralPath $installed -Algorithm SHA256).Hash -eq $new)) {
        return New-Step -Step 'program' -State 'as wanted already' -Detail $installed
    }
    if (-not $PSCmdlet.ShouldProcess($installed, 'Copy the program')) {
        return New-Step -Step 'program' -State 'not changed' -Detail $installed
    }
    $script:ran = Stop-Rotator
    $null = New-Item -ItemType Directory -Path $folder -Force
    try {
        Copy-Item -LiteralPath $source -Destination $installed -Force
    }
    catch {
        throw "The program was not copied: $($_.Exception.Message) When it is in use, an agent or a command of it runs: wait for its end, and run this again."
    }
    if ((Get-FileHash -LiteralPath $installed -Algorithm SHA256).Hash -ne $new) {
        throw "'$installed' is not what was copied. Run this again."
    }
    return New-Step -Step 'program' -State 'done' -Detail ($installed + ', SHA-256 ' + $new)
}

# The folder of data: configuration, journal, protected secrets, and the lock that agents take in turn.
function Set-DataFolder {
    param([string] $Sid)
    $trusted = @($system, $administrators)
    # Full control; the service's account may change what is in it, but not who else may.
    $sddl = 'O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)'
    if (-not $AgentOnly) {
        $trusted += $Sid
        $sddl += '(A;OICI;0x1301bf;;;' + $Sid + ')'
    }
    $identity = [System.Security.Principal.SecurityIdentifier]
    $sections = [System.Security.AccessControl.AccessControlSections] 'Access, Owner'
    $security = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm($sddl, $sections)
    if (Test-Path -LiteralPath $data) {
        # Anybody may make a folder below ProgramData, and files in one with its usual permissions; an owner can always
        # come back.
        $items = @(Get-Item -LiteralPath $data -Force) + @(Get-ChildItem -LiteralPath $data -Force -Recurse)
        foreach ($item in $items) {
            $owner = (Get-Acl -LiteralPath $item.FullName).GetOwner($identity).Value
            if (([string]$item.Attributes -match 'ReparsePoint') -or ($trusted -notcontains $owner)) {
                throw "'$($item.FullName)' is a link, or belongs to $owner. Look at what it is; remove it, or give it to Administrators: takeown.exe /a /f. Then run this again."
            }
        }
        $now = [System.IO.Directory]::GetAccessControl($data, $sections)
        if ($now.GetSecurityDescriptorSddlForm($sections) -eq $security.GetSecurityDescriptorSddlForm($sections)) {
            return New-Step -Step 'data folder' -State 'as wanted already' -Detail $data
        }
    }
    if (-not $PSCmdlet.ShouldProcess($data, 'Make the folder, for SYSTEM, Administrators and the service alone')) {
        return New-Step -Step 'data folder' -State 'not changed' -Detail $data
    }
    $null = New-Item -ItemType Directory -Path $data -Force
    [System.IO.Directory]::SetAccessControl($data, $security)
    $now = [System.IO.Directory]::GetAccessControl($data, $sections)
    $rules = @($now.GetAccessRules($true, $true, $identity))
    $others = @($rules | Where-Object { $trusted -notcontains $_.IdentityReference.Value })
    if (($rules.Count -ne $trusted.Count) -or ($others.Count -gt 0) -or (-not $now.AreAccessRulesProtected)) {
        throw "The permissions of '$data' are not as they were set. Look at them with icacls.exe."
    }
    return New-Step -Step 'data folder' -State 'done' -Detail ($data + ': ' + ($trusted -join ', '))
}

function Add-Config {
    if (Test-Path -LiteralPath $config) {
        return New-Step -Step 'configuration' -State 'as wanted already' -Detail ($config + ' was there and stays')
    }
    if ($PSCmdlet.ShouldProcess($config, 'Copy the example of the configuration')) {
        Copy-Item -LiteralPath (Join-Path -Path $PSScriptRoot -ChildPath 'config.example.toml') -Destination $config
        return New-Step -Step 'configuration' -State 'to do' -Detail ('Make it yours: ' + $config)
    }
    return New-Step -Step 'configuration' -State 'not changed' -Detail $config
}

# On a Connect server: Administrators, for the service manager; the engine's own group, for its cmdlets.
function Add-Groups {
    if ($null -eq (Get-Service -Name ADSync -ErrorAction SilentlyContinue)) {
        return New-Step -Step 'groups' -State 'as wanted already' -Detail 'No service ADSync: this is no Connect server, and the account needs no group.'
    }
    foreach ($group in @((Get-AdministratorsName), $SyncGroup)) {
        $step = 'group ' + $group
        if ($PSCmdlet.ShouldProcess($group, "Put $Account into the local group")) {
            try {
                New-Step -Step $step -State (Set-Member -Group $group -Account $Account -Present $true) -Detail $Account
            }
            catch {
                New-Step -Step $step -State 'to do' -Detail ($_.Exception.Message + ' Where it is a group of the domain, put the account in there.')
            }
        }
        else {
            New-Step -Step $step -State 'not changed' -Detail $Account
        }
    }
}

# What the service manager holds of the service: nothing where there is none.
function Get-Registration {
    return Get-CimInstance -ClassName Win32_Service -Filter "Name='$service'"
}

# The account and the command line that it starts with.
function Get-Start {
    $found = Get-Registration
    if ($null -eq $found) {
        return ''
    }
    return ($found.StartName + ': ' + $found.PathName)
}

# The program itself gives the account the right to log on as a service: CreateServiceW does not, the console
# services.msc does. Without it the start ends with 1069, event 7041.
function Add-Service {
    if (-not $PSCmdlet.ShouldProcess($service, "Put in the service, as $Account, with the right to log on as a service")) {
        return New-Step -Step 'service' -State 'not changed' -Detail $service
    }
    $before = Get-Start
    # Also where it is there: once more is no harm, and brings back a right that was taken.
    $arguments = 'service install --account "' + $Account + '" --config "' + $config + '"'
    $code = Invoke-Program -File $installed -Arguments $arguments
    if ($code -ne 0) {
        throw "The service was not put in: entra-rotator ended with $code and said why above."
    }
    $now = Get-Start
    if ($now -eq '') {
        throw "The service was put in, and the service manager does not know it. Look at services.msc, and run this again."
    }
    if ($now -eq $before) {
        return New-Step -Step 'service' -State 'as wanted already' -Detail $now
    }
    $script:changed = $true
    return New-Step -Step 'service' -State 'done' -Detail ($now + '. The right to log on as a service is in the local policy: where a group policy sets it, enter the account there too.')
}

# The file alone is looked at; a service that ran before runs again.
function Complete-Service {
    if (-not (Test-Path -LiteralPath $config)) {
        return
    }
    $code = Invoke-Program -File $installed -Arguments ('config check --config "' + $config + '"')
    if ($code -ne 0) {
        return New-Step -Step 'start' -State 'to do' -Detail ("The configuration has faults, told above. Then: Start-Service $service")
    }
    $found = Get-Service -Name $service -ErrorAction SilentlyContinue
    if ($null -eq $found) {
        return
    }
    # It was not stopped for a new program: one that runs with what it is to start with is left alone.
    if ([string]$found.Status -eq 'Running') {
        if ($script:changed) {
            return New-Step -Step 'start' -State 'to do' -Detail "It runs with its account and command line of before: Restart-Service $service"
        }
        return New-Step -Step 'start' -State 'as wanted already' -Detail 'It runs.'
    }
    if (-not $script:ran) {
        return New-Step -Step 'start' -State 'to do' -Detail "entra-rotator plan --all, and then: Start-Service $service"
    }
    $found.Start()
    $found.WaitForStatus('Running', $startLimit)
    return New-Step -Step 'start' -State 'done' -Detail 'It ran before, and runs again.'
}

$ran = $false
$changed = $false
$exitCode = 0
$steps = @()
try {
    if ((-not $AgentOnly) -and (-not $Account.EndsWith('$'))) {
        throw "'$Account' is no managed service account: its name must end with a dollar sign. Make one on a machine with the module ActiveDirectory: New-ADServiceAccount -Name gmsa-rotator -DNSHostName gmsa-rotator.contoso.com -PrincipalsAllowedToRetrieveManagedPassword SYNC1`$"
    }
    $sid = Resolve-Sid -Name $Account
    if (-not $AgentOnly) {
        $steps += @(Test-Account)
    }
    $steps += @(Copy-Program)
    $steps += @(Set-DataFolder -Sid $sid)
    if (-not $AgentOnly) {
        $steps += @(Add-Config)
    }
    $steps += @(Add-Groups)
    if (-not $AgentOnly) {
        $steps += @(Add-Service)
        if (-not $WhatIfPreference) {
            $steps += @(Complete-Service)
        }
    }
    if (@($steps | Where-Object { $_.State -eq 'to do' }).Count -gt 0) {
        $exitCode = 1
    }
    $steps
}
catch {
    $steps
    Write-Error -Message $_.Exception.Message -ErrorAction Continue
    if ($ran) {
        Write-Warning -Message "The service ran before, and stands now. Start it when the fault is mended: Start-Service $service"
    }
    $exitCode = 2
}
exit $exitCode
