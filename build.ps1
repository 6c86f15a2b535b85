#Requires -Version 7.4
<#
.SYNOPSIS
Builds, tests, documents, checks and packages XpraAes. Everything but Docs and Analyze is one dotnet command as well.
.EXAMPLE
./build.ps1
Leaves an importable module in out/XpraAes.
.EXAMPLE
./build.ps1 -Task Analyze, Test
#>
[CmdletBinding()]
param(
    # What to do, in this order.
    [ValidateSet('Build', 'Test', 'Docs', 'Analyze', 'Package')]
    [string[]] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Debug'
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true

function Import-Tool([string] $Name) {
    if (-not (Get-Module -ListAvailable $Name)) {
        throw "This task needs the module $Name. Run this first: Install-PSResource $Name"
    }
    Import-Module $Name
}

$tasks = @{
    Build   = {
        dotnet build $PSScriptRoot/src/XpraAes.PowerShell --configuration $Configuration
    }

    Test    = {
        dotnet test --configuration $Configuration
    }

    Docs    = {
        Import-Tool Microsoft.PowerShell.PlatyPS
        $help = Get-ChildItem $PSScriptRoot/docs/cmdlets/*-*.md | Import-MarkdownCommandHelp
        $scratch = Join-Path ([System.IO.Path]::GetTempPath()) ([System.IO.Path]::GetRandomFileName())
        $null = New-Item $PSScriptRoot/en-US -ItemType Directory -Force
        $help | Export-MamlCommandHelp -OutputFolder $scratch | Move-Item -Destination $PSScriptRoot/en-US -Force
        Remove-Item $scratch -Recurse
    }

    Analyze = {
        Import-Tool PSScriptAnalyzer
        $findings = 'XpraAes.psd1', 'XpraAes.psm1', 'build.ps1', 'samples', 'tests/pester' |
            ForEach-Object { Join-Path $PSScriptRoot $_ } | Where-Object { Test-Path $_ } |
            ForEach-Object { Invoke-ScriptAnalyzer -Path $_ -Recurse -Settings PSGallery }
        if ($findings) {
            $findings | Out-Host
            throw "PSScriptAnalyzer has $(@($findings).Count) findings."
        }

        # In processes of their own: a process that has imported the module keeps its assemblies.
        foreach ($manifest in "$PSScriptRoot/XpraAes.psd1", "$PSScriptRoot/out/XpraAes/XpraAes.psd1") {
            pwsh -NoProfile -Command "`$ErrorActionPreference = 'Stop'; Test-ModuleManifest '$manifest'; Import-Module '$manifest'"
        }
    }

    Package = {
        dotnet msbuild $PSScriptRoot/src/Package.proj
    }
}

Push-Location $PSScriptRoot
try {
    foreach ($name in $Task) {
        & $tasks[$name]
    }
}
finally {
    Pop-Location
}
