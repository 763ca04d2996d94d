# A module that is nothing but the home of a role capability: PowerShell finds those in modules alone.
@{
    ModuleVersion     = '1.0'
    GUID              = '5d1c7b7e-3f0a-4a5e-9d58-0f4b6c1a7e21'
    Author            = 'entra-rotator'
    Description       = 'The role capability of the endpoint EntraRotator.'
    PowerShellVersion = '5.1'
    FunctionsToExport = @()
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
