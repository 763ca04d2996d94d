<#
.SYNOPSIS
Gives the rotator's account the least rights in Active Directory, takes them back, or checks them.

.DESCRIPTION
Writes one access control entry for each right, explicitly on one object:

  Reset Password            on each account that is rotated
  read the account (optional, -ReadAccount)
                            on each account that is rotated: needed where Authenticated Users were taken out of the
                            group Pre-Windows 2000 Compatible Access, and the account was not hardened
  Replication Synchronization (optional, -ReplicationSynchronize)
                            on the domain's head: the new password may be sent to another domain controller at once
  read the fine-grained password policies (optional, -ReadPasswordSettings)
                            on the domain's Password Settings Container, inherited by the policies in it

The entries stand in the .sddl files beside this script, {sid} being the rotator's. Nothing else is granted.

Run it as somebody who may change permissions of these objects (a member of Domain Admins), once for each domain.
Run it after Set-ADSyncRestrictedPermissions: that removes every entry of an account but those of SELF.

It needs no module. Only entries that name the rotator's account itself are looked at: a right, or a refusal, that
it has through a group is not seen.

An account in a protected group (Domain Admins and others) gets its permissions from AdminSDHolder every hour, and an
entry made here disappears. Take the account out of the group; never put this entry on AdminSDHolder, which would
let the rotator reset the password of every administrator.

Not proven on Windows: this script was read by two parsers and held to a list of commands and types, but it was never
run. The entries themselves were applied to a Samba domain controller and their effect was seen there. Begin with
-WhatIf, and look with -Check afterwards.

It ends with 0 when all is as wanted; with 1 when -Check found something else; with 2 when something could not be
done or seen.

.PARAMETER RotatorAccount
The account that the rotator logs on with: DOMAIN\name (a group managed service account ends with $), name@domain, or
its security identifier (S-1-5-21-...).

.PARAMETER Account
The accounts to be rotated: distinguished names or sAMAccountNames, all in one domain.

.PARAMETER ReadAccount
Handles reading all ordinary properties of each account as well. What is marked confidential stays closed.

.PARAMETER ReplicationSynchronize
Handles Replication Synchronization on the domain's head as well.

.PARAMETER ReadPasswordSettings
Handles reading the fine-grained password policies as well.

.PARAMETER Server
A domain controller of the accounts' domain, best the one with the PDC emulator role, which the rotator asks first.
Without it Windows chooses one of your own domain.

.PARAMETER Remove
Takes back exactly these entries and nothing else: Reset Password on the accounts named, and what the switches name.

.PARAMETER Check
Changes nothing; says for each object: granted, missing, inherited only, refused, or more than needed. Give the same
switches as when you granted: what they do not name is more than needed.

.EXAMPLE
.\Set-RotatorDelegation.ps1 -RotatorAccount 'CONTOSO\rotator$' -Account MSOL_1a2b3c4d5e6f, svc-adsync -Server dc1.contoso.com -WhatIf

Shows what would be written.

.EXAMPLE
.\Set-RotatorDelegation.ps1 -RotatorAccount 'CONTOSO\rotator$' -Account MSOL_1a2b3c4d5e6f -ReadPasswordSettings

Grants Reset Password on one account, and lets the rotator read the fine-grained password policies.

.EXAMPLE
.\Set-RotatorDelegation.ps1 -RotatorAccount 'CONTOSO\rotator$' -Account MSOL_1a2b3c4d5e6f -Check

Says how it stands, and ends with 0 or 1.

.EXAMPLE
.\Set-RotatorDelegation.ps1 -RotatorAccount 'CONTOSO\rotator$' -Account MSOL_1a2b3c4d5e6f -ReadPasswordSettings -Remove

Takes both back.

