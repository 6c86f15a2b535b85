BeforeAll {
    $script:manifest = "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    Import-Module $manifest
    $script:samples = "$PSScriptRoot/../../samples"
    Copy-Item -Path "$samples/gateway.psd1", "$samples/gateway.json" -Destination $TestDrive
    $null = New-XpraAesKey -Path "$TestDrive/key.txt" -Force
}

Describe 'Checking a configuration with Test-XpraAesConfiguration' -Tag Unit {
    It 'finds no mistake in the sample <_>' -ForEach 'gateway.psd1', 'gateway.json' {
        if ($IsWindows) {
            Set-ItResult -Skipped -Because 'the servers of the sample are on Unix sockets'
        }
        Test-XpraAesConfiguration "$TestDrive/$_" | Where-Object Severity -EQ Error | Should -BeNullOrEmpty
        Test-XpraAesConfiguration "$TestDrive/$_" -Quiet | Should -BeTrue
    }

    It 'shows the line, what is wrong and what to do' {
        Set-Content -Path "$TestDrive/wrong.psd1" -Value "@{`n Prot = 1`n KeyFile = 'key.txt'`n}"
        $problem = Get-Item "$TestDrive/wrong.psd1" | Test-XpraAesConfiguration
        $problem.Line | Should -Be 2
        $problem | Out-String | Should -Match 'Prot.*no such parameter'
        Test-XpraAesConfiguration "$TestDrive/wrong.psd1" -Quiet | Should -BeFalse
    }

    It 'warns once of what is so for many routes, and finds each mistake among them' {
        $routes = "'one' = 'tcp://127.0.0.1:1/'`n 'two' = 'tcpx://127.0.0.1:1/'`n 'three' = 'tcp://127.0.0.1:1/'`n 'four' = 'tcpx://127.0.0.1:1/'"
        Set-Content -Path "$TestDrive/routes.psd1" -Value "@{ Port = 0; KeyFile = 'key.txt'; Target = @{`n $routes`n} }"
        $problems = Test-XpraAesConfiguration "$TestDrive/routes.psd1"
        $warnings = @($problems | Where-Object Severity -EQ Warning)
        $warnings.Count | Should -BeGreaterThan 0
        $warnings | Group-Object Message | Where-Object Count -GT 1 | Should -BeNullOrEmpty
        ($problems | Where-Object Severity -EQ Error).Line | Should -Be 3, 5
    }

    It 'has a schema that the sample fits, and a wrong name does not' {
        $schema = "$PSScriptRoot/../../out/XpraAes/XpraAes.schema.json"
        Get-Content -Path "$samples/gateway.json" -Raw | Test-Json -SchemaFile $schema | Should -BeTrue
        '{ "Prot": 1 }' | Test-Json -SchemaFile $schema -ErrorAction Ignore | Should -BeFalse
    }

    It 'starts what it has found right' {
        Set-Content -Path "$TestDrive/right.psd1" -Value "@{ Port = 0; KeyFile = 'key.txt' }"
        $listener = Start-XpraAesListener -ConfigurationPath "$TestDrive/right.psd1"
        $listener.State | Should -Be Listening
        $listener | Set-XpraAesListener -ConfigurationPath "$TestDrive/right.psd1"
        $listener | Stop-XpraAesListener
    }
}
