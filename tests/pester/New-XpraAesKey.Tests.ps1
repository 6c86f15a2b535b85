BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
}

Describe 'Generating a key with New-XpraAesKey' -Tag Unit {
    It 'returns 256 random bits in hexadecimal, another key each time' {
        $first = New-XpraAesKey
        $second = New-XpraAesKey
        "$first" | Should -Match '^[0-9a-f]{64}$'
        "$second" | Should -Not -Be "$first"
        $first.Bits | Should -Be 256
        $first.Problems | Should -BeNullOrEmpty
    }

    It 'returns <Bits> bits as <Format>: <Example>' -TestCases @(
        @{ Format = 'Hex'; Bits = 128; Pattern = '^[0-9a-f]{32}$'; Example = 'f81d4fae7dec11d0a76500a0c91e6bf6' }
        @{ Format = 'Hex'; Bits = 512; Pattern = '^[0-9a-f]{128}$'; Example = 'twice as long as the default' }
        @{ Format = 'Base64'; Bits = 192; Pattern = '^[A-Za-z0-9+/]{32}$'; Example = 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0' }
    ) {
        $key = New-XpraAesKey -Format $Format -Bits $Bits
        "$key" | Should -Match $Pattern
        $key.Bits | Should -Be $Bits
    }

    It 'returns a UUID as uuidgen does, which always has 122 random bits' {
        $key = New-XpraAesKey -Format Uuid
        [guid]::Parse("$key").ToString() | Should -Be "$key"
        $key.Bits | Should -Be 122
        { New-XpraAesKey -Format Uuid -Bits 128 -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }

    It 'refuses <Bits> bits' -TestCases @(@{ Bits = 64 }, @{ Bits = 100 }, @{ Bits = 1024 }) {
        { New-XpraAesKey -Bits $Bits -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
    }
}

Describe 'Writing a key file' -Tag Unit {
    It 'writes only the key, without a newline, readable only for its owner' {
        $path = Join-Path $TestDrive 'new.txt'
        $key = New-XpraAesKey -Path $path
        $key.Path | Should -Be $path
        [System.IO.File]::ReadAllBytes($path) | Should -HaveCount 64
        [System.IO.File]::ReadAllText($path) | Should -Be "$key"
        if (-not $IsWindows) {
            (Get-Item $path).UnixMode | Should -Be '-rw-------'
        }
    }

    It 'gives the file to its user, SYSTEM and Administrators alone, also where it replaces one that all can read' -Skip:(-not $IsWindows) {
        $allowed = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value, 'S-1-5-18', 'S-1-5-32-544'
        $path = Join-Path $TestDrive 'private key.txt'
        foreach ($round in 1, 2) {
            $null = New-XpraAesKey -Path $path -Force
            $list = Get-Acl $path
            $list.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier]).IdentityReference.Value | Should -BeIn $allowed
            (Get-XpraAesKey $path).Problems | Should -BeNullOrEmpty
            $list.AddAccessRule([System.Security.AccessControl.FileSystemAccessRule]::new([System.Security.Principal.SecurityIdentifier]'S-1-1-0', 'Read', 'Allow'))
            Set-Acl -Path $path -AclObject $list
            (Get-XpraAesKey $path).Problems.Id | Should -Be 'OpenToOthers'
        }
    }

    It 'leaves the old file alone where a program has it open, and no other file behind' -Skip:(-not $IsWindows) {
        $directory = New-Item (Join-Path $TestDrive 'in use') -ItemType Directory
        $path = (New-XpraAesKey (Join-Path $directory 'key.txt')).Path
        $before = Get-Content $path -Raw
        $open = [System.IO.File]::Open($path, 'Open', 'Read', 'Read')
        try {
            { New-XpraAesKey $path -Force -ErrorAction Stop } | Should -Throw -ErrorId 'KeyFileUnwritable,*'
        }
        finally {
            $open.Dispose()
        }
        Get-Content $path -Raw | Should -Be $before
        (Get-ChildItem $directory -Force).Name | Should -Be 'key.txt'
    }

    It 'accepts a path relative to the current location, and with drives' {
        Push-Location TestDrive:
        try {
            (New-XpraAesKey relative.txt).Path | Should -Be (Join-Path $TestDrive 'relative.txt')
            (New-XpraAesKey TestDrive:/drive.txt).Path | Should -Be (Join-Path $TestDrive 'drive.txt')
        }
        finally {
            Pop-Location
        }
    }

    It 'does not replace an existing file without -Force' {
        $path = Join-Path $TestDrive 'precious.txt'
        Set-Content $path 'precious' -NoNewline
        { New-XpraAesKey $path -ErrorAction Stop } | Should -Throw -ErrorId 'KeyFileExists,*'
        Get-Content $path | Should -Be 'precious'
        "$(New-XpraAesKey $path -Force)" | Should -Be (Get-Content $path -Raw)
    }

    It 'writes nothing with -WhatIf' {
        New-XpraAesKey (Join-Path $TestDrive 'never.txt') -WhatIf | Should -BeNullOrEmpty
        Join-Path $TestDrive 'never.txt' | Should -Not -Exist
    }

    It 'leaves no partial file if the folder does not exist' {
        { New-XpraAesKey (Join-Path $TestDrive 'no/folder/key.txt') -ErrorAction Stop } | Should -Throw -ErrorId 'KeyFileUnwritable,*'
    }
}

Describe 'Keeping the key secret' -Tag Unit {
    BeforeAll {
        $script:key = New-XpraAesKey
        $script:text = "$key"
    }

    It 'returns the text on request' {
        $key | Set-Content (Join-Path $TestDrive 'set.txt')
        (Get-Content (Join-Path $TestDrive 'set.txt')) | Should -Be $text
    }

    It 'does not show it in <View>' -TestCases @(
        @{ View = 'the table'; Show = { $args[0] | Out-String } }
        @{ View = 'the list'; Show = { $args[0] | Format-List | Out-String } }
        @{ View = 'Format-List *'; Show = { $args[0] | Format-List * | Out-String } }
        @{ View = 'Format-Custom'; Show = { $args[0] | Format-Custom | Out-String } }
        @{ View = 'JSON'; Show = { $args[0] | ConvertTo-Json -Depth 5 } }
        @{ View = 'CSV'; Show = { $args[0] | ConvertTo-Csv | Out-String } }
        @{ View = 'CliXml'; Show = { $args[0] | ConvertTo-CliXml } }
    ) {
        $shown = & $Show $key
        $shown | Should -Not -Match $text
        $shown | Should -Match $key.Fingerprint
    }

    It 'comes out of a job only as its fingerprint' -Tag Slow -Skip:(-not (Get-Command pwsh -CommandType Application -ErrorAction Ignore)) {
        $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
        $result = Start-Job { Import-Module $using:manifest; $key = New-XpraAesKey; $key; $key.Fingerprint; "$key" } | Receive-Job -Wait -AutoRemoveJob
        $result[0] | Should -Be $result[1]
        $result[2] | Should -Match '^[0-9a-f]{64}$'
    }
}
