#Requires -Version 5.1
#Requires -PSEdition Desktop
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Puts in the JEA endpoint EntraRotator on a Connect server, brings it up to date, or takes it out.

.DESCRIPTION
Whoever is in the group may connect by PowerShell remoting and hand entra-rotator's agent one request, as the managed
service account, and nothing else. The rotator itself does not use this door: see README.md beside this script.

WinRM must be restarted for it to count, which ends every remote session of this server: that is left to you. It was read
by two parsers and never run: begin with -WhatIf.

.PARAMETER Group
The group that is let in: 'CONTOSO\entra-rotator-callers'. Its members can set this server's passwords.

.PARAMETER Account
The group managed service account that the agent runs as: 'CONTOSO\gmsa-rotator$'. Its rights: docs/windows.md.

.PARAMETER Remove
Takes the endpoint out.

.EXAMPLE
.\Register-EntraRotatorEndpoint.ps1 -Group 'CONTOSO\entra-rotator-callers' -Account 'CONTOSO\gmsa-rotator$' -WhatIf

.NOTES
Ends with 0 when it is done, with 2 when something failed.
#>
[CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Register')]
param(
    [Parameter(Mandatory = $true, ParameterSetName = 'Register')]
    [ValidateNotNullOrEmpty()]
    [string]
    $Group,

    [Parameter(Mandatory = $true, ParameterSetName = 'Register')]
    [ValidateNotNullOrEmpty()]
    [string]
    $Account,

    [Parameter(Mandatory = $true, ParameterSetName = 'Remove')]
    [switch]
    $Remove
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$name = 'EntraRotator'
$module = Join-Path -Path $env:ProgramFiles -ChildPath 'WindowsPowerShell\Modules\EntraRotator'

# The name must exist, and must not end the quotes that it is put into. PowerShell takes four typographic signs for quotes.
function Test-Name {
    param([string] $Text)
    if ($Text -match "['\u2018-\u201b{}]") {
        throw "'$Text' has a quotation mark or a brace in it. Choose another name."
    }
    try {
        $principal = New-Object -TypeName System.Security.Principal.NTAccount -ArgumentList $Text
        $null = $principal.Translate([System.Security.Principal.SecurityIdentifier])
    }
    catch {
        throw "'$Text' was not found: $($_.Exception.Message) Give it as DOMAIN\name, in single quotes."
    }
}

function Remove-Endpoint {
    if ($null -eq (Get-PSSessionConfiguration -Name $name -ErrorAction SilentlyContinue)) {
        return
    }
    Unregister-PSSessionConfiguration -Name $name -Force -NoServiceRestart
}

function Add-Endpoint {
    $roles = Join-Path -Path $module -ChildPath 'RoleCapabilities'
    $null = New-Item -ItemType Directory -Path $roles -Force
    $source = Join-Path -Path $PSScriptRoot -ChildPath 'EntraRotator'
    Copy-Item -LiteralPath (Join-Path -Path $source -ChildPath 'EntraRotator.psd1') -Destination $module -Force
    Copy-Item -LiteralPath (Join-Path -Path $source -ChildPath 'RoleCapabilities\EntraRotatorAgent.psrc') -Destination $roles -Force
    $text = Get-Content -LiteralPath (Join-Path -Path $PSScriptRoot -ChildPath 'EntraRotator.pssc') -Raw
    # Without the dollar sign: PowerShell puts one behind the name itself (CreateGMSAAccountCredentials, in the file
    # CustomShellCommands.cs of PowerShell's source; seen there, and not in that of Windows PowerShell 5.1).
    $text = $text.Replace('{gmsa}', $Account.TrimEnd('$')).Replace('{group}', $Group)
    $file = Join-Path -Path $module -ChildPath 'EntraRotator.pssc'
    Set-Content -LiteralPath $file -Value $text -Encoding Unicode
    if (-not (Test-PSSessionConfigurationFile -Path $file)) {
        throw "'$file' is no session configuration for this PowerShell. Nothing was registered."
    }
    Remove-Endpoint
    $null = Register-PSSessionConfiguration -Name $name -Path $file -Force -NoServiceRestart
    if ($null -eq (Get-PSSessionConfiguration -Name $name -ErrorAction SilentlyContinue)) {
        throw "The endpoint $name is not there after all. Look at the events of WinRM."
    }
}

$exitCode = 0
try {
    if ($Remove) {
        if ($PSCmdlet.ShouldProcess($name, 'Take the endpoint out')) {
            Remove-Endpoint
            if (Test-Path -LiteralPath $module) {
                Remove-Item -LiteralPath $module -Recurse -Force
            }
            Write-Warning -Message 'The endpoint is taken out. Sessions that are open end with: Restart-Service WinRM'
        }
    }
    else {
        if (-not $Account.EndsWith('$')) {
            throw "'$Account' is no managed service account: its name must end with a dollar sign."
        }
        Test-Name -Text $Group
        Test-Name -Text $Account
        if ($PSCmdlet.ShouldProcess($name, "Put the endpoint in, for $Group, as $Account")) {
            Add-Endpoint
            Write-Warning -Message 'The endpoint is put in. It counts from the next start of WinRM, which ends open sessions: Restart-Service WinRM'
        }
    }
}
catch {
    Write-Error -Message $_.Exception.Message -ErrorAction Continue
    $exitCode = 2
}
exit $exitCode
