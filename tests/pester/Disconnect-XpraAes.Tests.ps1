BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    $null = New-XpraAesKey $keyFile
    $script:listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile
}

AfterAll {
    $listener | Stop-XpraAesListener
}

Describe 'Ending connections with Disconnect-XpraAes' -Tag Unit {
    BeforeEach {
        $script:connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyFile $keyFile
    }

    AfterEach {
        $connection | Disconnect-XpraAes
    }

    It 'takes it <How>' -TestCases @(
        @{ How = 'from the pipeline'; Disconnect = { $connection | Disconnect-XpraAes } }
        @{ How = 'as an argument'; Disconnect = { Disconnect-XpraAes $connection } }
        @{ How = 'by its id'; Disconnect = { Disconnect-XpraAes -Id $connection.Id } }
        @{ How = 'with all others'; Disconnect = { Get-XpraAesConnection | Disconnect-XpraAes } }
    ) {
        & $Disconnect | Should -BeNullOrEmpty
        $connection.State | Should -Be 'Closed'
        Get-XpraAesConnection | Should -Not -Contain $connection
    }

    It 'sends the peer a disconnect' {
        $theirs = $listener.Connections | Where-Object State -EQ Open
        $connection | Disconnect-XpraAes
        $null = $theirs.Completion.Wait(30000)
        $theirs.CloseReason | Should -Match 'disconnect'
    }

    It 'disconnects a client of XpraAes' {
        $listener.Connections | Disconnect-XpraAes
        $null = $connection.Completion.Wait(30000)
        $connection.State | Should -Be 'Closed'
        $listener.State | Should -Be 'Listening'
    }

    It 'does nothing with -WhatIf, and nothing to one that is closed' {
        $connection | Disconnect-XpraAes -WhatIf
        $connection.State | Should -Be 'Open'
        $connection | Disconnect-XpraAes
        { $connection | Disconnect-XpraAes -ErrorAction Stop } | Should -Not -Throw
    }

    It 'has an error for an id that is not live' {
        { Disconnect-XpraAes -Id 424242 -ErrorAction Stop } | Should -Throw -ErrorId 'NotFound,*'
    }
}
