# What Install-EntraRotator.ps1 and Uninstall-EntraRotator.ps1 share. It asks nobody: the scripts decide what is done.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$right = 'SeServiceLogonRight'

# The security identifier of an account, as text.
function Resolve-Sid {
    param([string] $Name)
    try {
        $account = New-Object -TypeName System.Security.Principal.NTAccount -ArgumentList $Name
        return $account.Translate([System.Security.Principal.SecurityIdentifier]).Value
    }
    catch {
        throw "The account '$Name' was not found: $($_.Exception.Message) Give it as DOMAIN\name; the name of a managed service account ends with a dollar sign, so put it into single quotes."
    }
}

# Runs a program to its end and gives its exit code. No argument is ever a secret.
function Invoke-Program {
    param([string] $File, [string] $Arguments)
    $process = Start-Process -FilePath $File -ArgumentList $Arguments -Wait -PassThru -NoNewWindow
    return $process.ExitCode
}

function Invoke-Secedit {
    param([string] $Arguments)
    $file = [System.IO.Path]::Combine([System.Environment]::SystemDirectory, 'secedit.exe')
    $code = Invoke-Program -File $file -Arguments ($Arguments + ' /quiet')
    if ($code -ne 0) {
        throw "secedit.exe ended with $code. See %windir%\security\logs\scesrv.log."
    }
}

# Who may log on as a service, as the local policy has it: entries such as *S-1-5-80-0. `Folder` is one that only
# administrators can write to.
function Get-LogonRight {
    param([string] $Folder)
    $file = Join-Path -Path $Folder -ChildPath 'rights.inf'
    try {
        Invoke-Secedit -Arguments ('/export /cfg "' + $file + '" /areas USER_RIGHTS')
        foreach ($line in @(Get-Content -LiteralPath $file)) {
            $parts = @($line.Split('='))
            if (($parts.Count -eq 2) -and ($parts[0].Trim() -eq $right)) {
                return @($parts[1].Split(',') | ForEach-Object { $_.Trim() } | Where-Object { $_ -ne '' })
            }
        }
        return @()
    }
    finally {
        Remove-Item -LiteralPath $file -Force -ErrorAction SilentlyContinue
    }
}

# Gives the right to log on as a service, or takes it, and reads it back. The others keep it.
function Set-LogonRight {
    param([string] $Sid, [bool] $Present, [string] $Folder)
    $entry = '*' + $Sid
    $others = @(Get-LogonRight -Folder $Folder | Where-Object { $_ -ne $entry })
    if ($Present) {
        $others += $entry
    }
    $template = Join-Path -Path $Folder -ChildPath 'wanted.inf'
    $database = Join-Path -Path $Folder -ChildPath 'wanted.sdb'
    try {
        $lines = @(
            '[Unicode]',
            'Unicode=yes',
            '[Version]',
            'signature="$CHICAGO$"',
            'Revision=1',
            '[Privilege Rights]',
            ($right + ' = ' + ($others -join ','))
        )
        Set-Content -LiteralPath $template -Value $lines -Encoding Unicode
        Invoke-Secedit -Arguments ('/configure /db "' + $database + '" /cfg "' + $template + '" /areas USER_RIGHTS')
    }
    finally {
        Remove-Item -LiteralPath $template -Force -ErrorAction SilentlyContinue
        Remove-Item -LiteralPath $database -Force -ErrorAction SilentlyContinue
        # Newer Windows leave this beside a database.
        Remove-Item -LiteralPath (Join-Path -Path $Folder -ChildPath 'wanted.jfm') -Force -ErrorAction SilentlyContinue
    }
    $now = @(Get-LogonRight -Folder $Folder)
    if (($now -contains $entry) -ne $Present) {
        throw "The local policy does not show the change of $right. Where a group policy sets this right, change it there."
    }
    foreach ($other in $others) {
        if ($now -notcontains $other) {
            throw "$other has lost $right. Give it back with secpol.msc before one of its services starts next."
        }
    }
}

# Puts an account into a local group, or takes it out, and says what was done. Once is enough.
function Set-Member {
    param([string] $Group, [string] $Account, [bool] $Present)
    try {
        if ($Present) {
            Add-LocalGroupMember -Group $Group -Member $Account
        }
        else {
            Remove-LocalGroupMember -Group $Group -Member $Account
        }
        return 'done'
    }
    catch {
        if (($_.FullyQualifiedErrorId -like 'MemberExists*') -or ($_.FullyQualifiedErrorId -like 'MemberNotFound*')) {
            return 'as wanted already'
        }
        throw "$Account and the local group '$Group': $($_.Exception.Message)"
    }
}

# The name of the local group Administrators, in the language of this Windows.
function Get-AdministratorsName {
    $sid = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList 'S-1-5-32-544'
    $name = $sid.Translate([System.Security.Principal.NTAccount]).Value
    return @($name.Split('\'))[-1]
}

# One line of what the scripts tell.
function New-Step {
    param([string] $Step, [string] $State, [string] $Detail)
    New-Object -TypeName psobject -Property @{ Step = $Step; State = $State; Detail = $Detail } |
        Select-Object -Property Step, State, Detail
}

Export-ModuleMember -Function Resolve-Sid, Invoke-Program, Get-LogonRight, Set-LogonRight, Set-Member, Get-AdministratorsName, New-Step
