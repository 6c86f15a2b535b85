BeforeDiscovery {
    function Get-HelpExample {
        foreach ($page in Get-ChildItem "$PSScriptRoot/../../docs/cmdlets/*-*.md") {
            $text = Get-Content -Path $page -Raw
            foreach ($example in [regex]::Matches($text, '(?ms)^### (Example \d+: [^\n]*)\n+```powershell\n(.*?)^```')) {
                @{ Cmdlet = $page.BaseName; Title = $example.Groups[1].Value; Code = $example.Groups[2].Value }
            }
        }
    }
}

BeforeAll {
    $manifest = "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    Import-Module $manifest -Force
}

Describe 'Reading the help' -Tag Unit {
    It 'is there for every command, with a description of every parameter' {
        foreach ($command in Get-Command -Module XpraAes) {
            $help = Get-Help -Name $command.Name -Full
            $help.Synopsis | Should -Match '\.$' -Because $command.Name
            foreach ($parameter in $help.parameters.parameter) {
                "$($parameter.description.Text)" | Should -Match '\w' -Because "$($command.Name) -$($parameter.name)"
            }
        }
    }

    It 'has <_>' -ForEach 'about_XpraAes', 'about_XpraAesKeys', 'about_XpraAesInterop', 'about_XpraAesSecurity', 'about_XpraAesGateway', 'about_XpraAesTroubleshooting' {
        Get-Help -Name $_ | Should -Match $_
    }
}

Describe 'Running the examples of the help' -Tag Unit {
    # What an example does not create itself is prepared: a key file, and a server on port 10000. Ports 10000 and 9464 may be in use,
    # no machine is called devbox, and nothing may be opened to other machines: these are replaced.
    # What only xpra's own servers answer runs against one, where it is installed.
    BeforeAll {
        . "$PSScriptRoot/FreePort.ps1"
        . "$PSScriptRoot/XpraServer.ps1"
        $script:administration = 'Disconnect-XpraClient', 'Get-XpraClient', 'Get-XpraInfo', 'Get-XpraWindow', 'Invoke-XpraControl', 'Save-XpraScreenshot', 'Send-XpraFile', 'Send-XpraNotification', 'Start-XpraApplication', 'Stop-XpraServer'
        if ((Get-Command xpra, Xvfb -ErrorAction Ignore).Count -eq 2) {
            $xpraKey = New-XpraAesKey
            $folder = (New-Item -Path "TestDrive:/xpra" -ItemType Directory).FullName
            Set-Content -Path "$folder/key.txt" -Value $xpraKey
            $script:xpra = Open-XpraServer -KeyFile "$folder/key.txt" -Folder $folder
        }
    }

    AfterAll {
        if ($xpra) {
            Close-XpraServer $xpra
        }
    }

    BeforeEach {
        Push-Location -Path (New-Item -Path "TestDrive:/$([guid]::NewGuid())" -ItemType Directory)
        $key = if ($Code -match 'New-XpraAesKey') { New-XpraAesKey } else { New-XpraAesKey -Path key.txt }
        $server = Start-XpraAesListener -Port (Get-FreePort) -Key $key -Mode CBC, CTR, GCM, CFB -WarningAction SilentlyContinue
        if ($Code -match 'Start-XpraAesListener') {
            $server | Stop-XpraAesListener
        }
    }

    AfterEach {
        Get-XpraAesConnection | Disconnect-XpraAes
        Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
        Pop-Location
    }

    It '<Cmdlet>, <Title>' -ForEach (Get-HelpExample) {
        if ($Code -match $(if ($IsWindows) { '-LocalSocket' } else { '-LocalPipe' })) {
            Set-ItResult -Skipped -Because 'it is for another system'
        }
        if ($Code -match 'Certificate' -and $IsWindows -and (Test-Path HKCU:\Software\Wine)) {
            Set-ItResult -Skipped -Because 'Wine makes no certificates'
        }
        if ($Code -match 'Watch-XpraAes') {
            Set-ItResult -Skipped -Because 'it would take the terminal; TerminalTests drives it in one of its own'
            return
        }
        $port = $server.Port
        if ($Cmdlet -in $administration) {
            if (-not $xpra) {
                Set-ItResult -Skipped -Because 'xpra is not installed'
                return
            }
            $port = $xpra.Port
            $ErrorActionPreference = 'Continue' # the suite's is Stop
            Copy-Item -Path "$folder/key.txt" -Destination key.txt -Force
        }
        $here = $Code -replace '\b10000\b', $port -replace '\b9464\b', (Get-FreePort) -replace '\bdevbox\b', 'localhost' -replace '-BindAddress Any', '-BindAddress Loopback'
        $example = [powershell]::Create('CurrentRunspace').AddScript($here)
        if ($here -match '-Wait\b') {
            $example = [powershell]::Create().AddScript("Import-Module '$manifest'; Set-Location '$($PWD.ProviderPath)'; $here")
            $running = $example.BeginInvoke()
            $deadline = (Get-Date).AddSeconds(30)
            while (-not (Get-XpraAesListener) -and -not $running.IsCompleted -and (Get-Date) -lt $deadline) {
                Start-Sleep -Milliseconds 50
            }
            $running.IsCompleted | Should -BeFalse
            $example.Stop()
        }
        else {
            $example.Invoke() | Out-String | Write-Verbose
        }
        # No client is attached.
        $example.Streams.Error | Where-Object FullyQualifiedErrorId -NotLike 'ScreenshotEmpty,*' | Should -BeNullOrEmpty
    }
}
