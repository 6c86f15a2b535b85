BeforeDiscovery {
    $script:hasXpra = @(Get-Command xpra, Xvfb -CommandType Application -ErrorAction Ignore | Select-Object -ExpandProperty Name -Unique).Count -eq 2
}

BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    $null = New-XpraAesKey $keyFile
    $script:listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CBC, CTR, GCM, CFB -WarningAction SilentlyContinue
    $script:port = $listener.Port
}

AfterAll {
    Get-XpraAesConnection | Disconnect-XpraAes
    $listener | Stop-XpraAesListener
}

Describe 'Connecting with Connect-XpraAes' -Tag Unit {
    It 'accepts a URI as for xpra attach: <Options>' -TestCases @(
        @{ Options = 'encryption=AES&keyfile=KEYFILE'; Mode = 'CBC' }
        @{ Options = 'encryption=AES-GCM&keyfile=KEYFILE'; Mode = 'GCM' }
        @{ Options = 'keyfile=KEYFILE'; Mode = 'CBC' }
        @{ Options = 'encryption=AES-CTR&keydata=0xKEYHEX'; Mode = 'CTR' }
    ) {
        $hex = [convert]::ToHexString([System.IO.File]::ReadAllBytes($keyFile))
        $query = $Options -creplace 'KEYFILE', $keyFile -creplace 'KEYHEX', $hex
        $connection = Connect-XpraAes "tcp://127.0.0.1:$port/?$query"
        $connection.Mode | Should -Be $Mode
        $connection.State | Should -Be 'Open'
        $connection.KeyProven | Should -BeTrue
        $connection.Latency.TotalMilliseconds | Should -BeGreaterThan 0
    }

    It 'accepts a host, a port and a mode: AES-<Mode>' -TestCases @(@{ Mode = 'CBC' }, @{ Mode = 'CTR' }, @{ Mode = 'GCM' }, @{ Mode = 'CFB' }) {
        (Connect-XpraAes -ComputerName localhost -Port $port -Mode $Mode -KeyFile $keyFile).Mode | Should -Be $Mode
    }

    It 'also accepts the mode as xpra writes it' {
        (Connect-XpraAes -ComputerName 127.0.0.1 -Port $port -Mode AES-CTR -KeyFile $keyFile).Mode | Should -Be 'CTR'
    }

    It 'accepts a key file relative to the current location' {
        Push-Location TestDrive:
        try {
            (Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=key.txt").State | Should -Be 'Open'
            (Connect-XpraAes "tcp://127.0.0.1:$port/" -KeyFile ./key.txt).State | Should -Be 'Open'
        }
        finally {
            Pop-Location
        }
    }

    It 'asks for a separate IV in every packet with -NoStream' {
        $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $port -KeyFile $keyFile -NoStream
        ($connection | Get-XpraCipherInfo).Stream | Should -Be $false, $false
    }

    It 'connects to a server that encrypts its first packet' {
        $other = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CBC -EncryptFirstPacket
        (Connect-XpraAes -ComputerName 127.0.0.1 -Port $other.Port -KeyFile $keyFile -EncryptFirstPacket).State | Should -Be 'Open'
        $other | Stop-XpraAesListener
    }

    It 'shows endpoint, mode and latency' {
        $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $port -KeyFile $keyFile
        $connection | Out-String | Should -Match "tcp://127\.0\.0\.1:$port/\s+127\.0\.0\.1:$port\s+CBC\s+Open\s+[0-9.]+ ms"
        $list = $connection | Format-List | Out-String
        $list | Should -Match 'Salt\s+: [0-9a-f]+'
        $list | Should -Match 'BytesIn\s+: [0-9.]+ (B|KB)'
        $list | Should -Match 'KeySource\s+: KeyFile'
    }
}

Describe 'Connecting to a fleet' -Tag Unit {
    It 'accepts the rows of a CSV file, and continues after failures' {
        @"
ComputerName,Port,Mode,KeyFile
127.0.0.1,$port,CTR,$keyFile
127.0.0.1,1,CTR,$keyFile
localhost,$port,,$keyFile
"@ | Set-Content (Join-Path $TestDrive hosts.csv)
        $connections = Import-Csv (Join-Path $TestDrive hosts.csv) | Connect-XpraAes -ThrottleLimit 8 -ErrorVariable failures -ErrorAction SilentlyContinue
        $connections | Should -HaveCount 2
        $connections.Mode | Sort-Object | Should -Be 'CBC', 'CTR'
        $failures | Should -HaveCount 1
        "$failures" | Should -BeLike 'tcp://127.0.0.1:1/: *'
        $failures.TargetObject | Should -Be 'tcp://127.0.0.1:1/'
    }

    It 'outputs each connection as soon as it is established' {
        $rows = 1..10 | ForEach-Object { "tcp://127.0.0.1:$port/?encryption=AES-CTR&keyfile=$keyFile" } | Connect-XpraAes -ThrottleLimit 4 | Get-XpraCipherInfo
        $rows | Should -HaveCount 20
        $rows.Mode | Sort-Object -Unique | Should -Be 'CTR'
    }

    It 'works in parallel loops, whose connections stay open' {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $ids = 1..4 | ForEach-Object -Parallel {
            Import-Module $using:manifest
            (Connect-XpraAes -ComputerName 127.0.0.1 -Port $using:port -KeyFile $using:keyFile).Id
        }
        (Get-XpraAesConnection -Id $ids).State | Should -Be 'Open', 'Open', 'Open', 'Open'
    }
}

Describe 'Trying several keys' -Tag Unit {
    It 'finds the one that the server has' {
        $other = Join-Path $TestDrive 'not this one.txt'
        $null = New-XpraAesKey $other
        $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $port -KeyFile $other, $keyFile
        $connection.KeyFingerprint | Should -Be (Get-XpraAesKey $keyFile).Fingerprint
    }
}

Describe 'Forwarding clients without AES to a server' -Tag Unit {
    It 'makes a socket that only its owner can use' -Skip:$IsWindows {
        $socket = Join-Path $TestDrive 'xpra.sock'
        $local = Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalSocket $socket
        $local.Endpoint | Should -Be $socket
        $local.Target | Should -Be "tcp://127.0.0.1:$port/"
        $local.AttachUri | Should -Be "socket://$socket"
        (Get-Item $socket).UnixMode | Should -Match '^.rw-------$'
        $local | Out-String | Should -Match 'none\s+Listening'
        $local | Stop-XpraAesListener
        $socket | Should -Not -Exist
    }

    It 'makes a pipe that only its user can use, and refuses a socket' -Skip:(-not $IsWindows) {
        $local = Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalPipe pester
        $local.Endpoint | Should -Be '\\.\pipe\Xpra\pester'
        $local.AttachUri | Should -Be 'named-pipe://pester'
        { Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalPipe 'Xpra\pester' -ErrorAction Stop } | Should -Throw -ErrorId 'PortInUse,*'
        $local | Out-String | Should -Match 'none\s+Listening'
        $local | Stop-XpraAesListener
        $null = Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalSocket (Join-Path $TestDrive 'xpra.sock') -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem.ErrorDetails.RecommendedAction | Should -Match '-LocalPipe'
    }

    It 'carries a session over the pipe, as a target and as a server' -Skip:(-not $IsWindows) {
        $null = Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalPipe pester
        $gateway = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target named-pipe://pester
        foreach ($number in 1..3) {
            (Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Port -KeyFile $keyFile).State | Should -Be 'Open'
        }
        $gateway.Connections | Should -HaveCount 3
        Get-XpraAesListener | Where-Object Endpoint -Match 'pester$' | Stop-XpraAesListener
        { Connect-XpraAes named-pipe://pester -KeyFile $keyFile -ErrorAction Stop } | Should -Throw -ErrorId 'ConnectionRefused,*'
        $gateway | Stop-XpraAesListener
    }

    It 'does not talk to a pipe that belongs to another account' -Skip:(-not $IsWindows) {
        $security = [System.IO.Pipes.PipeSecurity]::new()
        $security.AddAccessRule([System.IO.Pipes.PipeAccessRule]::new([System.Security.Principal.SecurityIdentifier]'S-1-1-0', 'FullControl', 'Allow'))
        $security.SetOwner([System.Security.Principal.SecurityIdentifier]'S-1-5-21-1-2-3-1001')
        try {
            $pipe = [System.IO.Pipes.NamedPipeServerStreamAcl]::Create('Xpra\squatted', 'InOut', -1, 'Byte', 'Asynchronous', 0, 0, $security)
        }
        catch {
            Set-ItResult -Skipped -Because "this user may not give a pipe to another: $_"
        }
        try {
            { Connect-XpraAes named-pipe://squatted -KeyFile $keyFile -ErrorAction Stop } | Should -Throw -ErrorId 'ForeignPipe,*'
            $pipe.IsConnected -and $pipe.ReadByte() -ge 0 | Should -BeFalse
            { Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalPipe squatted -ErrorAction Stop } | Should -Throw -ErrorId 'PortInUse,*'
        }
        finally {
            $pipe.Dispose()
        }
    }

    It 'has no pipes where they are not xpra''s, and names the socket' -Skip:$IsWindows {
        $null = Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalPipe pester -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem.FullyQualifiedErrorId | Should -BeLike 'InvalidOption,*'
        $problem.ErrorDetails.RecommendedAction | Should -Match '-LocalSocket'
        { Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target named-pipe://pester -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
        { Connect-XpraAes named-pipe://pester -KeyFile $keyFile -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }

    It 'refuses <Name> as the name of a pipe' -Skip:(-not $IsWindows) -TestCases @(@{ Name = '..\lsass' }, @{ Name = 'a/b' }, @{ Name = '\\server\pipe\name' }, @{ Name = ' ' }, @{ Name = 'x' * 201 }) {
        { Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalPipe $Name -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }

    It 'warns about a port, which every user of the machine can use' {
        $local = Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -LocalPort 0 -WarningVariable warnings -WarningAction SilentlyContinue
        $local.Endpoint | Should -Match '^127\.0\.0\.1:\d+$'
        "$warnings" | Should -Match 'Every user of this machine'
        $local | Stop-XpraAesListener
    }

    It 'allows one server' {
        { "tcp://127.0.0.1:$port/", "tcp://127.0.0.1:$port/" | Connect-XpraAes -KeyFile $keyFile -LocalPort 0 -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }
}

Describe 'Failing to connect' -Tag Unit {
    It 'reports that nobody listens' {
        { Connect-XpraAes -ComputerName 127.0.0.1 -Port 1 -KeyFile $keyFile -ErrorAction Stop } | Should -Throw -ErrorId 'ConnectionRefused,*'
    }

    It 'reports that the keys differ, and how to compare them' {
        $null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $port -Key (New-XpraAesKey) -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem.FullyQualifiedErrorId | Should -BeLike 'KeyMismatch,*'
        $problem.CategoryInfo.Category | Should -Be 'SecurityError'
        $problem.ErrorDetails.RecommendedAction | Should -Match 'fingerprint'
    }

    It 'recommends another mode, and the cmdlet that finds it' {
        $narrow = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CTR -WarningAction SilentlyContinue
        $null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $narrow.Port -Mode GCM -KeyFile $keyFile -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem.FullyQualifiedErrorId | Should -BeLike 'PeerDisconnected,*'
        "$problem" | Should -Match 'encryption error'
        $problem.ErrorDetails.RecommendedAction | Should -Match 'Test-XpraAes'
        $narrow | Stop-XpraAesListener
    }

    It 'gives up after -Timeout, in seconds or as a TimeSpan' {
        $silent = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $silent.Start()
        try {
            foreach ($timeout in 0.3, '0.3', ([timespan]'00:00:00.3'), '00:00:00.3') {
                { Connect-XpraAes -ComputerName 127.0.0.1 -Port $silent.LocalEndpoint.Port -KeyFile $keyFile -Timeout $timeout -ErrorAction Stop } |
                    Should -Throw -ErrorId 'HandshakeTimeout,*'
            }
        }
        finally {
            $silent.Stop()
        }
    }

    It 'does not guess if the URI and a parameter differ' {
        { Connect-XpraAes "tcp://127.0.0.1:$port/?encryption=AES-GCM&keyfile=$keyFile" -Mode CTR -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
        { Connect-XpraAes "tcp://127.0.0.1:$port/?keyfile=$keyFile" -KeyFile $keyFile -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }
}

Describe 'Completing on the command line' -Tag Unit {
    It 'offers <Offered> after <Line>' -TestCases @(
        @{ Line = 'Connect-XpraAes -Mode '; Offered = 'CBC', 'CFB', 'CTR', 'GCM' }
        @{ Line = 'Connect-XpraAes -KeyHash SHA3'; Offered = @('SHA384') }
        @{ Line = 'Connect-XpraAes -KeySize 1'; Offered = '128', '192' }
    ) {
        (TabExpansion2 $Line $Line.Length).CompletionMatches.CompletionText | Sort-Object | Should -Be $Offered
    }

    It 'offers files after -KeyFile' {
        $line = "Connect-XpraAes -KeyFile $TestDrive/k"
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be $keyFile
    }
}

Describe 'Connecting to xpra itself' -Tag Interop, Slow -Skip:(-not $hasXpra) {
    BeforeAll {
        . $PSScriptRoot/XpraServer.ps1
        # xpra and XpraAes read the same key file.
        $script:sharedFile = Join-Path $TestDrive 'shared.txt'
        New-XpraAesKey | Set-Content $sharedFile
        chmod 600 $sharedFile
        $script:xpra = Open-XpraServer -KeyFile $sharedFile -Folder $TestDrive
        $script:xpraPort = $xpra.Port
    }

    AfterAll {
        Close-XpraServer $xpra
    }

    It 'connects by URI, and sees the server''s version and cipher' {
        $connection = Connect-XpraAes "tcp://127.0.0.1:$xpraPort/?encryption=AES&keyfile=$sharedFile"
        $connection.PeerVersion | Should -Match '^\d+\.\d+'
        $connection.KeyProven | Should -BeTrue
        ($connection | Get-XpraCipherInfo).Cipher | Should -Be 'AES', 'AES'
        $connection | Disconnect-XpraAes
    }

    It 'reports that the keys differ if they do' {
        { Connect-XpraAes -ComputerName 127.0.0.1 -Port $xpraPort -Key (New-XpraAesKey) -ErrorAction Stop } | Should -Throw -ErrorId 'KeyMismatch,*'
    }
}
