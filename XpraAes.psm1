if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    throw "XpraAes needs a session in FullLanguage, and this one is in $($ExecutionContext.SessionState.LanguageMode): have the policy of this machine trust the module, or use another session."
}

# The built module has its assemblies beside this file, a checkout has them in the module that the build leaves there.
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

# From the second import on, the engine takes the cmdlets of an assembly from its cache and does not export them from here:
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
