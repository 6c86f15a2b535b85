BeforeDiscovery {
    $script:hasXpra = @(Get-Command xpra, Xvfb -CommandType Application -ErrorAction Ignore | Select-Object -ExpandProperty Name -Unique).Count -eq 2
}

BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    $null = New-XpraAesKey $keyFile
    $script:listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CTR -Limit @{ FailuresBeforeBlock = 1000 } -WarningAction SilentlyContinue
    $script:port = $listener.Port
    $script:uri = "tcp://127.0.0.1:$port/?encryption=AES-CTR&keyfile=$keyFile"
}

AfterAll {
    $listener | Stop-XpraAesListener
}

Describe 'Finding out whether AES works with Test-XpraAes' -Tag Unit {
    It 'returns the result of each check' {
        $found = Test-XpraAes $uri
        $found.Check | Should -Be 'Connection', 'Protocol', 'Encryption', 'Mode', 'Iterations', 'Padding', 'Key', 'Authentication', 'Enforcement'
        $found.Result | Sort-Object -Unique | Should -Be 'Passed'
        $found.Endpoint | Sort-Object -Unique | Should -Be "tcp://127.0.0.1:$port/"
    }

    It 'returns a boolean with -Quiet' {
        Test-XpraAes $uri -Quiet | Should -BeTrue
        Test-XpraAes -ComputerName 127.0.0.1 -Port $port -Mode CTR -Key (New-XpraAesKey) -Quiet | Should -BeFalse
        Test-XpraAes -ComputerName 127.0.0.1 -Port 1 -KeyFile $keyFile -Quiet | Should -BeFalse
    }

    It 'opens no session' {
        $alone = Start-XpraAesListener -Port 0 -KeyFile $keyFile
        $null = Test-XpraAes -ComputerName 127.0.0.1 -Port $alone.Port -KeyFile $keyFile
        $alone.Connections | Should -BeNullOrEmpty
        $alone | Stop-XpraAesListener
        $alone.Rejected | Should -Be 1 -Because 'it asks once without the key'
    }

    It 'prints the checks in their order, the cause marked, and what to do' {
        $table = & { Test-XpraAes -ComputerName 127.0.0.1 -Port 1 -KeyFile $keyFile } | Out-String -Width 200
        $table | Should -Match 'Endpoint: tcp://127\.0\.0\.1:1/'
        $table | Should -Match '(?s)> Failed +Connection +ConnectionRefused: .*Protocol.*Enforcement.*What to do: Check the port'
    }

    It 'shows everything in the list' {
        $list = Test-XpraAes $uri | Select-Object -First 1 | Format-List | Out-String
        foreach ($property in 'Endpoint', 'Check', 'Result', 'Finding', 'Message', 'RecommendedAction', 'IsCause', 'Conclusion', 'PeerVersion') {
            $list | Should -Match "(?m)^$property\s+:"
        }
    }

    It 'shows each step with -Verbose' {
        $steps = Test-XpraAes $uri -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }
        "$steps" | Should -Match 'probe, asking in AES-CTR.*announced AES-CTR, 256 bits.*sent hello.*received hello'
    }
}

