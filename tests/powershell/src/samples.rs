//! Scripts that must be judged so: the gate itself is held to them before it judges anything else.

/// What the samples may name.
pub const LAW: &str = "[sample]
command New-Object -TypeName -ArgumentList
command Get-Content -LiteralPath
command Write-Output
type string switch System.Guid
member Trim Value
key Name Number Fixed=one
";

/// A script, and a part of the complaint that must be made; `None` = it must be accepted. A permission that a
/// sample does not use is no matter here.
pub const SAMPLES: &[(&str, Option<&str>)] = &[
    ("$a = 1\n", None),
    ("param([string] $Name, [switch] $Check)\nif ($Check) {\n    Write-Output $Name.Trim()\n}\n", None),
    ("function Get-A {\n    param([string] $Name)\n    return $Name.Value\n}\nGet-A -Name 'x'\n", None),
    ("WRITE-OUTPUT 'x'\n", None),
    ("$a = New-Object -TypeName System.Guid -ArgumentList 'x'\n", None),
    // Another command, in every dress.
    ("Remove-Item -LiteralPath 'x'\n", Some("the command remove-item is not allowed")),
    ("Invoke-Expression 'x'\n", Some("the command invoke-expression")),
    ("iex 'x'\n", Some("the command iex")),
    ("$a = @(1 | ForEach-Object { Start-Process 'x' })\n", Some("the command foreach-object")),
    ("Write-Output \"a $(Get-Process) b\"\n", Some("the command get-process")),
    ("Write-Output @\"\na $(Get-Process) b\n\"@\n", Some("the command get-process")),
    ("if ($a) {\n    dsacls.exe 'x'\n}\n", Some("the command dsacls.exe")),
    ("& $command\n", Some("by & or .")),
    ("& 'dsacls.exe'\n", Some("by & or .")),
    (". ./other.ps1\n", Some("by & or .")),
    ("gc 'x'\n", Some("the command gc")),
    // Another parameter, also abbreviated or of a function of its own.
    ("Get-Content -Path 'x'\n", Some("not allowed to be given -path")),
    ("Get-Content -Lit 'x'\n", Some("not allowed to be given -lit")),
    ("function Get-A {\n    param([string] $Name)\n    return $Name\n}\nGet-A -Nmae 'x'\n", Some("given -nmae")),
    // Another type.
    ("[System.Diagnostics.Process]::Value\n", Some("the type system.diagnostics.process")),
    ("$a = [scriptblock] 'x'\n", Some("the type scriptblock")),
    ("$a = New-Object -TypeName System.Net.WebClient\n", Some("the type system.net.webclient")),
    ("$a = New-Object -TypeName $type\n", Some("the type that is made is written out")),
    ("param([System.Uri[]] $Name)\n$Name\n", Some("the type system.uri")),
    ("param([ValidateScript({ $true })] $Name)\n$Name\n", Some("the type validatescript")),
    // Another member.
    ("$a.Invoke('x')\n", Some("the member invoke")),
    ("$a.$name\n", Some("a member's name is written out")),
    ("$a = $b.Valeu\n", Some("the member valeu")),
    // Somewhere else to write to, and other letters.
    ("Write-Output 'x' > file\n", Some("nothing is written to files")),
    ("$a = '\u{2013}'\n", Some("not ASCII")),
    // Broken syntax.
    ("if ($a) {\n    $b\n", Some("broken syntax")),
    ("if ($a {\n    $b\n}\n", Some("broken syntax")),
    ("$a = 'x\n", Some("broken syntax")),
    ("$a = \"x\n", Some("broken syntax")),
    ("$a = @(1, 2\n", Some("broken syntax")),
    ("$a = @{ A = 1; B }\n", Some("broken syntax")),
    ("$a = 1 +\n", Some("broken syntax")),
    ("try {\n    $a\n}\n", Some("try without catch")),
    ("else {\n    $a\n}\n", Some("")),
    ("foreach ($a of $b) {\n    $a\n}\n", Some("broken syntax")),
    ("function {\n    $a\n}\n", Some("broken syntax")),
    ("param([string $Name)\n$Name\n", Some("broken syntax")),
    ("<# help\n$a = 1\n", Some("broken syntax")),
    ("$a = [int 5\n", Some("broken syntax")),
];

/// The same for data files.
pub const DATA: &[(&str, Option<&str>)] = &[
    ("# A table.\n@{\n    Name = 'x'\n    Number = @(1, 2)\n}\n", None),
    (
        "@{\n    Name = $true\n    'Number' = @{ Name = 'x'; Number = { param([string] $Name) Write-Output $Name } }\n}\n",
        None,
    ),
    ("@{ Fixed = 'One' }\n", None),
    ("@{ Fixed = 'two' }\n", Some("the key fixed is one, not two")),
    ("@{ Fixed = 'one', 'two' }\n", Some("the key fixed is one")),
    ("@{ Nmae = 'x' }\n", Some("the key nmae")),
    ("@{ Name = @{ Other = 'x' } }\n", Some("the key other")),
    ("@{ Name = $Name }\n", Some("no variable")),
    ("@{ Name = (Write-Output 'x') }\n", Some("runs no command")),
    ("@{ Name = { Remove-Item } }\n", Some("the command remove-item")),
    ("@{ Name = 'x' }\n@{ Number = 1 }\n", Some("one hash table")),
    ("$a = @{ Name = 'x' }\n", Some("one hash table")),
    ("'x'\n", Some("one hash table")),
    ("@{ Name = 'x'\n", Some("broken syntax")),
    ("@{ Name }\n", Some("broken syntax")),
];
