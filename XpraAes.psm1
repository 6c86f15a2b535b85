# Few calls of methods, since the first ones in a process take 10 ms each.
try {
    $bin = "$PSScriptRoot/bin"
    $loader = [System.Reflection.Assembly]::LoadFrom("$bin/XpraAes.Loader.dll")
}
catch {
    if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
        throw "XpraAes needs a FullLanguage session, but this one is in $($ExecutionContext.SessionState.LanguageMode): make this machine's policy trust the module, or use another session."
    }
    # The built module has its assemblies next to this file; in a checkout they are in the build output.
    if (-not [System.IO.File]::Exists("$bin/XpraAes.Loader.dll")) {
        $bin = "$PSScriptRoot/out/XpraAes/bin"
        if (-not [System.IO.File]::Exists("$bin/XpraAes.Loader.dll")) {
            throw "XpraAes is not built yet. Run this first: dotnet build '$PSScriptRoot'"
        }
    }
    # From another folder it may be loaded already.
    $loaded = 'XpraAes.Loader.ModuleLoadContext' -as [type]
    $loader = if ($loaded) { $loaded.Assembly } else { [System.Reflection.Assembly]::LoadFrom("$bin/XpraAes.Loader.dll") }
}
$assembly = $loader.GetType('XpraAes.Loader.ModuleLoadContext')::LoadCmdlets($bin)
$cmdlets = Import-Module -Assembly $assembly -PassThru

# [XpraAes.PowerShell.ModuleLifetime] would not resolve: the type lives in the private load context.
$lifetime = $assembly.GetType('XpraAes.PowerShell.ModuleLifetime')
$module = $ExecutionContext.SessionState.Module
$lifetime::Enter($module, $cmdlets)
$module.OnRemove = { $lifetime::Leave() }