Describe 'Reading the cause' -Tag Unit {
    It 'is marked: <Finding>' -TestCases @(
        @{ Finding = 'ConnectionRefused'; Server = { @{ Port = 1 } } }
        @{ Finding = 'ModeRejected'; Server = { @{ Port = $port; KeyFile = $keyFile } } }
        @{ Finding = 'KeyMismatch'; Server = { @{ Port = $port; Mode = 'CTR'; Key = New-XpraAesKey } } }
        @{ Finding = 'KeyFormDiffers'; Server = { @{ Port = $port; Mode = 'CTR'; KeyData = "$(Get-Content $keyFile -Raw) " } } }
        @{ Finding = 'IterationsRejected'; Server = { @{ Port = $port; Mode = 'CTR'; KeyFile = $keyFile; Iterations = 1000000 } } }
    ) {
        $given = & $Server
        if (-not $given.Keys.Where{ $_ -like 'Key*' }) {
            $given.KeyFile = $keyFile
        }
        $cause = Test-XpraAes -ComputerName 127.0.0.1 @given -WarningAction SilentlyContinue | Where-Object IsCause
        $cause.Result | Should -Be 'Failed'
        $cause.Finding | Should -Be $Finding
        $cause.RecommendedAction | Should -Not -BeNullOrEmpty
    }

    It 'identifies something that is not xpra' -Skip:(-not (Get-Command Start-ThreadJob -ErrorAction Ignore)) {
        $otherServer = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $otherServer.Start()
        $otherPort = $otherServer.LocalEndpoint.Port
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        try {
            $test = Start-ThreadJob {
                Import-Module $using:manifest
                (Test-XpraAes -ComputerName 127.0.0.1 -Port $using:otherPort -KeyFile $using:keyFile | Where-Object IsCause).Finding
            }
            $client = $otherServer.AcceptTcpClient()
            $greeting = [System.Text.Encoding]::ASCII.GetBytes("SSH-2.0-OpenSSH_9.2`r`n")
            $client.GetStream().Write($greeting, 0, $greeting.Length)
            $test | Receive-Job -Wait -AutoRemoveJob | Should -Be 'PeerIsSsh'
            $client.Dispose()
        }
        finally {
            $otherServer.Stop()
        }
    }

    It 'reports that a password is required, and uses it' {
        $passwordFile = Join-Path $TestDrive 'password.txt'
        Set-Content $passwordFile 'not a good one' -NoNewline
        $guarded = Start-XpraAesListener -Port 0 -KeyFile $keyFile -PasswordFile $passwordFile
        (Test-XpraAes -ComputerName 127.0.0.1 -Port $guarded.Port -KeyFile $keyFile | Where-Object IsCause).Finding | Should -Be 'AuthenticationRequired'
        (Test-XpraAes -ComputerName 127.0.0.1 -Port $guarded.Port -KeyFile $keyFile -PasswordFile $passwordFile).Finding | Should -Contain 'Authenticated'
        $guarded | Stop-XpraAesListener
    }
}

Describe 'Testing a fleet' -Tag Unit {
    It 'accepts the rows of a CSV file, and keeps the findings of each together' {
        @"
ComputerName,Port,Mode,KeyFile
127.0.0.1,$port,CTR,$keyFile
127.0.0.1,1,CTR,$keyFile
localhost,$port,,$keyFile
"@ | Set-Content (Join-Path $TestDrive hosts.csv)
        $found = Import-Csv (Join-Path $TestDrive hosts.csv) | Test-XpraAes -ThrottleLimit 8
        $found | Should -HaveCount 27
        for ($i = 0; $i -lt 27; $i += 9) {
            $found[$i..($i + 8)].Endpoint | Sort-Object -Unique | Should -HaveCount 1
        }
        ($found | Where-Object Result -EQ Failed).Finding | Sort-Object | Should -Be 'ConnectionRefused', 'ModeRejected'
    }

    It 'continues after invalid input' {
        $answers = 'nonsense', $uri | Test-XpraAes -Quiet -ErrorVariable failures -ErrorAction SilentlyContinue
        $answers | Should -BeTrue
        $failures.FullyQualifiedErrorId | Should -BeLike 'InvalidUri,*'
    }
}

Describe 'Testing xpra itself' -Tag Interop, Slow -Skip:(-not $hasXpra) {
    BeforeAll {
        . $PSScriptRoot/XpraServer.ps1
        $script:xpra = Open-XpraServer -KeyFile $keyFile -Folder $TestDrive
        $script:xpraPort = $xpra.Port
    }

    AfterAll {
        Close-XpraServer $xpra
    }

    It 'finds its version and its padding' {
        $found = Test-XpraAes -ComputerName 127.0.0.1 -Port $xpraPort -KeyFile $keyFile -Timeout 30
        $found.Result | Should -Not -Contain 'Failed'
        $found[0].PeerVersion | Should -Match '^\d+\.\d+'
        ($found | Where-Object Check -EQ Padding).Finding | Should -Match '^PaddingUnit(16|32)$'
    }

    It 'distinguishes a wrong key from one with an extra space' {
        $key = Get-Content $keyFile -Raw
        (Test-XpraAes -ComputerName 127.0.0.1 -Port $xpraPort -Key (New-XpraAesKey) -Timeout 30 | Where-Object IsCause).Finding | Should -Be 'KeyMismatch'
        $cause = Test-XpraAes -ComputerName 127.0.0.1 -Port $xpraPort -KeyData "$key " -Timeout 30 -WarningAction SilentlyContinue | Where-Object IsCause
        $cause.Finding | Should -Be 'KeyFormDiffers'
        $cause.Message | Should -Match 'without the white space'
    }

    It 'finds nobody attached with Get-XpraCipherInfo -Uri' {
        Get-XpraCipherInfo -Uri "tcp://127.0.0.1:$xpraPort/" -KeyFile $keyFile -Timeout 30 -WarningVariable warnings -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        "$warnings" | Should -Match 'no client is attached'
    }
}
