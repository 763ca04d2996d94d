# What Install-EntraRotator.ps1 and Uninstall-EntraRotator.ps1 share. It asks nobody: the scripts decide what is done.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

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

# The same, with what the program prints. What it says to standard error goes on to the console.
function Read-Program {
    param([string] $File, [string] $Arguments)
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $File, $Arguments
    $start.UseShellExecute = $false
    $start.RedirectStandardOutput = $true
    $start.StandardOutputEncoding = [System.Text.Encoding]::UTF8
    $process = [System.Diagnostics.Process]::Start($start)
    $text = $process.StandardOutput.ReadToEnd()
    $process.WaitForExit()
    return New-Object -TypeName psobject -Property @{ Code = $process.ExitCode; Text = $text }
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

Export-ModuleMember -Function Resolve-Sid, Invoke-Program, Read-Program, Set-Member, Get-AdministratorsName, New-Step
