BeforeAll {
    . "$PSScriptRoot/FreePort.ps1"
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    $script:keyFile = Join-Path $TestDrive 'key.txt'
    $null = New-XpraAesKey $keyFile
}

Describe 'Stopping listeners with Stop-XpraAesListener' -Tag Unit {
    BeforeEach {
        $script:listener = Start-XpraAesListener -Port 0 -KeyFile $keyFile
    }

    AfterEach {
        $listener | Stop-XpraAesListener
    }

    It 'takes it <How>' -TestCases @(
        @{ How = 'from the pipeline'; Stop = { $listener | Stop-XpraAesListener } }
        @{ How = 'as an argument'; Stop = { Stop-XpraAesListener $listener } }
        @{ How = 'by its id'; Stop = { Stop-XpraAesListener -Id $listener.Id } }
        @{ How = 'with all others'; Stop = { Get-XpraAesListener | Stop-XpraAesListener } }
    ) {
        & $Stop | Should -BeNullOrEmpty
        $listener.State | Should -Be 'Stopped'
        Get-XpraAesListener | Should -Not -Contain $listener
    }

    It 'frees the port at once' {
        $listener = Start-XpraAesListener -Port (Get-FreePort) -KeyFile $keyFile
        $listener | Stop-XpraAesListener
        $again = Start-XpraAesListener -Port $listener.Port -KeyFile $keyFile
        $again.Port | Should -Be $listener.Port
        $again | Stop-XpraAesListener
    }

    It 'disconnects the clients' {
        $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyFile $keyFile
        $listener | Stop-XpraAesListener -GracePeriod 2
        $null = $connection.Completion.Wait(30000)
        $connection.CloseReason | Should -Match 'server exit'
    }

    It 'lets clients come and sessions go on for their limits with -Drain, until it is called without' {
        $draining = Start-XpraAesListener -Port 0 -KeyFile $keyFile -Limit @{ DrainDelay = 300; DrainTime = 300 }
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $stops = 1..2 | ForEach-Object {
            $shell = [powershell]::Create().AddScript('param($manifest, $listener) Import-Module $manifest; $listener | Stop-XpraAesListener -Drain').AddArgument($manifest).AddArgument($draining)
            @{ Shell = $shell; Running = $shell.BeginInvoke() }
            # The second one joins the first, and does not end its time.
            for ($i = 0; $i -lt 300 -and $draining.State -eq 'Listening'; $i++) { Start-Sleep -Milliseconds 100 }
        }
        $draining.State | Should -Be 'Draining'
        $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $draining.Port -KeyFile $keyFile
        Start-Sleep -Seconds 1
        $connection.State | Should -Be 'Open'
        $stops.Running.IsCompleted | Should -Be @($false, $false)
        Get-XpraAesListener -Id $draining.Id | Should -Be $draining
        $draining | Stop-XpraAesListener
        foreach ($stop in $stops) {
            $stop.Shell.EndInvoke($stop.Running) | Should -BeNullOrEmpty
            $stop.Shell.Dispose()
        }
        $null = $connection.Completion.Wait(30000)
        $connection.CloseReason | Should -Match 'server exit'
        $draining.State | Should -Be 'Stopped'
    }

    It 'stops at once with -Drain where there are no such limits' {
        $listener | Stop-XpraAesListener -Drain
        $listener.State | Should -Be 'Stopped'
    }

    It 'does nothing with -WhatIf, and nothing to one that is stopped' {
        $listener | Stop-XpraAesListener -WhatIf
        $listener.State | Should -Be 'Listening'
        $listener | Stop-XpraAesListener
        { $listener | Stop-XpraAesListener -ErrorAction Stop } | Should -Not -Throw
    }

    It 'has an error for an id that is not live' {
        { Stop-XpraAesListener -Id 424242 -ErrorAction Stop } | Should -Throw -ErrorId 'NotFound,*'
    }

    It 'ends with the module: the last runspace that removes it stops everything' {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $shell = (Get-Command pwsh -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source ?? [System.Environment]::ProcessPath
        $said = & $shell -NoProfile -Command "
            Import-Module '$manifest'
            `$listener = Start-XpraAesListener -Port 0 -KeyFile '$keyFile'
            Remove-Module XpraAes
            `$listener.State"
        $said | Should -Be 'Stopped'
    }
}
