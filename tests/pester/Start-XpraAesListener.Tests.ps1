BeforeDiscovery {
    $script:hasXpra = [bool](Get-Command xpra -CommandType Application -ErrorAction Ignore)
    $script:hasServer = @(Get-Command xpra, Xvfb -CommandType Application -ErrorAction Ignore | Select-Object -ExpandProperty Name -Unique).Count -eq 2
}

BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    $null = New-XpraAesKey $keyFile
}

AfterAll {
    Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
}

Describe 'Listening with Start-XpraAesListener' -Tag Unit {
    It 'listens on loopback, for CBC only, in the background' {
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile
        $listener.Endpoint | Should -Match '^127\.0\.0\.1:\d+$'
        $listener.Mode | Should -Be 'CBC'
        $listener.State | Should -Be 'Listening'
        $listener | Out-String | Should -Match "$($listener.Endpoint)\s+CBC\s+Listening"
    }

    It 'sends each session where its name leads, and to the first server that answers' {
        $first, $second = 1..2 | ForEach-Object { Start-XpraAesListener -Port 0 -KeyFile $keyFile }
        $toFirst, $toSecond = $first, $second | ForEach-Object { "tcp://$($_.Endpoint)/?keyfile=$keyFile" }
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target @{ mail = $toFirst; '*' = "tcp://127.0.0.1:1/?keyfile=$keyFile", $toSecond } -WarningAction SilentlyContinue
        $mail = Connect-XpraAes "tcp://ada@$($listener.Endpoint)/mail" -KeyFile $keyFile -ErrorAction Stop
        $other = Connect-XpraAes "tcp://ada@$($listener.Endpoint)/" -KeyFile $keyFile -ErrorAction Stop
        $first.Connections | Should -HaveCount 1
        $second.Connections | Should -HaveCount 1
        $listener.Connections.Route | Should -Be 'mail', '*'
        $shown = $listener.Routes | Format-Table Name, Sessions, Unavailable | Out-String
        $shown | Should -Match '(?m)^mail\s+1 \{\}'
        $shown | Should -Match '(?m)^\*\s+1 \{tcp://127.0.0.1:1/\}'
        $mail, $other | Disconnect-XpraAes
    }

    It 'accepts every mode if asked to' {
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CBC, CTR, GCM, CFB -WarningAction SilentlyContinue
        $listener | Out-String | Should -Match "$($listener.Endpoint)\s+any\s+Listening"
    }

    It 'is open to other machines with -BindAddress Any, and shows the URI' {
        $listener = Start-XpraAesListener -Port 0 -BindAddress Any -Mode GCM -KeyFile $keyFile -WarningAction SilentlyContinue
        $listener.Endpoint | Should -BeLike '0.0.0.0:*'
        $listener.AttachUri | Should -Be "tcp://$([System.Environment]::MachineName):$($listener.Port)/?encryption=AES-GCM&keyfile=$keyFile"
    }

    It 'takes the key from <Form>' -TestCases @(
        @{ Form = 'a file'; Arguments = { @{ KeyFile = $keyFile } } }
        @{ Form = 'a file of a drive'; Arguments = { @{ KeyFile = 'TestDrive:/key.txt' } } }
        @{ Form = 'text'; Arguments = { @{ KeyData = Get-Content $keyFile -Raw } } }
        @{ Form = 'an object'; Arguments = { @{ Key = Get-XpraAesKey $keyFile } } }
        @{ Form = 'a SecureString'; Arguments = { @{ Key = [System.Net.NetworkCredential]::new('', (Get-Content $keyFile -Raw)).SecurePassword } } }
    ) {
        $given = & $Arguments
        $listener = Start-XpraAesListener -Port 0 @given -WarningAction SilentlyContinue
        $listener.KeyFingerprint | Should -Be (Get-XpraAesKey $keyFile).Fingerprint
    }

    It 'takes the key from XPRA_ENCRYPTION_KEY if no other is given' {
        $before = $env:XPRA_ENCRYPTION_KEY
        try {
            $env:XPRA_ENCRYPTION_KEY = Get-Content $keyFile -Raw
            (Start-XpraAesListener -Port 0).KeySource | Should -Be 'Environment'
            (Start-XpraAesListener -Port 0 -KeyFile $keyFile).KeySource | Should -Be 'KeyFile'
        }
        finally {
            $env:XPRA_ENCRYPTION_KEY = $before
        }
    }

    It 'takes a key file from the pipeline' {
        (Get-Item $keyFile | Start-XpraAesListener -Port 0).KeySource | Should -Be 'KeyFile'
        (Get-XpraAesKey $keyFile | Start-XpraAesListener -Port 0).KeySource | Should -Be 'KeyFile'
    }

    It 'writes who came and went to the file of -AuditLogPath, as JSON' {
        $log = Join-Path $TestDrive 'audit.json'
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -AuditLogPath $log
        Connect-XpraAes -ComputerName localhost -Port $listener.Port -KeyFile $keyFile | Disconnect-XpraAes
        $listener | Stop-XpraAesListener
        $events = @(Get-Content $log | ConvertFrom-Json)
        foreach ($attempt in 1..300) {
            if ($events[-1].event -eq 'ListenerStopped') { break }
            Start-Sleep -Milliseconds 100
            $events = @(Get-Content $log | ConvertFrom-Json)
        }
        $events.event | Should -Be 'Listening', 'SessionOpened', 'KeyProven', 'SessionClosed', 'ListenerStopped'
        $events[3].keyFingerprint | Should -Be (Get-XpraAesKey $keyFile).Fingerprint
        $events[3].bytesIn | Should -BeGreaterThan 0
        Get-Content $log -Raw | Should -Not -Match ([regex]::Escape((Get-Content $keyFile -Raw).Trim()))
    }

    It 'reports an audit log that it cannot write, and listens nowhere' {
        { Start-XpraAesListener -Port 0 -KeyFile $keyFile -AuditLogPath (Join-Path $TestDrive 'no/such/folder') -ErrorAction Stop } | Should -Throw -ErrorId 'LogUnwritable,*'
    }

    It 'takes the address of a client from a trusted proxy only' {
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -TrustedSource 127.0.0.1 -ProxyProtocol Required
        $connection = Connect-XpraAes "tcp://127.0.0.1:$($listener.Port)/?send-proxy=v2" -KeyFile $keyFile
        $connection.State | Should -Be 'Open'
        { Connect-XpraAes "tcp://127.0.0.1:$($listener.Port)/" -KeyFile $keyFile -ErrorAction Stop } | Should -Throw
        $listener.Refusals['ProxyHeaderInvalid'] | Should -Be 1
        { Start-XpraAesListener -Port 0 -KeyFile $keyFile -ProxyProtocol Required -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }

    It 'warns that with -ProxyProtocol Optional some clients can have any address' {
        $null = Start-XpraAesListener -Port 0 -KeyFile $keyFile -TrustedSource 127.0.0.1 -ProxyProtocol Optional -WarningVariable warnings -WarningAction SilentlyContinue
        $warnings | Should -Match 'any address'
    }

    It 'writes each handshake to the file of -LogPath, which only its owner can read' {
        $log = Join-Path $TestDrive 'listener.log'
        $listener = Start-XpraAesListener -Port 0 -Mode CTR -KeyFile $keyFile -LogPath $log
        Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Mode CTR -KeyFile $keyFile | Disconnect-XpraAes
        $listener | Stop-XpraAesListener
        $deadline = (Get-Date).AddSeconds(30)
        while (-not ((Get-Content $log -Raw) -match 'stopped') -and (Get-Date) -lt $deadline) {
            Start-Sleep -Milliseconds 50
        }
        $text = Get-Content $log -Raw
        $text | Should -Match 'asks for AES-CTR, 256 bits, SHA1, 10000 iterations'
        $text | Should -Match 'session open'
        $text | Should -Not -Match (Get-Content $keyFile -Raw)
        if (-not $IsWindows) {
            (Get-Item $log).UnixMode | Should -Be '-rw-------'
        }
    }

    It 'shows with -WhatIf where it would listen, for what, and with which key' {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $shell = (Get-Command pwsh -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source ?? [System.Environment]::ProcessPath
        $said = & $shell -NoProfile -Command "Import-Module '$manifest'; Start-XpraAesListener 10000 -BindAddress Any -Mode CTR, CBC -KeyFile '$keyFile' -WhatIf -WarningAction SilentlyContinue"
        $said | Should -Match '0\.0\.0\.0:10000'
        $said | Should -Match 'AES-CTR, AES-CBC'
        $said | Should -Match (Get-XpraAesKey $keyFile).Fingerprint
    }

    It 'warns about <What>' -TestCases @(
        @{ What = 'a weak key'; Arguments = @{ KeyData = '0x0011223344' }; Pattern = 'guess' }
        @{ What = 'text that xpra would read otherwise'; Arguments = @{ KeyData = '00112233445566778899aabbccddeeff' }; Pattern = 'keydata=' }
        @{ What = 'a short AES key'; Arguments = @{ KeyData = '0x00112233445566778899aabbccddeeff'; KeySize = 192 }; Pattern = '192 bits are not recommended' }
        @{ What = 'a first packet that is not secret'; Arguments = @{ KeyData = '0x00112233445566778899aabbccddeeff'; EncryptFirstPacket = $true; Mode = 'CTR', 'GCM', 'CFB' }; Pattern = 'CTR, GCM, CFB it is not secret' }
    ) {
        $null = Start-XpraAesListener -Port 0 @Arguments -WarningVariable warnings -WarningAction SilentlyContinue
        @($warnings) -match $Pattern | Should -HaveCount 1
    }

    It 'warns about a key file that others can read, with the chmod to run' -Skip:$IsWindows {
        $open = Join-Path $TestDrive 'open.txt'
        New-XpraAesKey | Set-Content $open
        chmod 644 $open
        $null = Start-XpraAesListener -Port 0 -KeyFile $open -WarningVariable warnings -WarningAction SilentlyContinue
        "$warnings" | Should -Match "chmod 600 $open"
    }

    It 'has <ErrorId> for <Because>' -TestCases @(
        @{ ErrorId = 'PortInUse'; Because = 'a port that is taken'; Arguments = { @{ Port = (Start-XpraAesListener -Port 0 -KeyFile $keyFile).Port; KeyFile = $keyFile } } }
        @{ ErrorId = 'AddressUnavailable'; Because = 'an address of another machine'; Arguments = { @{ Port = 0; BindAddress = '192.0.2.1'; KeyFile = $keyFile } } }
        @{ ErrorId = 'KeyFileNotFound'; Because = 'a key file that is not there'; Arguments = { @{ Port = 0; KeyFile = 'none' } } }
        @{ ErrorId = 'IterationsRejected'; Because = 'iterations that no xpra has'; Arguments = { @{ Port = 0; KeyFile = $keyFile; Iterations = 1 } } }
    ) {
        $given = & $Arguments
        { Start-XpraAesListener @given -ErrorAction Stop } | Should -Throw -ErrorId "$ErrorId,XpraAes.PowerShell.Commands.StartXpraAesListenerCommand"
    }
}

Describe 'Listening in the foreground' -Tag Unit {
    It 'listens until it is interrupted' -Skip:(-not (Get-Command Start-ThreadJob -ErrorAction Ignore)) {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $job = Start-ThreadJob { Import-Module $using:manifest; Start-XpraAesListener -Port 0 -KeyFile $using:keyFile -Wait }
        while (-not ($listener = Receive-Job $job)) {
            Start-Sleep -Milliseconds 50
        }
        $listener.State | Should -Be 'Listening'
        $job.State | Should -Be 'Running'
        Stop-Job $job
        $listener.Completion.Wait(30000) | Should -BeTrue
        Remove-Job $job
    }
}

Describe 'Forwarding sessions with -Target' -Tag Unit {
    BeforeAll {
        $script:serverKey = Join-Path $TestDrive 'server.txt'
        $null = New-XpraAesKey $serverKey
        $script:server = Start-XpraAesListener -Port 0 -KeyFile $serverKey -Mode CBC, GCM -WarningAction SilentlyContinue
    }

    AfterAll {
        Get-XpraAesConnection | Disconnect-XpraAes
    }

    It 'has its own key and mode towards the server' {
        $gateway = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CTR -Target "tcp://$($server.Endpoint)/?encryption=AES-GCM&keyfile=$serverKey"
        $gateway.Target | Should -Be "tcp://$($server.Endpoint)/"
        $null = Connect-XpraAes "tcp://$($gateway.Endpoint)/?encryption=AES-CTR&keyfile=$keyFile"
        ($gateway | Get-XpraCipherInfo).Mode | Should -Be 'CTR', 'CTR', 'GCM', 'GCM'
        ($gateway | Get-XpraCipherInfo).KeyFingerprint[1, 2] | Should -Be (Get-XpraAesKey $keyFile).Fingerprint, (Get-XpraAesKey $serverKey).Fingerprint
    }

    It 'finds the key that the server has among several' {
        $gateway = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target "tcp://$($server.Endpoint)/?encryption=AES" -TargetKeyFile $keyFile, $serverKey
        $null = Connect-XpraAes "tcp://$($gateway.Endpoint)/?keyfile=$keyFile"
        ($gateway | Get-XpraCipherInfo)[-1].KeyFingerprint | Should -Be (Get-XpraAesKey $serverKey).Fingerprint
    }

    It 'reports to its client that the server is down' {
        $gateway = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target tcp://127.0.0.1:1/
        $null = Connect-XpraAes "tcp://$($gateway.Endpoint)/?keyfile=$keyFile" -ErrorVariable problem -ErrorAction SilentlyContinue
        "$problem" | Should -Match "the gateway's target: Nobody listens there"
        $gateway.State | Should -Be 'Listening'
        # It is counted after the client has got the reason and has gone.
        $deadline = [datetime]::Now.AddSeconds(30)
        while (-not $gateway.Refusals['ConnectionRefused'] -and [datetime]::Now -lt $deadline) {
            Start-Sleep -Milliseconds 20
        }
        $gateway.Refusals['ConnectionRefused'] | Should -Be 1
    }

    It 'warns about an unencrypted server on a network' {
        $null = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target tcp://192.0.2.1:1/ -WarningVariable warnings -WarningAction SilentlyContinue
        "$warnings" | Should -Match 'is not encrypted'
    }

    It 'warns where the target could be the gateway itself: <Target> with <Transport>, warned <Warns>' -ForEach @(
        @{ Target = 'tls-psk://192.0.2.1:1/'; Transport = @(); Warns = $true }
        @{ Target = 'tls-psk://192.0.2.1:1/'; Transport = @('TlsPsk'); Warns = $true }
        @{ Target = 'tls-psk://192.0.2.1:1/'; Transport = @('Tcp'); Warns = $false }
        @{ Target = 'tcp://192.0.2.1:1/?encryption=AES'; Transport = @(); Warns = $false }
    ) {
        $options = if ($Transport) { @{ Transport = $Transport } } else { @{} }
        $null = Start-XpraAesListener -Port 0 -KeyFile $serverKey, $keyFile -EncryptFirstPacket -Target $Target -TargetKeyFile $keyFile @options -WarningVariable warnings -WarningAction SilentlyContinue
        ("$warnings" -match 'back to itself') | Should -Be $Warns
    }

    It 'raises events for Register-ObjectEvent' {
        $gateway = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target "tcp://$($server.Endpoint)/?keyfile=$serverKey"
        $names = 'ConnectionOpened', 'ConnectionClosed', 'HandshakeFailed'
        $names | ForEach-Object { Register-ObjectEvent $gateway $_ -SourceIdentifier $_ }
        try {
            Connect-XpraAes "tcp://$($gateway.Endpoint)/?keyfile=$keyFile" | Disconnect-XpraAes
            (Wait-Event ConnectionOpened -Timeout 30).SourceEventArgs.Connection.Direction | Should -Be 'Inbound'
            (Wait-Event ConnectionClosed -Timeout 30).SourceEventArgs.Message | Should -Not -BeNullOrEmpty
            $null = Connect-XpraAes "tcp://$($gateway.Endpoint)/?encryption=AES&keydata=0x00" -WarningAction SilentlyContinue -ErrorAction SilentlyContinue
            $client = [System.Net.Sockets.TcpClient]::new('127.0.0.1', $gateway.Port)
            $client.Client.Send([byte[]](0..20))
            (Wait-Event HandshakeFailed -Timeout 30).SourceEventArgs.Cause | Should -Be 'NotXpra'
            $client.Dispose()
        }
        finally {
            $names | ForEach-Object { Unregister-Event $_ }
            Get-Event | Remove-Event
        }
    }
}

Describe 'Forwarding sessions to xpra itself' -Tag Interop -Skip:(-not $hasServer) {
    BeforeAll {
        # The path of a Unix socket has at most 107 bytes.
        $script:socket = "/tmp/xpra-$([guid]::NewGuid().ToString('N')).sock"
        $display = ":$(Get-Random -Minimum 300 -Maximum 9000)"
        $log = @{ RedirectStandardOutput = (Join-Path $TestDrive 'out.log'); RedirectStandardError = (Join-Path $TestDrive 'err.log'); PassThru = $true }
        $script:processes = @(Start-Process Xvfb "$display -nolisten tcp" @log)
        $off = 'mdns', 'notifications', 'pulseaudio', 'systemd-run', 'dbus-proxy', 'webcam', 'printing', 'file-transfer', 'html' | ForEach-Object { "--$_=no" }
        $processes += Start-Process xpra "start $display --use-display --daemon=no --dbus-launch= --socket-dir=$TestDrive $off --bind=$socket" @log
        $deadline = [datetime]::Now.AddSeconds(60)
        # Its socket exists before it answers.
        while (-not (Select-String 'xpra is ready' $log.RedirectStandardOutput, $log.RedirectStandardError) -and [datetime]::Now -lt $deadline) {
            Start-Sleep -Milliseconds 200
        }
        $script:gateway = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target "unix://$socket" -AllowRequest info
    }

    AfterAll {
        foreach ($process in $processes[-1..0]) {
            /bin/kill $process.Id
            $null = $process.WaitForExit(10000)
        }
    }

    It 'adds AES to a server without it' {
        $info = xpra info "tcp://127.0.0.1:$($gateway.Port)/" --tcp-encryption=AES --tcp-encryption-keyfile=$keyFile 2>&1
        $LASTEXITCODE | Should -Be 0 -Because "$info"
        "$info" | Should -Match 'session-type=seamless|server\.mode=X11 seamless|mode=seamless'
    }

    It 'does not let an unauthenticated client stop the server' {
        $null = xpra stop "tcp://127.0.0.1:$($gateway.Port)/" --tcp-encryption=AES --tcp-encryption-keyfile=$keyFile 2>&1
        $processes.HasExited | Should -Be $false, $false
    }
}

Describe 'Answering xpra itself' -Tag Interop -Skip:(-not $hasXpra) {
    It 'answers xpra info, with a key from New-XpraAesKey | Set-Content' {
        $shared = Join-Path $TestDrive 'shared.txt'
        New-XpraAesKey | Set-Content $shared
        chmod 600 $shared
        $listener = Start-XpraAesListener -Port 0 -KeyFile $shared
        $info = xpra info "tcp://127.0.0.1:$($listener.Port)/" --tcp-encryption=AES --tcp-encryption-keyfile=$shared 2>&1
        $LASTEXITCODE | Should -Be 0
        "$info" | Should -Match 'network\.encryption=AES'
        $listener.Accepted | Should -Be 1
    }

    It 'shows xpra info the ciphers of its clients' {
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Mode CBC, CTR -WarningAction SilentlyContinue
        $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Mode CTR -KeyFile $keyFile
        $info = xpra info "tcp://127.0.0.1:$($listener.Port)/" --tcp-encryption=AES --tcp-encryption-keyfile=$keyFile 2>&1
        "$info" | Should -Match 'client\.connection\.input\.cipher=AES'
        "$info" | Should -Match 'client\.connection\.output\.cipher\.mode=CTR'
        $connection | Disconnect-XpraAes
    }

    It 'accepts no client with another key' {
        $other = Join-Path $TestDrive 'other.txt'
        $null = New-XpraAesKey $other -Force
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile
        $null = xpra info "tcp://127.0.0.1:$($listener.Port)/" --tcp-encryption=AES --tcp-encryption-keyfile=$other 2>&1
        $LASTEXITCODE | Should -Not -Be 0
        $listener.Connections | Should -BeNullOrEmpty
    }
}

Describe 'Health and metrics of Start-XpraAesListener -ManagementAddress' -Tag Unit {
    AfterEach {
        Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
    }

    It 'answers for all listeners of the process until the last one has stopped' {
        $first = Start-XpraAesListener -Port 0 -KeyFile $keyFile -ManagementAddress 127.0.0.1:0
        $first.ManagementAddress | Should -Match '^127\.0\.0\.1:\d+$'
        $second = Start-XpraAesListener -Port 0 -KeyFile $keyFile -ManagementAddress $first.ManagementAddress
        $null = Connect-XpraAes -ComputerName localhost -Port $second.Port -KeyFile $keyFile
        $at = "http://$($first.ManagementAddress)"
        Invoke-RestMethod "$at/healthz" | Should -Be "ok`n"
        Invoke-RestMethod "$at/readyz" | Should -Be "ready`n"
        $metrics = Invoke-RestMethod "$at/metrics"
        $metrics | Should -Match "(?m)^xpra_aes_session_active\{server_port=""$($first.Port)""\} 0$"
        $metrics | Should -Match "(?m)^xpra_aes_session_active\{server_port=""$($second.Port)""\} 1$"
        $first | Stop-XpraAesListener -GracePeriod 0
        Invoke-RestMethod "$at/readyz" | Should -Be "ready`n"
        $second | Stop-XpraAesListener -GracePeriod 0
        { Invoke-RestMethod "$at/healthz" -TimeoutSec 10 } | Should -Throw
    }

    It 'is not ready without a target that answers' {
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Target tcp://127.0.0.1:1/ -ManagementAddress 127.0.0.1:0
        $answer = Invoke-WebRequest "http://$($listener.ManagementAddress)/readyz" -SkipHttpErrorCheck
        $answer.StatusCode | Should -Be 503
        $answer.Content | Should -Be "no target answers`n"
    }

    It 'takes a Unix socket, relative to the current location' -Skip:$IsWindows {
        Push-Location $TestDrive
        try {
            $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile -ManagementAddress ./management.sock
        }
        finally {
            Pop-Location
        }
        $listener.ManagementAddress | Should -Be (Join-Path (Get-Item $TestDrive).FullName 'management.sock')
        Invoke-RestMethod http://localhost/readyz -UnixSocket $listener.ManagementAddress | Should -Be "ready`n"
    }

    It 'warns if other machines can reach it' {
        $null = Start-XpraAesListener -Port 0 -KeyFile $keyFile -ManagementAddress 0.0.0.0:0 -WarningVariable warnings -WarningAction SilentlyContinue
        "$warnings" | Should -Match 'can read the metrics'
    }

    It 'refuses <Address>' -TestCases @(
        @{ Address = '9464' }
        @{ Address = 'host.example:9464' }
        @{ Address = '127.0.0.1:99999' }
    ) {
        { Start-XpraAesListener -Port 0 -KeyFile $keyFile -ManagementAddress $Address -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
        Get-XpraAesListener | Should -BeNullOrEmpty
    }

    It 'opens nothing if its address is in use' {
        $taken = [System.Net.Sockets.TcpListener]::new([System.Net.IPAddress]::Loopback, 0)
        $taken.Start()
        try {
            { Start-XpraAesListener -Port 0 -KeyFile $keyFile -ManagementAddress "$($taken.LocalEndpoint)" -ErrorAction Stop } | Should -Throw -ErrorId 'PortInUse,*'
            Get-XpraAesListener | Should -BeNullOrEmpty
        }
        finally {
            $taken.Stop()
        }
    }

    It 'loads OpenTelemetry for those who use it only' {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $shell = (Get-Command pwsh -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source ?? [System.Environment]::ProcessPath
        foreach ($case in @{ Address = ''; Loaded = 0 }, @{ Address = '-ManagementAddress 127.0.0.1:0'; Loaded = 1 }) {
            $said = & $shell -NoProfile -Command "Import-Module '$manifest'; `$null = Start-XpraAesListener -Port 0 -KeyFile '$keyFile' $($case.Address); @([System.AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { `$_.GetName().Name -eq 'OpenTelemetry' }).Count"
            $said | Should -Be $case.Loaded
        }
    }
}
