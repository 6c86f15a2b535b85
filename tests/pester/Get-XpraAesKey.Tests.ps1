BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"

    function Write-KeyFile([string] $Name, [byte[]] $Bytes) {
        # What only its owner can use stays so.
        $path = (New-XpraAesKey (Join-Path $TestDrive $Name) -Force).Path
        [System.IO.File]::WriteAllBytes($path, $Bytes)
        $path
    }
}

Describe 'Reading key files with Get-XpraAesKey' -Tag Unit {
    It 'strips CR and LF at the ends, as xpra does' {
        $plain = Write-KeyFile plain.txt ([byte[]][char[]]'0123456789abcdef0123456789abcdef')
        $lines = Write-KeyFile lines.txt ([byte[]][char[]]"`n0123456789abcdef0123456789abcdef`r`n`n")
        (Get-XpraAesKey $lines).Fingerprint | Should -Be (Get-XpraAesKey $plain).Fingerprint
    }

    It 'treats every other byte as part of it, and reports it' {
        $plain = Write-KeyFile plain.txt ([byte[]][char[]]'0123456789abcdef0123456789abcdef')
        $space = Get-XpraAesKey (Write-KeyFile space.txt ([byte[]][char[]]'0123456789abcdef0123456789abcdef '))
        $space.Fingerprint | Should -Not -Be (Get-XpraAesKey $plain).Fingerprint
        $space.Problems.Id | Should -Be 'SurroundingWhiteSpace'
    }

    It 'accepts files from <From>' -TestCases @(
        @{ From = 'Get-ChildItem'; Read = { Get-ChildItem (Join-Path $TestDrive '*.key') | Get-XpraAesKey } }
        @{ From = 'wildcards'; Read = { Get-XpraAesKey (Join-Path $TestDrive '*.key') } }
        @{ From = 'strings'; Read = { (Get-ChildItem (Join-Path $TestDrive '*.key')).FullName | Get-XpraAesKey } }
        @{ From = 'the KeyFile column of a table'; Read = { "KeyFile`n$TestDrive/a.key`n$TestDrive/b.key" | ConvertFrom-Csv | Get-XpraAesKey } }
        @{ From = 'a drive'; Read = { Get-XpraAesKey TestDrive:/a.key, TestDrive:/b.key } }
    ) {
        $null = New-XpraAesKey (Join-Path $TestDrive a.key) -Force
        $null = New-XpraAesKey (Join-Path $TestDrive b.key) -Force
        $keys = & $Read
        $keys.Path | Should -Be (Join-Path $TestDrive a.key), (Join-Path $TestDrive b.key)
    }

    It 'takes a name with brackets literally with -LiteralPath' {
        $path = Write-KeyFile '[1].txt' ([byte[]][char[]]'0123456789abcdef0123456789abcdef')
        (Get-XpraAesKey -LiteralPath $path).Path | Should -Be $path
        (Get-Item -LiteralPath $path | Get-XpraAesKey).Path | Should -Be $path
    }

    It 'resolves ~ to the home folder' {
        $null = Get-XpraAesKey ~/no-such-key -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem.TargetObject | Should -Be (Join-Path $HOME 'no-such-key')
    }

    It 'continues after a missing file' {
        $plain = Write-KeyFile plain.txt ([byte[]][char[]]'0123456789abcdef0123456789abcdef')
        $keys = 'none.txt', $plain | Get-XpraAesKey -ErrorVariable problems -ErrorAction SilentlyContinue
        $keys | Should -HaveCount 1
        $problems.FullyQualifiedErrorId | Should -BeLike 'KeyFileNotFound,*'
        $problems.ErrorDetails.RecommendedAction | Should -Match 'New-XpraAesKey'
    }
}

