BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
}

Describe 'Exporting session files with Export-XpraSessionFile' -Tag Unit {
    BeforeEach {
        Push-Location -Path (New-Item -Path "TestDrive:/$([guid]::NewGuid())" -ItemType Directory)
        $null = New-XpraAesKey -Path key.txt
        $script:keyFile = Convert-Path key.txt
    }

    AfterEach {
        Get-XpraAesConnection | Disconnect-XpraAes
        Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
        Pop-Location
    }

    It 'writes what xpra''s launcher reads, without key or password' {
        $listener = Start-XpraAesListener -Port 0 -KeyFile key.txt
        $file = $listener | Export-XpraSessionFile -Path ada.xpra -UserName ada
        $file.Name | Should -Be ada.xpra
        Get-Content $file | Should -Be 'mode=tcp', 'host=127.0.0.1', "port=$($listener.Port)", 'username=ada', 'encryption=AES', "encryption-keyfile=$keyFile", 'autoconnect=yes'
        { $listener | Export-XpraSessionFile -Path ada.xpra -ErrorAction Stop } | Should -Throw -ErrorId 'FileExists,*'
        $listener | Export-XpraSessionFile -Path ada.xpra -Force -WhatIf | Should -BeNullOrEmpty
        $listener | Export-XpraSessionFile -Path ada.xpra -Force | Should -Exist
        Get-Content $file | Should -Not -Contain 'username=ada'
    }

    It 'writes a file for each row of a table' {
        "Uri,KeyFile`ntcp://a.example:1/,/k/a`nwss://b.example/,/k/b" | Set-Content hosts.csv
        (Import-Csv hosts.csv | Export-XpraSessionFile -Path '{0:host}.xpra').Name | Should -Be 'a.example.xpra', 'b.example.xpra'
        { Import-Csv hosts.csv | Export-XpraSessionFile -Path one.xpra -ErrorAction Stop } | Should -Throw -ErrorId 'FileExists,*'
    }

    It 'says what xpra''s launcher cannot do: <Uri>' -TestCases @(
        @{ Uri = 'tls-psk://h:1/?keyfile=/k'; ErrorId = 'InvalidOption' }
        @{ Uri = 'socket:///run/xpra?keyfile=/k'; ErrorId = 'InvalidOption' }
        @{ Uri = 'ssl://h:1/?keyfile=/k&ssl-server-verify-mode=none'; ErrorId = 'InvalidOption' }
        @{ Uri = 'wss://ada:pw@h:1/?keyfile=/k'; ErrorId = 'InvalidOption' }
        @{ Uri = 'tcp://h:1/'; ErrorId = 'KeyMissing' }
        @{ Uri = 'tcp://h:1/?keydata=0x00112233445566778899aabbccddeeff'; ErrorId = 'KeyMissing' }
    ) {
        { Export-XpraSessionFile -Path x.xpra -Uri $Uri -ErrorAction Stop -WarningAction SilentlyContinue } | Should -Throw -ErrorId "$ErrorId,*"
        'x.xpra' | Should -Not -Exist
    }

    It 'is read by every cmdlet that connects' {
        $null = Start-XpraAesListener -Port 0 -KeyFile key.txt | Export-XpraSessionFile -Path ada.xpra
        (Connect-XpraAes -SessionFile ada.xpra).KeyProven | Should -BeTrue
        Test-XpraAes -SessionFile *.xpra -Quiet | Should -BeTrue
        ([pscustomobject]@{ SessionFile = 'ada.xpra' } | Get-XpraInfo -Summary).Clients | Should -Be 1
        foreach ($command in 'Get-XpraClient', 'Get-XpraWindow', 'Invoke-XpraControl', 'Save-XpraScreenshot', 'Send-XpraFile', 'Send-XpraNotification', 'Start-XpraApplication', 'Stop-XpraServer', 'Disconnect-XpraClient') {
            (Get-Command $command).Parameters.Keys | Should -Contain SessionFile
        }
    }

    It 'is followed only as far as a file from someone else may be: <Line>' -TestCases @(
        @{ Line = 'mode=ssh' }
        @{ Line = 'host=127.0.0.1/?keydata=0x00' }
        @{ Line = 'encryption-keyfile=guess.txt' }
        @{ Line = "mode=ssl`nssl-server-verify-mode=none" }
    ) {
        Set-Content guess.txt hunter2 -NoNewline
        $Line.StartsWith('host') ? $Line : $Line, 'host=127.0.0.1' | Set-Content evil.xpra
        { Connect-XpraAes -SessionFile evil.xpra -ErrorAction Stop -WarningAction SilentlyContinue } | Should -Throw -ErrorId 'SessionFileUnusable,*'
    }

    It 'does not use what it is not for, and says so' {
        $null = Start-XpraAesListener -Port 0 -KeyFile key.txt | Export-XpraSessionFile -Path ada.xpra
        'password=SECRET', 'start=touch started' | Add-Content ada.xpra
        Connect-XpraAes -SessionFile ada.xpra -WarningVariable warnings -WarningAction SilentlyContinue | Should -Not -BeNullOrEmpty
        $warnings | Should -HaveCount 2
        "$warnings" | Should -Match 'start'
        "$warnings" | Should -Not -Match 'SECRET'
        'started' | Should -Not -Exist
    }
}
