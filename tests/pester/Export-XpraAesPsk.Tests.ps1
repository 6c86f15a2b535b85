BeforeDiscovery {
    $script:hasOpenssl = [bool](Get-Command openssl -CommandType Application -ErrorAction Ignore)
}

BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
    # docs/sealed.md, test vector.
    $script:known = '0123456789abcdef0123456789abcdef'
    $script:knownLine = 'xpra-aes-sha256-736ff8e5bc3c8dabd68f2bf0ead30486:8f2a0a09921a28624f904b1876a1809f6f264eb575285f3b6560155133626067'
}

Describe 'Exporting pre-shared keys with Export-XpraAesPsk' {
    BeforeEach {
        Push-Location -Path (New-Item -Path "TestDrive:/$([guid]::NewGuid())" -ItemType Directory)
        Set-Content -Path known.txt -Value $known -NoNewline
        if (-not $IsWindows) {
            chmod 600 known.txt
        }
        $null = New-XpraAesKey -Path a.txt
        $null = New-XpraAesKey -Path b.txt
    }

    AfterEach {
        Get-XpraAesConnection | Disconnect-XpraAes
        Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
        Pop-Location
    }

    Context 'Writing the file' -Tag Unit {
        It 'writes the identity and key of the specification, readable only for its owner' {
            $entry = Export-XpraAesPsk -KeyFile known.txt -Path psk.txt
            [System.IO.File]::ReadAllText((Convert-Path psk.txt)) | Should -BeExactly "$knownLine`n"
            $entry.Identity | Should -Be $knownLine.Split(':')[0]
            $entry.KeyFingerprint | Should -Be (Get-XpraAesKey known.txt).Fingerprint
            $entry.Path | Should -Be (Convert-Path psk.txt)
            if (-not $IsWindows) {
                (Get-Item psk.txt).UnixMode | Should -Be '-rw-------'
            }
        }

        It 'writes a line for each of several keys: <Form>' -TestCases @(
            @{ Form = 'names'; Export = { Export-XpraAesPsk -KeyFile a.txt, b.txt -Path psk.txt } }
            @{ Form = 'names in the pipeline'; Export = { 'a.txt', 'b.txt' | Export-XpraAesPsk psk.txt } }
            @{ Form = 'files'; Export = { Get-ChildItem [ab].txt | Export-XpraAesPsk psk.txt } }
            @{ Form = 'keys'; Export = { Get-XpraAesKey [ab].txt | Export-XpraAesPsk psk.txt } }
            @{ Form = 'rows of a table'; Export = { 'KeyFile', 'a.txt', 'b.txt' | ConvertFrom-Csv | Export-XpraAesPsk psk.txt } }
            @{ Form = 'one of them twice'; Export = { Export-XpraAesPsk -KeyFile a.txt, b.txt, a.txt -Path psk.txt } }
        ) {
            $entries = & $Export
            $entries.KeyFingerprint | Should -Be (Get-XpraAesKey [ab].txt).Fingerprint
            $lines = Get-Content psk.txt
            $lines | Should -HaveCount 2
            $lines -replace ':.*' | Should -Be $entries.Identity
            $lines | Should -Match '^xpra-aes-sha256-[0-9a-f]{32}:[0-9a-f]{64}$'
        }

        It 'writes the same for one key in every form: <Form>' -TestCases @(
            @{ Form = 'text'; Arguments = { @{ KeyData = $known } } }
            @{ Form = 'bytes as text'; Arguments = { @{ KeyData = '0x' + [System.Convert]::ToHexString([System.Text.Encoding]::ASCII.GetBytes($known)) } } }
            @{ Form = 'an object'; Arguments = { @{ Key = Get-XpraAesKey known.txt } } }
            @{ Form = 'a SecureString'; Arguments = { @{ Key = [System.Net.NetworkCredential]::new('', $known).SecurePassword } } }
        ) {
            $given = & $Arguments
            $null = Export-XpraAesPsk psk.txt @given -WarningAction SilentlyContinue
            Get-Content psk.txt | Should -Be $knownLine
        }

        It 'leaves the key object usable' {
            $key = New-XpraAesKey
            $null = $key | Export-XpraAesPsk psk.txt
            "$key" | Should -Match '^[0-9a-f]{64}$'
        }

        It 'warns about a weak key' {
            Set-Content -Path weak.txt -Value 'hunter2' -NoNewline
            $null = Export-XpraAesPsk -KeyFile weak.txt -Path psk.txt -WarningVariable warnings -WarningAction SilentlyContinue
            "$warnings" | Should -Match 'bits of strength'
            "$warnings" | Should -Not -Match 'hunter2'
        }
    }

    Context 'Keeping what is there' -Tag Unit {
        It 'does not replace an existing file without -Force' {
            Set-Content -Path psk.txt -Value 'precious' -NoNewline
            { Export-XpraAesPsk -KeyFile a.txt -Path psk.txt -ErrorAction Stop } | Should -Throw -ErrorId 'KeyFileExists,*'
            Get-Content psk.txt | Should -Be 'precious'
            $null = Export-XpraAesPsk -KeyFile known.txt -Path psk.txt -Force
            Get-Content psk.txt | Should -Be $knownLine
        }

        It 'replaces a file that others can read by one that they cannot' -Skip:$IsWindows {
            Set-Content -Path psk.txt -Value 'old' -NoNewline
            chmod 644 psk.txt
            $null = Export-XpraAesPsk -KeyFile a.txt -Path psk.txt -Force
            (Get-Item psk.txt).UnixMode | Should -Be '-rw-------'
        }

        It 'never replaces the key itself, even with -Force: <Case>' -TestCases @(
            @{ Case = 'the same file'; Arguments = @{ KeyFile = 'a.txt' } }
            @{ Case = 'one of several'; Arguments = @{ KeyFile = 'b.txt', 'a.txt' } }
            @{ Case = 'a link to it'; Arguments = @{ KeyFile = 'link.txt' } }
        ) {
            if (-not $IsWindows) {
                ln a.txt link.txt
            }
            else {
                Copy-Item a.txt link.txt
            }
            $before = Get-Content a.txt
            { Export-XpraAesPsk @Arguments -Path a.txt -Force -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
            Get-Content a.txt | Should -Be $before
        }

        It 'writes nothing with -WhatIf' {
            $manifest = (Get-Module XpraAes).Path -replace 'psm1$', 'psd1'
            $shell = (Get-Command pwsh -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source ?? [System.Environment]::ProcessPath
            $said = & $shell -NoProfile -NonInteractive -Command "Import-Module '$manifest'; Export-XpraAesPsk -KeyFile a.txt -Path psk.txt -WhatIf"
            "$said" | Should -Match (Get-XpraAesKey a.txt).Fingerprint
            'psk.txt' | Should -Not -Exist
        }

        It 'writes nothing if one of the keys cannot be read' {
            { 'a.txt', 'none.txt', 'b.txt' | Export-XpraAesPsk psk.txt } | Should -Throw -ErrorId 'KeyFileNotFound,*'
            'psk.txt' | Should -Not -Exist
        }

        It 'leaves no partial file if the folder does not exist' {
            { Export-XpraAesPsk -KeyFile a.txt -Path no/folder/psk.txt -ErrorAction Stop } | Should -Throw -ErrorId 'KeyFileUnwritable,*'
        }

        It 'refuses an empty key' {
            Set-Content -Path empty.txt -Value '' -NoNewline
            { Export-XpraAesPsk -KeyFile empty.txt -Path psk.txt -WarningAction SilentlyContinue } | Should -Throw -ErrorId 'KeyFileEmpty,*'
            'psk.txt' | Should -Not -Exist
        }
    }

    Context 'Using the file' -Tag Interop -Skip:(-not $hasOpenssl) {
        BeforeAll {
            # What openssl sent before the listener ended the connection, and whether the handshake was completed.
            function Connect-Openssl($Port, $Line) {
                $identity, $psk = $Line.Split(':')
                $said = '' | openssl s_client -connect "127.0.0.1:$Port" -tls1_3 -psk_identity $identity -psk $psk 2>&1 | Out-String
                $said -match 'Cipher is TLS_AES_128_GCM_SHA256'
            }
        }

        It 'opens a sealed listener with that key to openssl, until the key is replaced' {
            $null = Export-XpraAesPsk -KeyFile a.txt -Path psk.txt
            $listener = Start-XpraAesListener -Port 0 -KeyFile a.txt -Transport TlsPsk
            Connect-Openssl $listener.Port (Get-Content psk.txt) | Should -BeTrue
            $listener | Set-XpraAesListener -KeyFile b.txt
            Connect-Openssl $listener.Port (Get-Content psk.txt) | Should -BeFalse
            $listener.Refusals['KeyMismatch'] | Should -Be 1
            Connect-Openssl $listener.Port (Export-XpraAesPsk -KeyFile b.txt -Path new.txt | ForEach-Object { Get-Content $_.Path }) | Should -BeTrue
        }

        It 'does not open it under xpra''s AES' {
            $null = Export-XpraAesPsk -KeyFile a.txt -Path psk.txt
            $listener = Start-XpraAesListener -Port 0 -KeyFile a.txt
            { Connect-XpraAes "tcp://localhost:$($listener.Port)/?encryption=AES&keyfile=psk.txt" -ErrorAction Stop } | Should -Throw -ErrorId 'KeyMismatch,*'
            { Connect-XpraAes "tls-psk://localhost:$($listener.Port)/?keyfile=psk.txt" -ErrorAction Stop } | Should -Throw -ErrorId 'KeyMismatch,*'
        }
    }

    Context 'Keeping the pre-shared key secret' -Tag Unit {
        It 'shows it in no stream and no view' {
            $output = Export-XpraAesPsk -KeyFile a.txt, b.txt -Path psk.txt -Verbose -Debug -Force -WarningAction Continue *>&1
            $objects = $output | Where-Object { $_ -isnot [System.Management.Automation.InformationalRecord] }
            $shown = ($output | Out-String) + ($objects | Format-List * -Force | Out-String) + ($objects | ConvertTo-Json -Depth 5 -WarningAction Ignore) + ($objects | ConvertTo-CliXml)
            foreach ($line in Get-Content psk.txt) {
                $shown | Should -Match $line.Split(':')[0]
                $shown | Should -Not -Match $line.Split(':')[1]
            }
            foreach ($file in 'a.txt', 'b.txt') {
                $shown | Should -Not -Match (Get-Content $file)
            }
        }
    }
}
