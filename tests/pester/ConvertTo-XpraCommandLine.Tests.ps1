BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1" -Force
}

Describe 'ConvertTo-XpraCommandLine' -Tag Unit {
    It 'writes a <Role> of xpra <XpraVersion>' -ForEach @(
        @{ Role = 'Client'; XpraVersion = '3.1'; Line = 'xpra attach tcp://h:10000/ --tcp-encryption=AES --tcp-encryption-keyfile=/k' }
        @{ Role = 'Client'; XpraVersion = '6.2'; Line = "xpra attach 'tcp://h:10000/?encryption=AES-CBC&keyfile=/k'" }
        @{ Role = 'Client'; XpraVersion = '6.5'; Line = 'xpra attach tcp://h:10000/ --encryption=AES-CBC --encryption-keyfile=/k' }
        @{ Role = 'Server'; XpraVersion = '3.1'; Line = 'xpra start --bind-tcp=h:10000 --tcp-encryption=AES --tcp-encryption-keyfile=/k' }
        @{ Role = 'Server'; XpraVersion = 'master'; Line = "xpra start '--bind-tcp=h:10000,encryption=AES-CBC,keyfile=/k'" }
    ) {
        $result = ConvertTo-XpraCommandLine -Uri tcp://h:10000/ -Mode CBC -KeyFile /k -Role $Role -XpraVersion $XpraVersion
        $result.CommandLine | Should -BeExactly $Line
        "$result" | Should -BeExactly $Line
        $result.Role | Should -Be $Role
        $result.XpraVersion | Should -Be $XpraVersion
    }

    It 'refuses what a version cannot do' {
        { ConvertTo-XpraCommandLine -Uri tcp://h/ -Mode GCM -KeyFile /k -XpraVersion 6.2 -ErrorAction Stop } |
            Should -Throw -ErrorId 'ModeRejected*'
        { ConvertTo-XpraCommandLine -Uri tcp://h/ -KeyFile /k -XpraVersion 6.5 -Role Server -ErrorAction Stop } |
            Should -Throw -ErrorId 'VersionRejected*'
    }

    It 'shows its lines as a table' {
        ConvertTo-XpraCommandLine -Uri tcp://h/ -KeyFile /k -XpraVersion 3.1 | Out-String -Width 200 | Should -Match '(?m)^Role +XpraVersion +CommandLine'
    }

    It 'knows the versions' {
        (TabExpansion2 -inputScript 'ConvertTo-XpraCommandLine -XpraVersion ' -cursorColumn 39).CompletionMatches.CompletionText | Should -Contain 'master'
    }
}
