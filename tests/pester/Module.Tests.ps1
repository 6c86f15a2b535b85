BeforeAll {
    $manifest = "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    Import-Module $manifest -Force
}

Describe 'Using the module' -Tag Unit {
    It 'has a manifest that PowerShell accepts' {
        { Test-ModuleManifest -Path $manifest -ErrorAction Stop } | Should -Not -Throw
    }

    It 'exports every command in its manifest' {
        $declared = (Import-PowerShellDataFile -Path $manifest).CmdletsToExport | Sort-Object
        (Get-Command -Module XpraAes).Name | Sort-Object | Should -Be $declared
    }

    It 'names its commands with approved verbs' {
        $approved = (Get-Verb).Verb
        Get-Command -Module XpraAes | ForEach-Object { $_.Verb | Should -BeIn $approved }
    }

    It 'can be removed and imported again' {
        Remove-Module XpraAes
        Get-Command -Module XpraAes* -ListImported | Should -BeNullOrEmpty
        Import-Module $manifest
        Get-Module XpraAes | Should -Not -BeNullOrEmpty
    }

    It 'is available in every runspace of a parallel loop' {
        $versions = 1..3 | ForEach-Object -Parallel {
            Import-Module $using:manifest
            (Get-Module XpraAes).Version
        }
        $versions | Should -HaveCount 3
    }
}
