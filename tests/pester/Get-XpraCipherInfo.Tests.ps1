BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    New-XpraAesKey | Set-Content $keyFile
}

Describe 'Seeing what cipher a connection really uses with Get-XpraCipherInfo' -Tag Unit {
    BeforeAll {
        $script:listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CBC, CTR, GCM, CFB -WarningAction SilentlyContinue
        $script:connections = foreach ($mode in 'CBC', 'CTR', 'GCM', 'CFB') {
            Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Mode $mode -KeyFile $keyFile -WarningAction SilentlyContinue
        }
    }

    AfterAll {
        $listener | Stop-XpraAesListener
    }

    It 'returns a row for each direction of each connection' {
        $rows = Get-XpraCipherInfo | Where-Object Cipher -EQ AES
        $rows | Should -HaveCount 16
        $rows | Where-Object Connection -EQ $connections[1].Id | ForEach-Object { "$($_.Direction) $($_.Mode)" } | Should -Be 'Send CTR', 'Receive CTR'
    }

    It 'returns the rows of piped-in connections or listeners' {
        ($connections[2] | Get-XpraCipherInfo).Mode | Should -Be 'GCM', 'GCM'
        (Get-XpraCipherInfo -Connection $connections[0, 1]).Mode | Should -Be 'CBC', 'CBC', 'CTR', 'CTR'
        $ours = ($listener | Get-XpraCipherInfo).Connection | Sort-Object -Unique
        $ours | Should -Be $listener.Connections.Id
    }

    It 'shows the same at both ends: what one sends, the other receives' {
        $ours = $connections[1] | Get-XpraCipherInfo
        $theirs = $listener.Connections[1] | Get-XpraCipherInfo
        $ours[0].Salt | Should -Be $theirs[1].Salt
        $ours[0].IV | Should -Be $theirs[1].IV
        $ours[1].Salt | Should -Be $theirs[0].Salt
    }

    It 'shows that xpra does not authenticate, even in GCM' {
        (Get-XpraCipherInfo).Authenticated | Sort-Object -Unique | Should -Be $false
    }

    It 'shows a table of six columns' {
        $table = $connections[1] | Get-XpraCipherInfo | Out-String
        $table | Should -Match 'Connection Direction Peer\s+Cipher-Mode KeySize KeyProven Sealed'
        $table | Should -Match "$($connections[1].Id) Send\s+127\.0\.0\.1:$($listener.Port)\s+AES-CTR\s+256 True"
        $connections[0] | Get-XpraCipherInfo | Out-String | Should -Match 'AES-CBC'
    }

    It 'shows everything in the list' {
        $list = ($connections[0] | Get-XpraCipherInfo)[0] | Format-List | Out-String
        $list -replace '\r?\n\s+', '' | Should -Match 'Salt\s+: [0-9a-f]{128}'
        $list | Should -Match 'IV\s+: [0-9a-f]{32}'
        $list | Should -Match 'Padding\s+: PKCS#7'
        $list | Should -Match 'KeySource\s+: KeyFile'
        $list | Should -Match "KeyFingerprint\s+: $((Get-XpraAesKey $keyFile).Fingerprint)"
    }
}

Describe 'Asking a server about its clients' -Tag Unit {
    BeforeAll {
        $script:server = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CTR -WarningAction SilentlyContinue
        $script:uri = "tcp://127.0.0.1:$($server.Port)/?encryption=AES-CTR&keyfile=$keyFile"
    }

    AfterAll {
        $server | Stop-XpraAesListener
    }

    It 'warns if nobody is attached' {
        Get-XpraCipherInfo -Uri $uri -WarningVariable warnings -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        "$warnings" | Should -Match 'no client is attached'
    }

    It 'returns two rows for each client, with its address and the server asked, and does not disconnect it' {
        $clients = Connect-XpraAes $uri, $uri -WarningAction SilentlyContinue
        $rows = Get-XpraCipherInfo -Uri $uri -WarningAction SilentlyContinue
        $rows | Should -HaveCount 4
        $rows.Mode | Sort-Object -Unique | Should -Be 'CTR'
        $rows.KeyProven | Sort-Object -Unique | Should -BeTrue
        $rows.Endpoint | Sort-Object -Unique | Should -Be "tcp://127.0.0.1:$($server.Port)/"
        $rows.Peer | Sort-Object -Unique | Should -Be ($server.Connections.Peer | Sort-Object)
        $clients.State | Should -Be 'Open', 'Open'
        $rows | Out-String | Should -Match 'Connection Direction Peer\s+Cipher-Mode KeySize KeyProven Sealed'
        $clients | Disconnect-XpraAes
    }

    It 'names the server that fails, and asks the others' {
        $client = Connect-XpraAes $uri -WarningAction SilentlyContinue
        $rows = Get-XpraCipherInfo -Uri "tcp://127.0.0.1:1/?keyfile=$keyFile", $uri -ErrorVariable failures -ErrorAction SilentlyContinue -WarningAction SilentlyContinue
        $rows | Should -HaveCount 2
        $failures.TargetObject | Should -Be 'tcp://127.0.0.1:1/'
        $client | Disconnect-XpraAes
    }

    It 'shows each step with -Verbose' {
        $steps = Get-XpraCipherInfo -Uri $uri -Verbose -WarningAction SilentlyContinue 4>&1
        "$steps" | Should -Match 'announced AES-CTR, 256 bits.*received hello'
    }
}

Describe 'Listing the ciphers of xpra' -Tag Unit {
    It 'lists every mode with the versions that have it' {
        $ciphers = Get-XpraCipherInfo -Supported
        $ciphers.Mode | Should -Be 'CBC', 'CTR', 'GCM', 'CFB'
        ($ciphers | Where-Object Mode -EQ GCM).XpraVersions | Should -Be '4.3 to 6.1'
        ($ciphers | Where-Object Recommended).Mode | Should -Be 'CBC'
        $ciphers | Out-String | Should -Match 'AES\s+CFB\s+128, 192, 256\s+4\.3 to 6\.5\.2\s+False'
    }
}

Describe 'Having nothing to show' -Tag Unit {
    It 'gives a hint' {
        Get-XpraCipherInfo -WarningVariable warnings -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        "$warnings" | Should -Match '-Connection and -Listener'
        "$warnings" | Should -Match '-Supported'
    }
}
