BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    $null = New-XpraAesKey $keyFile
}

Describe 'Finding listeners with Get-XpraAesListener' -Tag Unit {
    BeforeAll {
        $script:first = Start-XpraAesListener -Port 0 -KeyFile $keyFile
        $script:second = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CTR -WarningAction SilentlyContinue
    }

    AfterAll {
        $first, $second | Stop-XpraAesListener
    }

    It 'returns all of them, oldest first' {
        (Get-XpraAesListener).Id | Should -Be $first.Id, $second.Id
    }

    It 'finds one by its id or port' {
        Get-XpraAesListener -Id $second.Id | Should -Be $second
        Get-XpraAesListener $first.Id | Should -Be $first
        Get-XpraAesListener -Port $first.Port | Should -Be $first
    }

    It 'reports which one does not exist, and returns the others' {
        $found = Get-XpraAesListener -Id 424242, $first.Id -ErrorVariable problem -ErrorAction SilentlyContinue
        $found | Should -Be $first
        $problem.FullyQualifiedErrorId | Should -BeLike 'NotFound,*'
        "$problem" | Should -Match '424242'
    }

    It 'shows its traffic' {
        $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $second.Port -Mode CTR -KeyFile $keyFile
        $second.Connections | Should -HaveCount 1
        $second.Accepted | Should -Be 1
        $second.BytesIn | Should -BeGreaterThan 200
        $list = $second | Format-List | Out-String
        $list | Should -Match 'Mode\s+: CTR'
        $list | Should -Match 'BytesIn\s+: [0-9.]+ (B|KB)'
        $list | Should -Match "KeyFingerprint\s+: $((Get-XpraAesKey $keyFile).Fingerprint)"
        $connection | Disconnect-XpraAes
    }

    It 'counts what it refused, by cause' {
        $null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $second.Port -Mode GCM -KeyFile $keyFile -ErrorAction SilentlyContinue
        $deadline = [datetime]::Now.AddSeconds(30)
        while ($second.Rejected -eq 0 -and [datetime]::Now -lt $deadline) {
            Start-Sleep -Milliseconds 20
        }
        $second | Format-List | Out-String | Should -Match 'Refusals\s+: ModeRejected: 1'
    }

    It 'finds listeners of another runspace' {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $port = 1 | ForEach-Object -Parallel {
            Import-Module $using:manifest
            (Start-XpraAesListener -Port 0 -KeyFile $using:keyFile).Port
        }
        $listener = Get-XpraAesListener -Port $port
        $listener.State | Should -Be 'Listening'
        $listener | Stop-XpraAesListener
    }

    It 'completes the ids of live listeners' {
        $line = 'Get-XpraAesListener -Id '
        $offered = (TabExpansion2 $line $line.Length).CompletionMatches
        $offered.CompletionText | Should -Be "$($first.Id)", "$($second.Id)"
        $offered[0].ToolTip | Should -Be "$first"
    }
}