Describe 'Seeing what is wrong with a key' -Tag Unit {
    It 'names <Problem>' -TestCases @(
        @{ Problem = 'ByteOrderMark'; Bytes = [byte[]](0xEF, 0xBB, 0xBF) + [byte[]][char[]]'0123456789abcdef0123456789abcdef' }
        @{ Problem = 'Utf16'; Bytes = [System.Text.Encoding]::Unicode.GetPreamble() + [System.Text.Encoding]::Unicode.GetBytes('0123456789abcdef0123456789abcdef') }
        @{ Problem = 'SurroundingWhiteSpace'; Bytes = [byte[]][char[]]' 0123456789abcdef0123456789abcdef' }
        @{ Problem = 'Weak'; Bytes = [byte[]][char[]]'password' }
        @{ Problem = 'PrefixTakenLiterally'; Bytes = [byte[]][char[]]'0x0123456789abcdef0123456789abcdef' }
        @{ Problem = 'Empty'; Bytes = [byte[]](13, 10) }
    ) {
        $key = Get-XpraAesKey (Write-KeyFile problem.txt $Bytes)
        $key.Problems.Id | Should -Contain $Problem
        ($key | Format-List | Out-String) -replace '\s+', ' ' | Should -Match ([regex]::Escape(($key.Problems | Where-Object Id -EQ $Problem).RecommendedAction))
    }

    It 'shows the icacls to run if others can read the file' -Skip:(-not $IsWindows) {
        $path = Write-KeyFile 'open to all.txt' ([byte[]][char[]]'0123456789abcdef0123456789abcdef')
        $list = Get-Acl $path
        $list.AddAccessRule([System.Security.AccessControl.FileSystemAccessRule]::new([System.Security.Principal.SecurityIdentifier]'S-1-1-0', 'Read', 'Allow'))
        Set-Acl -Path $path -AclObject $list
        $action = (Get-XpraAesKey $path).Problems.RecommendedAction
        $action | Should -BeLike "Run: icacls '$path' /inheritance:r /grant:r *"
        if (-not (Get-Command icacls -ErrorAction Ignore)) {
            Set-ItResult -Skipped -Because 'there is no icacls here to run it'
        }
        $null = & ([scriptblock]::Create($action -replace '^Run: '))
        (Get-XpraAesKey $path).Problems | Should -BeNullOrEmpty
    }

    It 'reads neither devices nor pipes: <Path>' -Skip:(-not $IsWindows) -TestCases @(@{ Path = 'NUL' }, @{ Path = '\\.\pipe\Xpra\key' }, @{ Path = '\\localhost\pipe\key' }) {
        { Get-XpraAesKey $Path -ErrorAction Stop } | Should -Throw -ErrorId 'KeyFileUnreadable,*'
    }

    It 'reports a folder on the way, also behind a junction, in which others can replace the file' -Skip:(-not $IsWindows) {
        $directory = "$(New-Item (Join-Path $TestDrive shared) -ItemType Directory)"
        $path = (New-XpraAesKey (Join-Path $directory 'key.txt')).Path
        (Get-XpraAesKey $path).Problems | Should -BeNullOrEmpty
        $list = Get-Acl $directory
        $list.AddAccessRule([System.Security.AccessControl.FileSystemAccessRule]::new([System.Security.Principal.SecurityIdentifier]'S-1-1-0', 'FullControl', 'Allow'))
        Set-Acl -Path $directory -AclObject $list
        (Get-XpraAesKey $path).Problems.Id | Should -Be 'FolderOpenToOthers'
        try {
            $junction = "$(New-Item (Join-Path $TestDrive junction) -ItemType Junction -Target $directory)"
        }
        catch {
            Set-ItResult -Skipped -Because "no junction can be made: $_"
        }
        (Get-XpraAesKey (Join-Path $junction 'key.txt')).Problems.Id | Should -Be 'FolderOpenToOthers'
    }

    It 'shows the chmod to run if others can read the file' -Skip:$IsWindows {
        $path = Write-KeyFile open.txt ([byte[]][char[]]'0123456789abcdef0123456789abcdef')
        chmod 644 $path
        (Get-XpraAesKey $path).Problems.RecommendedAction | Should -Be "Run: chmod 600 $path"
        chmod 600 $path
        (Get-XpraAesKey $path).Problems | Should -BeNullOrEmpty
    }
}

Describe 'Comparing keys by their fingerprints' -Tag Unit {
    BeforeAll {
        $script:text = "$(New-XpraAesKey)"
        $script:fingerprint = (Get-XpraAesKey -KeyData $text).Fingerprint
    }

    It 'shows the same one for the same key, given as <Form>' -TestCases @(
        @{ Form = 'a file'; Read = { $text | Set-Content (Join-Path $TestDrive file.txt); Get-XpraAesKey (Join-Path $TestDrive file.txt) } }
        @{ Form = 'hexadecimal digits of its bytes'; Read = { Get-XpraAesKey -KeyData "0x$([convert]::ToHexString([byte[]][char[]]$text))" } }
        @{ Form = 'base64 of its bytes'; Read = { Get-XpraAesKey -KeyData "base64:$([convert]::ToBase64String([byte[]][char[]]$text))" } }
        @{ Form = 'text of -Key'; Read = { Get-XpraAesKey -Key $text } }
        @{ Form = 'a SecureString'; Read = { Get-XpraAesKey -Key ([System.Net.NetworkCredential]::new('', $text).SecurePassword) } }
        @{ Form = 'a PSCredential'; Read = { Get-XpraAesKey -Key ([pscredential]::new('xpra', [System.Net.NetworkCredential]::new('', $text).SecurePassword)) } }
        @{ Form = 'bytes'; Read = { Get-XpraAesKey -Key ([byte[]][char[]]$text) } }
        @{ Form = 'the bytes of a file'; Read = { $text | Set-Content (Join-Path $TestDrive file.txt) -NoNewline; Get-XpraAesKey -Key (Get-Content (Join-Path $TestDrive file.txt) -AsByteStream) } }
    ) {
        (& $Read).Fingerprint | Should -Be $fingerprint
    }
}
