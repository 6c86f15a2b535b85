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

    # What the cmdlets have goes into their pages, what the pages say stays. HelpTests finds the new parameters that have no text yet.
    Docs    = {
        Import-Tool Microsoft.PowerShell.PlatyPS
        & $tasks.Build
        # Without its help: PlatyPS would add the old texts to those of the pages.
        Remove-Item $PSScriptRoot/out/XpraAes/en-US -Recurse -ErrorAction Ignore
        Import-Module $PSScriptRoot/out/XpraAes/XpraAes.psd1
        $scratch = New-Item ([System.IO.Path]::GetTempPath()) -Name ([System.IO.Path]::GetRandomFileName()) -ItemType Directory
        foreach ($command in Get-Command -Module XpraAes) {
            $page = "$PSScriptRoot/docs/cmdlets/$($command.Name).md"
            if (-not (Test-Path $page)) {
                New-MarkdownCommandHelp -CommandInfo $command -OutputFolder $scratch | Move-Item -Destination $page
            }
            # PlatyPS leaves in the syntax what is gone, adds the common parameters only to a syntax that is there, and cannot read
            # a page back whose section of aliases is empty.
            $text = (Get-Content $page -Raw) -replace '(?s)(?<=## SYNTAX\n\n).*?(?=## )' -replace '(?s)(?<=## ALIASES\n\n).*?(?=## )', "None`n`n"
            Set-Content $page $text -NoNewline
            foreach ($pass in 1, 2) {
                Update-MarkdownCommandHelp -Path $page -NoBackup
            }
            # PlatyPS adds a byte order mark, the date, blank lines, and an output type where a cmdlet has none; and forgets the
            # common parameters in the second syntax of a cmdlet that has no default one.
            $text = (Get-Content $page -Raw) -replace '(?m)^ms\.date: .*\n' -replace '### System\.Object\n\n\{\{[^}]*\}\}\n\n' -replace '\n{3,}', "`n`n" `
                -replace '(?<=>\])(?<!\[<CommonParameters>\])(?=\n```\n\n##)', ' [<CommonParameters>]'
            Set-Content $page ($text.Trim() + "`n") -NoNewline -Encoding utf8NoBOM
        }
        $null = New-Item $PSScriptRoot/en-US -ItemType Directory -Force
        Get-ChildItem $PSScriptRoot/docs/cmdlets/*-*.md | Import-MarkdownCommandHelp | Export-MamlCommandHelp -OutputFolder $scratch |
            Move-Item -Destination $PSScriptRoot/en-US -Force
        # PlatyPS leaves the fences of Markdown around the examples.
        foreach ($file in Get-ChildItem $PSScriptRoot/en-US/*-Help.xml) {
            $text = (Get-Content $file -Raw) -replace '(?<=<maml:para>)```\w*\n' -replace '\n```(?=</maml:para>)'
            Set-Content $file $text -NoNewline -Encoding utf8NoBOM
        }
        Copy-Item $PSScriptRoot/en-US $PSScriptRoot/out/XpraAes -Recurse
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
