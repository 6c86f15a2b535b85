BeforeAll {
    $script:manifest = "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    Import-Module $manifest
}

# In a terminal it is driven by the library's TerminalTests.
Describe 'Watching without a terminal with Watch-XpraAes' -Tag Unit {
    It 'is an error that says so, in a runspace, which has none: <_>' -ForEach 'Watch-XpraAes', 'Watch-XpraAes -Once', 'Watch-XpraAes tcp://localhost:1/ -KeyData abc' {
        $shell = [powershell]::Create().AddScript("`$ErrorActionPreference = 'Stop'; Import-Module '$manifest'; $_")
        $id = try { $null = $shell.Invoke() } catch { $_.Exception.InnerException.ErrorRecord.FullyQualifiedErrorId } finally { $shell.Dispose() }
        $id | Should -BeLike 'NoTerminal,*'
    }

    It 'has an error for a parameter that is about servers, without one' {
        { Watch-XpraAes -KeyData abc -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }

    It 'takes parameters beside servers from the pipeline' {
        'no uri' | Watch-XpraAes -KeyData abcdefghijklmnopqrstuvwxyz -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'InvalidUri,*'
    }

    It 'has an error for <Because>' -TestCases @(
        @{ Parameters = @{ ManagementAddress = '9464' }; Because = 'something that is no address' }
        @{ Parameters = @{ ManagementAddress = '127.0.0.1:0' }; Because = 'an address without a port' }
        @{ Parameters = @{ ManagementAddress = '127.0.0.1:9464'; KeyData = 'abc' }; Because = 'a key, which a management address does not need' }
    ) {
        { Watch-XpraAes @Parameters -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }

    It 'takes management addresses from table rows' {
        [pscustomobject]@{ ManagementAddress = '9464' }, [pscustomobject]@{ ManagementAddress = '127.0.0.1:0' } | Watch-XpraAes -ErrorVariable errors -ErrorAction SilentlyContinue
        @($errors | Where-Object FullyQualifiedErrorId -Like 'InvalidOption,*').TargetObject | Should -Be '9464', '127.0.0.1:0'
    }

    It 'has an error for an interval that would only cost time' {
        { Watch-XpraAes -RefreshInterval 0.01 -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }
}
