BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:oldKey = Join-Path $TestDrive 'old.txt'
    $script:newKey = Join-Path $TestDrive 'new.txt'
    $null = New-XpraAesKey $oldKey
    $null = New-XpraAesKey $newKey

    function Connect-Listener($Key, $Mode = 'CTR', $Endpoint = $listener.Endpoint) {
        Connect-XpraAes "tcp://$Endpoint/" -KeyFile $Key -Mode $Mode -ErrorAction Stop
    }
}

AfterAll {
    Get-XpraAesConnection | Disconnect-XpraAes
    Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
}

Describe 'Changing a listener with Set-XpraAesListener' -Tag Unit {
    BeforeEach {
        $script:listener = Start-XpraAesListener -Port 0 -KeyFile $oldKey -Mode CBC, CTR, GCM, CFB -WarningAction SilentlyContinue
    }

    It 'replaces the key for new connections, and disconnects nobody' {
        $connection = Connect-Listener $oldKey
        $listener | Set-XpraAesListener -KeyFile $newKey
        { Connect-Listener $oldKey } | Should -Throw -ErrorId 'KeyMismatch,*'
        (Connect-Listener $newKey).State | Should -Be 'Open'
        $connection.State | Should -Be 'Open'
        $connection.KeyFingerprint | Should -Be (Get-XpraAesKey $oldKey).Fingerprint
        $listener.KeyFingerprint | Should -Be (Get-XpraAesKey $newKey).Fingerprint
    }

    It 'replaces the key of sealed connections too, and ends none' {
        $listener | Set-XpraAesListener -Transport TlsPsk
        $uri = "tls-psk://$($listener.Endpoint -replace '^.*://|/$')/"
        $connection = Connect-XpraAes $uri -KeyFile $oldKey -ErrorAction Stop
        $listener | Set-XpraAesListener -KeyFile $newKey
        { Connect-XpraAes $uri -KeyFile $oldKey -ErrorAction Stop } | Should -Throw -ErrorId 'KeyMismatch,*'
        (Connect-XpraAes $uri -KeyFile $newKey -ErrorAction Stop).State | Should -Be 'Open'
        $connection.State | Should -Be 'Open'
    }

    It 'changes the modes, by the id of the listener' {
        Set-XpraAesListener -Id $listener.Id -Mode CBC, AES-GCM
        $listener.Mode | Should -Be 'CBC', 'GCM'
        { Connect-Listener $oldKey CTR } | Should -Throw -ErrorId 'PeerDisconnected,*'
    }

    It 'sends new sessions to another server' {
        $server = Start-XpraAesListener -Port 0 -KeyFile $newKey -Mode GCM -WarningAction SilentlyContinue
        $same = $listener | Set-XpraAesListener -Target "tcp://$($server.Endpoint)/?encryption=AES-GCM&keyfile=$newKey" -PassThru
        $same | Should -Be $listener
        $listener.Target | Should -Be "tcp://$($server.Endpoint)/"
        $null = Connect-Listener $oldKey
        $server.Connections.Mode | Should -Be 'GCM'
    }

    It 'adds, replaces and removes routes, and disconnects nobody' {
        $first, $second = 1..2 | ForEach-Object { Start-XpraAesListener -Port 0 -KeyFile $newKey }
        $toFirst, $toSecond = $first, $second | ForEach-Object { "tcp://$($_.Endpoint)/?keyfile=$newKey" }
        $listener | Set-XpraAesListener -Target @{ mail = $toFirst; games = $toFirst } -WarningAction SilentlyContinue
        $open = Connect-XpraAes "tcp://$($listener.Endpoint)/games" -KeyFile $oldKey -ErrorAction Stop
        $listener | Set-XpraAesListener -AddTarget @{ mail = $toSecond; music = $toFirst, $toSecond } -RemoveTarget games -WarningAction SilentlyContinue
        $listener.Routes.Name | Sort-Object | Should -Be 'mail', 'music'
        $null = Connect-XpraAes "tcp://$($listener.Endpoint)/mail" -KeyFile $oldKey -ErrorAction Stop
        $second.Connections | Should -HaveCount 1
        ($listener.Routes | Where-Object Name -EQ mail).Sessions | Should -Be 1
        { Connect-XpraAes "tcp://$($listener.Endpoint)/games" -KeyFile $oldKey -ErrorAction Stop } | Should -Throw -ErrorId 'SessionUnknown,*'
        $open.State | Should -Be 'Open'
        { $listener | Set-XpraAesListener -RemoveTarget games -ErrorAction Stop } | Should -Throw -ErrorId 'NotFound,*'
    }

    It 'warns that a user name in a route is only what a client says' {
        $listener | Set-XpraAesListener -PasswordFile $oldKey -Target @{ 'ada/*' = 'unix:///run/xpra' } -WarningVariable warned -WarningAction SilentlyContinue
        "$warned" | Should -Match 'everyone who has the key can say it'
    }

    It 'asks new clients for a password' {
        $listener | Set-XpraAesListener -Credential ([pscredential]::new('ada', ('secret' | ConvertTo-SecureString -AsPlainText -Force)))
        { Connect-Listener $oldKey } | Should -Throw -ErrorId 'AuthenticationRequired,*'
    }

    It 'changes one address of several' {
        $several = Start-XpraAesListener -Bind "127.0.0.1:0,encryption=AES-CTR,keyfile=$oldKey", "127.0.0.1:0,encryption=AES-CTR,keyfile=$oldKey" -WarningAction SilentlyContinue
        { $several | Set-XpraAesListener -KeyFile $newKey -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
        $several | Set-XpraAesListener -KeyFile $newKey -Endpoint $several.Endpoints[1]
        (Connect-Listener $oldKey -Endpoint $several.Endpoints[0]).State | Should -Be 'Open'
        (Connect-Listener $newKey -Endpoint $several.Endpoints[1]).State | Should -Be 'Open'
    }

    It 'shows with -WhatIf what it would change, and changes nothing' {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $shell = (Get-Command pwsh -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source ?? [System.Environment]::ProcessPath
        $said = & $shell -NoProfile -Command "Import-Module '$manifest'; Start-XpraAesListener 0 -KeyFile '$oldKey' | Set-XpraAesListener -KeyFile '$newKey' -Mode CTR -Target unix:///run/xpra -PassThru -WhatIf"
        $said | Should -Match (Get-XpraAesKey $newKey).Fingerprint
        $said | Should -Match 'AES-CTR; the target socket:///run/xpra'
    }

    It 'has <ErrorId> for <Because>' -TestCases @(
        @{ ErrorId = 'InvalidOption'; Because = 'nothing to change'; Arguments = @{} }
        @{ ErrorId = 'KeyFileNotFound'; Because = 'a key file that is not there'; Arguments = @{ KeyFile = 'none' } }
        @{ ErrorId = 'KeyMissing'; Because = 'a target over AES without a key'; Arguments = @{ Target = 'tcp://127.0.0.1:1/?encryption=AES' } }
        @{ ErrorId = 'IterationsRejected'; Because = 'iterations that no xpra has'; Arguments = @{ Iterations = 1 } }
    ) {
        { $listener | Set-XpraAesListener @Arguments -ErrorAction Stop } | Should -Throw -ErrorId "$ErrorId,XpraAes.PowerShell.Commands.SetXpraAesListenerCommand"
        (Connect-Listener $oldKey).State | Should -Be 'Open'
    }

    It 'has Closed for a listener that is stopped' {
        $listener | Stop-XpraAesListener
        { $listener | Set-XpraAesListener -Mode CTR -ErrorAction Stop } | Should -Throw -ErrorId 'Closed,*'
    }
}