.OUTPUTS
One object for each right and object: Object, Right, State, Detail.
#>
[CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High', DefaultParameterSetName = 'Grant')]
param(
    [Parameter(Mandatory = $true)]
    [ValidateNotNullOrEmpty()]
    [string]
    $RotatorAccount,

    [Parameter(Mandatory = $true)]
    [ValidateNotNullOrEmpty()]
    [string[]]
    $Account,

    [switch]
    $ReadAccount,

    [switch]
    $ReplicationSynchronize,

    [switch]
    $ReadPasswordSettings,

    [string]
    $Server,

    [Parameter(Mandatory = $true, ParameterSetName = 'Remove')]
    [switch]
    $Remove,

    [Parameter(Mandatory = $true, ParameterSetName = 'Check')]
    [switch]
    $Check
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# The rotator's security identifier.
function Resolve-Rotator {
    param([string] $Name)
    try {
        if ($Name -like 'S-1-*') {
            return New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $Name
        }
        $principal = New-Object -TypeName System.Security.Principal.NTAccount -ArgumentList $Name
        return $principal.Translate([System.Security.Principal.SecurityIdentifier])
    }
    catch {
        throw "The rotator's account '$Name' was not found: $($_.Exception.Message) Give it as DOMAIN\name, as name@domain or as its security identifier; the name of a managed service account ends with a dollar sign, so put it into single quotes."
    }
}

# The path of an object on the chosen domain controller. A slash in a distinguished name would end the name there.
function Get-ObjectPath {
    param([string] $Name)
    $escaped = $Name.Replace('/', '\/')
    if ($Server) {
        return 'LDAP://' + $Server + '/' + $escaped
    }
    return 'LDAP://' + $escaped
}

# Opens an object as the person who runs this, signed and sealed.
function Open-Object {
    param([string] $Name)
    try {
        $path = Get-ObjectPath -Name $Name
        $entry = New-Object -TypeName System.DirectoryServices.DirectoryEntry -ArgumentList $path
        $entry.psbase.AuthenticationType = [System.DirectoryServices.AuthenticationTypes] 'Secure, Signing, Sealing'
        $entry.psbase.RefreshCache()
        return $entry
    }
    catch {
        throw "'$Name' could not be opened: $($_.Exception.Message) See that the name is right, that -Server names a domain controller of its domain, and that you may read it."
    }
}

# The same, for its permissions. Only the access control list is read and written, never owner or auditing.
function Open-Permissions {
    param([string] $Name)
    $entry = Open-Object -Name $Name
    $entry.psbase.Options.SecurityMasks = [System.DirectoryServices.SecurityMasks]::Dacl
    return $entry
}

# Names in a search filter: RFC 4515.
function ConvertTo-FilterText {
    param([string] $Text)
    return $Text.Replace('\', '\5c').Replace('*', '\2a').Replace('(', '\28').Replace(')', '\29')
}

# The distinguished name of an account. It must be a user of the domain that is worked in.
function Resolve-Account {
    param([string] $Name, [string] $Domain)
    $distinguished = $Name
    if ($Name -notlike '*=*') {
        $root = Open-Object -Name $Domain
        $searcher = New-Object -TypeName System.DirectoryServices.DirectorySearcher -ArgumentList $root
        $searcher.Filter = '(&(objectClass=user)(sAMAccountName=' + (ConvertTo-FilterText -Text $Name) + '))'
        $found = @($searcher.FindAll())
        if ($found.Count -ne 1) {
            throw "$($found.Count) accounts in $Domain have the sAMAccountName '$Name'. Name the account by its distinguished name; for another domain give -Server a domain controller of it."
        }
        $distinguished = [string] $found[0].Properties['distinguishedname'][0]
    }
    if (-not $distinguished.EndsWith(',' + $Domain, [System.StringComparison]::OrdinalIgnoreCase)) {
        throw "'$distinguished' is not in $Domain. Give -Server a domain controller of the account's domain, and run once for each domain."
    }
    $object = Open-Object -Name $distinguished
    if (@($object.psbase.Properties['objectClass']) -notcontains 'user') {
        throw "'$distinguished' is not a user account. Name the account that is rotated, not its container."
    }
    if ([string] $object.psbase.Properties['adminCount'].Value -eq '1') {
        Write-Warning -Message "'$distinguished' has adminCount 1: it is or was in a protected group. While it is in one, AdminSDHolder replaces its permissions every hour and an entry made here disappears. Take the account out of the group, clear adminCount, let it inherit permissions again, and run this once more. Never put the entry on AdminSDHolder."
    }
    return $distinguished
}

# The entry of a .sddl file as an access rule. Windows itself reads the text.
function Read-Rule {
    param([string] $File, [System.Security.Principal.SecurityIdentifier] $Sid)
    $path = Join-Path -Path $PSScriptRoot -ChildPath $File
    try {
        $text = (Get-Content -LiteralPath $path -Raw).Trim().Replace('{sid}', $Sid.Value)
        $security = New-Object -TypeName System.DirectoryServices.ActiveDirectorySecurity
        $security.SetSecurityDescriptorSddlForm('D:' + $text, [System.Security.AccessControl.AccessControlSections]::Access)
        $rules = @($security.GetAccessRules($true, $false, [System.Security.Principal.SecurityIdentifier]))
    }
    catch {
        throw "$path could not be read as an access control entry: $($_.Exception.Message) Take the file anew from where you have this script."
    }
    if ($rules.Count -ne 1) {
        throw "$path holds $($rules.Count) entries, not one. Take the file anew from where you have this script."
    }
    return $rules[0]
}

# All entries of an object, for a comparison. Identities are security identifiers.
function Get-Rules {
    param($Entry, [bool] $Inherited)
    $security = $Entry.psbase.ObjectSecurity
    return @($security.GetAccessRules((-not $Inherited), $Inherited, [System.Security.Principal.SecurityIdentifier]))
}

# An entry as text: equal texts are equal entries.
function Format-Rule {
    param($Rule)
    $parts = @(
        $Rule.AccessControlType,
        $Rule.IdentityReference.Value,
        $Rule.ActiveDirectoryRights,
        $Rule.ObjectType,
        $Rule.InheritanceType,
        $Rule.InheritedObjectType
    )
    return $parts -join ' '
}

# Whether an allowing entry gives all that another one gives, on this object. An entry without an object type is for
# every property and every extended right.
function Test-Covers {
    param($Rule, $Wanted)
    $rights = [int] $Wanted.ActiveDirectoryRights
    if (([int] $Rule.ActiveDirectoryRights -band $rights) -ne $rights) {
        return $false
    }
    return ($Rule.ObjectType -eq [System.Guid]::Empty) -or ($Rule.ObjectType -eq $Wanted.ObjectType)
}

# How one right stands on one object, as far as entries tell that name the rotator itself and hold on this object.
# Expected are all the entries that were asked for there.
function Get-State {
    param([string] $Name, $Wanted, [string[]] $Expected)
    $entry = Open-Permissions -Name $Name
    $who = $Wanted.IdentityReference.Value
    $wantedText = Format-Rule -Rule $Wanted
    $own = @(Get-Rules -Entry $entry -Inherited $false | Where-Object { $_.IdentityReference.Value -eq $who })
    $inherited = @(Get-Rules -Entry $entry -Inherited $true | Where-Object { $_.IdentityReference.Value -eq $who })
    $inherited = @($inherited | Where-Object { $_.PropagationFlags -notmatch 'InheritOnly' })
    $exact = @($own | Where-Object { (Format-Rule -Rule $_) -eq $wantedText })
    $others = @($own | Where-Object { $Expected -notcontains (Format-Rule -Rule $_) })
    $refusing = @(@($own) + @($inherited) | Where-Object { $_.AccessControlType -eq 'Deny' })
    $covering = @($inherited | Where-Object { ($_.AccessControlType -eq 'Allow') -and (Test-Covers -Rule $_ -Wanted $Wanted) })
    $surplus = $others
    if ($exact.Count -gt 0) {
        $surplus = @($others) + @($inherited)
    }

    $state = 'granted'
    $detail = ''
    if ($refusing.Count -gt 0) {
        $state = 'refused'
        $detail = 'An entry refuses the rotator something here: ' + (Format-Rule -Rule $refusing[0])
    }
    elseif ($surplus.Count -gt 0) {
        $state = 'more than needed'
        $detail = 'Not needed: ' + (@($surplus | ForEach-Object { Format-Rule -Rule $_ }) -join '; ')
        if ($exact.Count -eq 0) {
            $detail = 'The needed entry itself is missing. ' + $detail
        }
    }
    elseif ($exact.Count -gt 0) {
        $detail = 'Nothing that is not asked for names the rotator here.'
    }
    elseif ($covering.Count -gt 0) {
        $state = 'inherited only'
        $detail = 'Hardening removes inherited entries: grant it explicitly.'
    }
    else {
        $state = 'missing'
    }
    return New-Object -TypeName psobject -Property @{ State = $state; Detail = $detail; Exact = ($exact.Count -gt 0) }
}

# Writes or removes the entry, reads the list back, and wants nothing else to have changed.
function Edit-Object {
    param([string] $Name, $Rule, [bool] $Taking)
    $entry = Open-Permissions -Name $Name
    $ruleText = Format-Rule -Rule $Rule
    $before = @(Get-Rules -Entry $entry -Inherited $false | ForEach-Object { Format-Rule -Rule $_ } | Where-Object { $_ -ne $ruleText })
    try {
        $security = $entry.psbase.ObjectSecurity
        if ($Taking) {
            $security.RemoveAccessRuleSpecific($Rule)
        }
        else {
            $security.AddAccessRule($Rule)
        }
        $entry.psbase.CommitChanges()
    }
    catch {
        throw "The permissions of '$Name' could not be written: $($_.Exception.Message) Run this as a member of Domain Admins. If it says that the list is not in canonical form, open the object's Security page in Active Directory Users and Computers first, which offers to mend it."
    }
    $fresh = Open-Permissions -Name $Name
    $after = @(Get-Rules -Entry $fresh -Inherited $false | ForEach-Object { Format-Rule -Rule $_ })
    $there = $after -contains $ruleText
    if ($there -eq $Taking) {
        throw "'$Name' does not show the change. Look at it with -Check; where the rotator has another entry on this object, Windows may have joined the two: remove that one by hand, and run this again."
    }
    $rest = @($after | Where-Object { $_ -ne $ruleText })
    if ((@($before | Sort-Object) -join '; ') -ne (@($rest | Sort-Object) -join '; ')) {
        Write-Warning -Message "Other entries of '$Name' are not the same as before: somebody else changed them in this moment, or Windows put them in order. Compare them with what you expect."
    }
}

# One right on one object: looks, asks, acts, and says what is now.
function Invoke-Right {
    param([string] $Name, [string] $Right, $Rule, [string[]] $Expected)
    $found = Get-State -Name $Name -Wanted $Rule -Expected $Expected
    $state = $found.State
    $detail = $found.Detail
    if (-not $Check) {
        $taking = [bool] $Remove
        $action = 'Grant to ' + $RotatorAccount + ': ' + $Right
        if ($taking) {
            $action = 'Take from ' + $RotatorAccount + ': ' + $Right
        }
        if ($found.Exact -ne $taking) {
            $state = 'as wanted already'
        }
        elseif ($PSCmdlet.ShouldProcess($Name, $action)) {
            Edit-Object -Name $Name -Rule $Rule -Taking $taking
            $now = Get-State -Name $Name -Wanted $Rule -Expected $Expected
            $state = $now.State
            $detail = $now.Detail
        }
        else {
            $state = 'not changed'
        }
    }
    New-Object -TypeName psobject -Property @{ Object = $Name; Right = $Right; State = $state; Detail = $detail } |
        Select-Object -Property Object, Right, State, Detail
}

$exitCode = 0
$results = @()
try {
    $sid = Resolve-Rotator -Name $RotatorAccount
    $rootEntry = Open-Object -Name 'RootDSE'
    $domain = [string] $rootEntry.psbase.Properties['defaultNamingContext'].Value
    $names = @($Account | ForEach-Object { Resolve-Account -Name $_ -Domain $domain })

    $resetPassword = Read-Rule -File 'reset-password.sddl' -Sid $sid
    $read = Read-Rule -File 'read-account.sddl' -Sid $sid
    $expected = @(Format-Rule -Rule $resetPassword)
    if ($ReadAccount) {
        $expected += Format-Rule -Rule $read
    }
    foreach ($name in $names) {
        $results += Invoke-Right -Name $name -Right 'Reset Password' -Rule $resetPassword -Expected $expected
        if ($ReadAccount) {
            $results += Invoke-Right -Name $name -Right 'Read the account' -Rule $read -Expected $expected
        }
    }
    if ($ReplicationSynchronize) {
        $rule = Read-Rule -File 'replication-synchronize.sddl' -Sid $sid
        $results += Invoke-Right -Name $domain -Right 'Replication Synchronization' -Rule $rule -Expected (Format-Rule -Rule $rule)
    }
    if ($ReadPasswordSettings) {
        $rule = Read-Rule -File 'read-pso.sddl' -Sid $sid
        $container = 'CN=Password Settings Container,CN=System,' + $domain
        $results += Invoke-Right -Name $container -Right 'Read password settings' -Rule $rule -Expected (Format-Rule -Rule $rule)
    }
    if ($Check -and (@($results | Where-Object { $_.State -ne 'granted' }).Count -gt 0)) {
        $exitCode = 1
    }
    $results
}
catch {
    # What was done before this stays done.
    $results
    Write-Error -Message $_.Exception.Message -ErrorAction Continue
    $exitCode = 2
}
exit $exitCode
