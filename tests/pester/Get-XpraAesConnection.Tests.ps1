BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    $null = New-XpraAesKey $keyFile
    $script:listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile
    $script:connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyFile $keyFile
}

AfterAll {
    $connection | Disconnect-XpraAes
    $listener | Stop-XpraAesListener
}

Describe 'Finding connections with Get-XpraAesConnection' -Tag Unit {
    It 'returns outbound and inbound connections' {
        $all = Get-XpraAesConnection
        $all | Should -HaveCount 2
        $all | Where-Object Direction -EQ Outbound | Should -Be $connection
        $all | Where-Object Direction -EQ Inbound | Should -Be $listener.Connections[0]
    }

    It 'finds one by its id' {
        Get-XpraAesConnection $connection.Id | Should -Be $connection
    }

    It 'reports which one does not exist' {
        { Get-XpraAesConnection -Id 424242 -ErrorAction Stop } | Should -Throw -ErrorId 'NotFound,*'
    }

    It 'shows live values: the byte counts grow with pings' {
        $before = $connection.BytesOut
        $null = $connection.PingAsync([timespan]'00:00:30').Wait(30000)
        $connection.BytesOut | Should -BeGreaterThan $before
    }

    It 'converts to JSON and CliXml, as a listener does, without secrets' {
        $text = Get-Content $keyFile -Raw
        foreach ($live in $connection, $listener) {
            $live | ConvertTo-Json -Depth 3 -WarningAction Stop | Should -Not -Match $text
            $live | ConvertTo-CliXml | Should -Not -Match $text
            $live | Format-List * | Out-String | Should -Not -Match $text
        }
    }

    It 'returns none that is closed' {
        $other = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyFile $keyFile
        $other | Disconnect-XpraAes
        Get-XpraAesConnection | Should -Not -Contain $other
    }
}
