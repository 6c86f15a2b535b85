# Everything that the README's table "I want to …" says to type.

BeforeDiscovery {
    $script:hasXpra = [bool](Get-Command xpra -CommandType Application -ErrorAction Ignore)

    function Get-ReadmeCommand {
        $readme = Get-Content -Path "$PSScriptRoot/../../README.md" -Raw
        $table = [regex]::Match($readme, '(?ms)^## I want to .*?(?=^## )').Value
        foreach ($row in [regex]::Matches($table, '(?m)^\| (?!I want|-)(.+?) \| (.+) \|$')) {
            foreach ($code in [regex]::Matches($row.Groups[2].Value, '`([^`]+)`')) {
                @{ Wish = $row.Groups[1].Value; Code = $code.Groups[1].Value -replace '\\\|', '|' }
            }
        }
    }

    $script:commands = @(Get-ReadmeCommand)
}

BeforeAll {
    . "$PSScriptRoot/FreePort.ps1"
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
}

Describe 'Typing what the README says' {
    # A machine with a key, a server on port 10000 and a connection to it. That port and 9464 may be taken here, no other machine is called
    # host, and nothing is opened to others: these are put in other words.
    BeforeEach {
        Push-Location -Path (New-Item -Path "TestDrive:/$([guid]::NewGuid())" -ItemType Directory)
        $keyFile = if ($Code -match 'New-XpraAesKey') { 'other.txt' } else { 'key.txt' }
        $null = New-XpraAesKey -Path $keyFile
        Set-Content -Path password.txt -Value 'a password' -NoNewline
        # Wine 8 makes no certificates.
        $script:isWine = $IsWindows -and (Test-Path HKCU:\Software\Wine)
        if (-not $isWine) {
            $null = New-XpraAesCertificate -DnsName localhost -Path cert.pfx
        }
        $server = Start-XpraAesListener -Port (Get-FreePort) -KeyFile $keyFile
        $null = Connect-XpraAes -ComputerName localhost -Port $server.Port -KeyFile $keyFile
        if ($Code -match 'Start-XpraAesListener') {
            $server | Stop-XpraAesListener
        }
        "Uri", "tcp://localhost:$($server.Port)/?encryption=AES&keyfile=key.txt" | Set-Content -Path hosts.csv
        $script:here = $Code -replace '\b10000\b', $server.Port -replace '\b9464\b', 0 -replace '//host\b', '//localhost' -replace '-BindAddress Any', '-BindAddress Loopback'
    }

    AfterEach {
        Get-XpraAesConnection | Disconnect-XpraAes
        Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
        Pop-Location
    }

    It '<Wish>: <Code>' -Tag Unit -ForEach ($commands | Where-Object Code -CMatch '^[A-Z]\w+-\w+') {
        if ($Code -match $(if ($IsWindows) { '-LocalSocket' } else { '-LocalPipe' })) {
            Set-ItResult -Skipped -Because 'it is for another system'
        }
        if ($isWine -and $Code -match 'Certificate') {
            Set-ItResult -Skipped -Because 'Wine makes no certificates'
        }
        if ($Code -match 'Watch-XpraAes') {
            Set-ItResult -Skipped -Because 'it would take the terminal; TerminalTests drives it in one of its own'
            return
        }
        $typed = [powershell]::Create('CurrentRunspace').AddScript($here)
        $output = $typed.Invoke()
        $typed.Streams.Error | Should -BeNullOrEmpty
        if ($Code -notmatch 'Set-Content|\| (Disconnect|Stop)-') {
            $output | Should -Not -BeNullOrEmpty
        }
        if ($Wish -match 'create a key') {
            (Get-XpraAesKey -Path key.txt -WarningAction SilentlyContinue).Bits | Should -Be 256
        }
        if ($Wish -match 'without the key') {
            ($output | Where-Object Check -EQ Enforcement).Result | Should -Be Passed
        }
        if ($Wish -match 'disconnect and stop') {
            Get-XpraAesConnection | Where-Object Direction -EQ Outbound | Should -BeNullOrEmpty
        }
    }

    It '<Wish>: <Code>' -Tag Interop -Skip:(-not $hasXpra) -ForEach ($commands | Where-Object Code -Match '^xpra info') {
        $version = [version]((xpra --version 2>$null) -replace '^\D+([\d.]+).*', '$1')
        if ($version -lt [regex]::Match($Wish, '\d+\.\d+').Value) {
            Set-ItResult -Skipped -Because "this xpra is $version"
        }
        (sh -c $here 2>&1 | Out-String) | Should -Match 'session-type=aes listener'
    }

    It 'names every command that there is a test for' {
        $kinds = $commands.Code | ForEach-Object { switch -CaseSensitive -Regex ($_) { '^[A-Z]\w+-\w+' { 'typed' } '^xpra (info|attach)' { 'xpra' } '^-' { 'parameter' } default { $_ } } }
        $kinds | Select-Object -Unique | Sort-Object | Should -Be 'parameter', 'typed', 'xpra'
        @($kinds | Where-Object { $_ -eq 'typed' }).Count | Should -BeGreaterThan 15
    } -ForEach @(@{ commands = $commands; Code = '' })
}
