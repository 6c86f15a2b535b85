# Commands instead of methods, whose first calls take a process 10 ms each.
$bin = "$PSScriptRoot/bin"
try {
    Import-Module "$bin/XpraAes.Loader.dll" -ErrorAction Stop
}
catch {
    if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
        throw "XpraAes cannot be loaded in this session, which is in $($ExecutionContext.SessionState.LanguageMode): make this machine's policy trust the module, or use another session. $_"
    }
    if (-not [System.IO.File]::Exists("$bin/XpraAes.Loader.dll")) {
        throw "XpraAes is not built yet. Run this first: dotnet build '$PSScriptRoot'"
    }
    # From another folder it may be loaded already.
    $loaded = 'XpraAes.Loader.ModuleLoadContext' -as [type]
    if (-not $loaded) {
        throw
    }
    Import-Module -Assembly $loaded.Assembly
}
Import-XpraAesAssembly $bin
