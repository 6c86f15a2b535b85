if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    throw "XpraAes needs a FullLanguage session, but this one is in $($ExecutionContext.SessionState.LanguageMode): make this machine's policy trust the module, or use another session."
}

# The built module has its assemblies next to this file; in a checkout they are in the build output.
$bin = [System.IO.Path]::Combine($PSScriptRoot, 'bin')
if (-not [System.IO.File]::Exists("$bin/XpraAes.Loader.dll")) {
    $bin = [System.IO.Path]::Combine($PSScriptRoot, 'out', 'XpraAes', 'bin')
}
if (-not [System.IO.File]::Exists("$bin/XpraAes.Loader.dll")) {
    throw "XpraAes is not built yet. Run this first: dotnet build '$PSScriptRoot'"
}

if (-not ('XpraAes.Loader.ModuleLoadContext' -as [type])) {
    $null = [System.Reflection.Assembly]::LoadFrom("$bin/XpraAes.Loader.dll")
}
$assembly = [XpraAes.Loader.ModuleLoadContext]::LoadCmdlets($bin)
$cmdlets = Import-Module -Assembly $assembly -PassThru

# From the second import on, the engine takes an assembly's cmdlets from its cache and does not export them from this module:
# https://github.com/PowerShell/PowerShell/issues/20710
$module = $ExecutionContext.SessionState.Module
if ($module.ExportedCmdlets.Count -lt $cmdlets.ExportedCmdlets.Count) {
    $addExportedCmdlet = $module.GetType().GetMethod('AddExportedCmdlet', [System.Reflection.BindingFlags]'Instance, NonPublic')
    foreach ($cmdlet in $cmdlets.ExportedCmdlets.Values) {
        if (-not $module.ExportedCmdlets.ContainsKey($cmdlet.Name)) {
            $addExportedCmdlet.Invoke($module, @(, $cmdlet))
        }
    }
}

# [XpraAes.PowerShell.ModuleLifetime] would not resolve: the type lives in the private load context.
$lifetime = $assembly.GetType('XpraAes.PowerShell.ModuleLifetime')
$lifetime::Enter()
$module.OnRemove = { $lifetime::Leave() }
