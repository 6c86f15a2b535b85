BeforeDiscovery {
    $script:hasXpra = (Get-Command xpra, Xvfb, xvfb-run, xterm -ErrorAction Ignore).Count -eq 4
}

Describe 'Administering a real session' -Tag Interop -Skip:(-not $hasXpra) {
    BeforeAll {
        Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
        . "$PSScriptRoot/XpraServer.ps1"
        $folder = (New-Item -Path "$TestDrive/xpra" -ItemType Directory).FullName
        $keyFile = "$folder/key.txt"
        $null = New-XpraAesKey -Path $keyFile
        $server = Open-XpraServer -KeyFile $keyFile -Folder $folder
        $script:uri = "tcp://127.0.0.1:$($server.Port)/?keyfile=$keyFile"
        $WarningPreference = 'SilentlyContinue' # 3.1 stretches keys with 1,000 iterations

        function Wait-For([scriptblock] $Condition) {
            $deadline = [datetime]::Now.AddSeconds(60)
            while (-not (& $Condition) -and [datetime]::Now -lt $deadline) {
                Start-Sleep -Milliseconds 300
            }
            & $Condition
        }
    }

    AfterAll {
        Get-XpraAesConnection | Disconnect-XpraAes
        if ($client -and -not $client.HasExited) {
            /bin/kill $client.Id
        }
        Close-XpraServer $server
    }

    It 'starts a program, whose window appears' {
        $started = Start-XpraApplication $uri -Command 'xterm -geometry 80x24 -T "it''s $HOME" -e sh -c "echo $GREETING > greeting; sleep 300"' -Environment @{ GREETING = 'hello world' }
        $started.ProcessId | Should -BeGreaterThan 1
        Wait-For { (Get-XpraWindow $uri).Title -contains 'it''s $HOME' } | Should -BeTrue
        $window = Get-XpraWindow $uri | Where-Object Class -EQ XTerm
        $window.Width | Should -BeGreaterThan 100
        $window.ProcessId | Should -Be $started.ProcessId
    }

    It 'says that a screenshot is empty where no client shows a window' {
        Save-XpraScreenshot $uri -Path "$folder/empty.png" -ErrorAction SilentlyContinue -ErrorVariable failed | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -BeLike 'ScreenshotEmpty,*'
    }

    It 'lists an attached client, and takes a picture' {
        $null = New-Item "$folder/downloads" -ItemType Directory
        $script:client = Start-Process xvfb-run "-a env XPRA_DOWNLOAD_DIR=$folder/downloads xpra attach tcp://127.0.0.1:$($server.Port)/ --tcp-encryption=AES --tcp-encryption-keyfile=$keyFile --opengl=no --speaker=no --microphone=no --webcam=no --notifications=no --printing=no --tray=no --file-transfer=yes" -PassThru -RedirectStandardOutput "$folder/client.log" -RedirectStandardError "$folder/client.err"
        Wait-For { Get-XpraClient $uri } | Should -Not -BeNullOrEmpty
        $attached = Get-XpraClient $uri
        $attached.Cipher | Should -Be AES-CBC
        $attached.Version | Should -BeLike '3.1*'
        $attached.Address | Should -BeLike '127.0.0.1:*'
        (Get-XpraInfo $uri).clients.count | Should -Be 1
        (Get-XpraInfo $uri -Path client.0.connection.input.cipher).value | Should -Be AES
        Wait-For { (Get-XpraWindow $uri | Where-Object Class -EQ XTerm).Shown } | Should -BeTrue
        $picture = Save-XpraScreenshot $uri -Path "$folder/{0:host}.png" -Force
        $picture.Name | Should -Be '127.0.0.1.png'
        [System.IO.File]::ReadAllBytes($picture.FullName)[1..3] | Should -Be ([byte[]][char[]]'PNG')
    }

    It 'has a summary for a report' {
        $row = "Uri`n$uri" | ConvertFrom-Csv | Get-XpraInfo -Summary | ConvertTo-Csv | ConvertFrom-Csv
        $row.Version | Should -Be '3.1.3'
        $row.Clients | Should -Be 1
    }

    It 'sends control commands' {
        (Invoke-XpraControl help -Uri $uri).Text | Should -Match 'start-child'
        (Invoke-XpraControl name 'two words' -Uri $uri).Code | Should -Be 0
        Get-XpraInfo $uri -Path session.name | Should -Be 'two words'
        Invoke-XpraControl nonsense -Uri $uri -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'RequestUnsupported,*'
        Invoke-XpraControl quality abc -Uri $uri -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'ControlFailed,*'
    }

    It 'sends a file of the server to its client' {
        'the plan' | Set-Content "$folder/plan.txt"
        $client = Get-XpraClient $uri
        (Send-XpraFile $uri -Path "$folder/plan.txt" -Uuid $client.Uuid).Code | Should -Be 0
        Wait-For { Test-Path "$folder/downloads/plan.txt" } | Should -BeTrue
        Wait-For { Get-Content "$folder/downloads/plan.txt" } | Should -BeTrue
        Get-Content "$folder/downloads/plan.txt" | Should -Be 'the plan'
        Send-XpraFile $uri -Path "$folder/plan.txt" -Uuid 0123 -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'ControlFailed,*'
        Send-XpraFile $uri -Path "$folder/none.txt" -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'ControlFailed,*'
    }

    It 'does the same within a session' {
        $connection = Connect-XpraAes $uri
        ($connection | Get-XpraWindow).Class | Should -Contain XTerm
        ($connection | Save-XpraScreenshot -Path "$folder/session.png").Length | Should -BeGreaterThan 100
        $null = $connection | Start-XpraApplication -Command 'xterm', '-T', 'from the session'
        Wait-For { ($connection | Get-XpraWindow).Title -contains 'from the session' } | Should -BeTrue
        $connection | Invoke-XpraControl name x -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'RequestUnsupported,*'
        $connection | Disconnect-XpraAes
    }

    It 'has scripts for a report and a contact sheet' {
        "Uri", $uri, "tcp://127.0.0.1:9/?keyfile=$keyFile" | Set-Content -Path "$folder/hosts.csv"
        pwsh -NoProfile -File "$PSScriptRoot/../../samples/session-report.ps1" -HostsPath "$folder/hosts.csv" -ReportPath "$folder/report.csv" 3>&1 | Out-Null
        $LASTEXITCODE | Should -Be 1 # the second host
        $row = Import-Csv -Path "$folder/report.csv"
        $row.Cipher | Should -Be AES-CBC
        $row.ServerVersion | Should -Be '3.1.3'
        & "$PSScriptRoot/../../samples/contact-sheet.ps1" -HostsPath "$folder/hosts.csv" -SheetPath "$folder/sheet" | Should -Exist
        $page = Get-Content -Path "$folder/sheet/index.html" -Raw
        $page | Should -Match "<img src=`"127\.0\.0\.1-$($server.Port)\.png`""
        $page | Should -Match '<li>tcp://127\.0\.0\.1:9/: '
        "$folder/sheet/127.0.0.1-$($server.Port).png" | Should -Exist
    }

    It 'disconnects the clients and leaves the session alone' {
        (Disconnect-XpraClient $uri -Confirm:$false).Text | Should -Match '^1 '
        Wait-For { -not (Get-XpraClient $uri) } | Should -BeTrue
        (Get-XpraWindow $uri).Class | Should -Contain XTerm
    }

    It 'has a script that restarts idle sessions, and leaves others alone' {
        "Uri", $uri | Set-Content -Path "$folder/hosts.csv"
        $restart = "$PSScriptRoot/../../samples/restart-idle-sessions.ps1"
        & $restart -HostsPath "$folder/hosts.csv" -Days 1 -Start { throw 'not this one' } -Confirm:$false
        & $restart -HostsPath "$folder/hosts.csv" -Days 0 -Start { throw 'nor this' } -WhatIf
        { & $restart -HostsPath "$folder/hosts.csv" -Days 0 -Start { 'does not start it' } -SecondsToStart 1 -Confirm:$false } | Should -Throw '*did not come back*'
        $server.Processes[-1].WaitForExit(10000) | Should -BeTrue
    }
}

Describe 'Stopping a real session' -Tag Interop -Skip:(-not $hasXpra) {
    BeforeAll {
        Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
        . "$PSScriptRoot/XpraServer.ps1"
        $folder = (New-Item -Path "$TestDrive/stopped" -ItemType Directory).FullName
        $keyFile = "$folder/key.txt"
        $null = New-XpraAesKey -Path $keyFile
        $server = Open-XpraServer -KeyFile $keyFile -Folder $folder
        $script:uri = "tcp://127.0.0.1:$($server.Port)/?keyfile=$keyFile"
        $WarningPreference = 'SilentlyContinue'
    }

    AfterAll {
        Close-XpraServer $server
    }

    It 'ends the server' {
        Stop-XpraServer $uri -WhatIf
        (Get-XpraInfo $uri -Summary).Version | Should -Be '3.1.3'
        (Stop-XpraServer $uri -Confirm:$false).Code | Should -Be 0
        $server.Processes[-1].WaitForExit(10000) | Should -BeTrue
        Get-XpraInfo $uri -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'ConnectionRefused,*'
    }
}

Describe 'Asking a listener of XpraAes' -Tag Unit {
    BeforeAll {
        Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
        $keyFile = "$TestDrive/key.txt"
        $null = New-XpraAesKey -Path $keyFile
        $listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile
        $script:uri = "tcp://127.0.0.1:$($listener.Port)/?keyfile=$keyFile"
    }

    AfterAll {
        Get-XpraAesConnection | Disconnect-XpraAes
        $listener | Stop-XpraAesListener
    }

    It 'tells what it is' {
        (Get-XpraInfo $uri).'session-name' | Should -Be XpraAes
        (Get-XpraInfo $uri -Summary).Clients | Should -Be 0
        Get-XpraWindow $uri | Should -BeNullOrEmpty
    }

    It 'refuses <Command>' -TestCases @(
        @{ Command = 'a control command'; Ask = { Invoke-XpraControl help -Uri $uri -ErrorAction SilentlyContinue -ErrorVariable global:failed } }
        @{ Command = 'a screenshot'; Ask = { Save-XpraScreenshot $uri -Path "$TestDrive/x.png" -ErrorAction SilentlyContinue -ErrorVariable global:failed } }
        @{ Command = 'to stop'; Ask = { Stop-XpraServer $uri -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable global:failed } }
    ) {
        & $Ask | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -BeLike 'RequestRefused,*'
        $failed.TargetObject | Should -Be "tcp://127.0.0.1:$($listener.Port)/"
    }

    It 'lists the client that asks within its session' {
        $connection = Connect-XpraAes $uri
        (Get-XpraClient $uri).Cipher | Should -Be AES-CBC
        $connection | Disconnect-XpraAes
    }
}
