# What stands before every script: the request comes in, one reply goes out, for Windows PowerShell 5.1.
#
# Standard input: line 1 is JSON without any secret; line 2, where there is one, a secret in base64 of UTF-8. A secret
# never meets a cmdlet as text: module logging (event 4103) writes down what cmdlets are given. Calls of .NET it does not.
# Standard output: lines that begin with a mark of ours, whatever else the host writes around them. Both ways are ASCII
# (the rest stands as \uXXXX), so the code page of the console is no matter.
# The host itself takes standard input, for $input, when -EncodedCommand is given; where it does not, it is read here, and
# only when it is a pipe: the planted task has a console of its own, where nobody types.
# What is set at this level holds in every module too, for this is the global scope. So the two lines below silence what
# modules say by the way, and strict mode is that of a function, main, in which each script does its work. Each call
# says -ErrorAction Stop itself, where a cmdlet might only write its error: a module's functions see no preference of main.
$WarningPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$lines = @($input)
if (($lines.Count -eq 0) -and [System.Console]::IsInputRedirected) {
    $lines = @([System.Console]::In.ReadToEnd().Split("`n"))
}
# Whoever reads this knows that the lines below would have come through, too.
[System.Console]::Out.WriteLine('entra-rotator-script ready')

function Read-Secret {
    return [System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String(([string]$lines[1]).Trim()))
}

# From here on something may have changed.
function Write-Acting {
    $script:acting = $true
    [System.Console]::Out.WriteLine('entra-rotator-script acting')
}

function Write-Reply {
    param($Reply)
    $json = ConvertTo-Json -InputObject $Reply -Compress -Depth 16
    $text = New-Object -TypeName System.Text.StringBuilder
    foreach ($letter in $json.ToCharArray()) {
        $code = [int]$letter
        if (($code -lt 32) -or ($code -gt 126)) {
            $null = $text.Append('\u').Append($code.ToString('x4'))
        }
        else {
            $null = $text.Append($letter)
        }
    }
    [System.Console]::Out.WriteLine('entra-rotator-script reply ' + $text.ToString())
}

function Write-Done {
    param($Value)
    Write-Reply -Reply @{ done = @{ value = $Value } }
}

# A reason of our own, by a word that our side knows.
function Write-Refusal {
    param([string] $Id, [string] $Detail)
    Write-Reply -Reply @{ refusal = @{ id = $Id; detail = $Detail } }
}

function Write-Fault {
    param($Fault)
    $causes = @()
    $exception = $Fault.Exception
    while (($null -ne $exception) -and ($causes.Count -lt 8)) {
        $causes += @{
            type = $exception.GetType().FullName
            message = ([string]$exception.Message)
            hresult = ([int]$exception.HResult)
        }
        $exception = $exception.InnerException
    }
    Write-Reply -Reply @{
        fault = @{
            acting = ([bool]$script:acting)
            id = ([string]$Fault.FullyQualifiedErrorId)
            category = ([string]$Fault.CategoryInfo.Category)
            causes = $causes
        }
    }
}

# The engine's times are UTC; some lack the mark of it. Null stays null.
function ConvertTo-Utc {
    param($Time)
    if ($null -eq $Time) {
        return $null
    }
    $at = [datetime]$Time
    if ($at.Kind -eq [System.DateTimeKind]::Unspecified) {
        $at = [datetime]::SpecifyKind($at, [System.DateTimeKind]::Utc)
    }
    return $at.ToUniversalTime().ToString('o', [System.Globalization.CultureInfo]::InvariantCulture)
}

# A property that not every build has.
function Get-Optional {
    param($Object, [string] $Name)
    if ($null -eq $Object) {
        return $null
    }
    $property = $Object.PSObject.Properties[$Name]
    if ($null -eq $property) {
        return $null
    }
    return $property.Value
}

# The module of the installed engine, from where the service's own key says it lies; by name where there is no such key.
function Import-SyncModule {
    $key = 'HKLM:\SYSTEM\CurrentControlSet\Services\ADSync\Parameters'
    if (Test-Path -LiteralPath $key -ErrorAction Stop) {
        $folder = [string](Get-ItemProperty -LiteralPath $key -Name Path -ErrorAction Stop).Path
        $file = [System.IO.Path]::Combine($folder, 'Bin\ADSync\ADSync.psd1')
        if (Test-Path -LiteralPath $file -ErrorAction Stop) {
            Import-Module -Name $file -ErrorAction Stop
            return
        }
    }
    Import-Module -Name ADSync -ErrorAction Stop
}

# The connector of that name; null after a refusal that names those there are.
function Find-Connector {
    param([string] $Name)
    $names = @()
    foreach ($connector in @(Get-ADSyncConnector -ErrorAction Stop)) {
        if ($connector.Name -eq $Name) {
            return $connector
        }
        $names += $connector.Name
    }
    Write-Refusal -Id 'no-such-connector' -Detail ($names -join ', ')
    return $null
}

# The results of a connector's last runs, newest first, each with its steps.
function Get-LastRuns {
    param($Connector, [int] $Count)
    $runs = @()
    $id = $Connector.Identifier
    $found = Get-ADSyncRunProfileResult -ConnectorId $id -NumberRequested $Count -RunStepDetails -ErrorAction Stop
    foreach ($run in @($found)) {
        if ($null -eq $run) {
            continue
        }
        $steps = @()
        foreach ($step in @(Get-Optional -Object $run -Name RunStepResults)) {
            if ($null -ne $step) {
                $steps += @{
                    number = ([int]$step.StepNumber)
                    result = ([string]$step.StepResult)
                    step = ([string](Get-Optional -Object $step -Name StepXml))
                    connection = ([string](Get-Optional -Object $step -Name ConnectorConnectionInformationXml))
                }
            }
        }
        $runs += @{
            id = ([string]$run.RunHistoryId)
            number = ([int]$run.RunNumber)
            profile = ([string]$run.RunProfileName)
            result = ([string]$run.Result)
            complete = ([bool](Get-Optional -Object $run -Name IsRunComplete))
            ended_at = ConvertTo-Utc -Time (Get-Optional -Object $run -Name EndDate)
            steps = $steps
        }
    }
    return @{ runs = $runs }
}

$script:acting = $false
