BeforeAll {
    Import-Module "$PSScriptRoot/../../out/XpraAes/XpraAes.psd1"
}

BeforeDiscovery {
    # Wine 8 makes no certificates.
    $script:isWine = $IsWindows -and (Test-Path HKCU:\Software\Wine)
}

Describe 'Making a certificate with New-XpraAesCertificate' -Tag Unit -Skip:$isWine {
    It 'writes <File>, readable only for its owner, and shows the fingerprint' -TestCases @{ File = 'c.pfx' }, @{ File = 'c.pem' } {
        $path = Join-Path $TestDrive $File
        $certificate = New-XpraAesCertificate -DnsName localhost, 127.0.0.1 -Path $path
        $certificate.DnsName | Should -Be 'localhost', '127.0.0.1'
        $certificate.Fingerprint | Should -Match '^([0-9A-F]{2}:){31}[0-9A-F]{2}$'
        $certificate.NotAfter | Should -BeGreaterThan (Get-Date).AddDays(395)
        $certificate.Pem | Should -Not -Match 'PRIVATE'
        if (-not $IsWindows) {
            (Get-Item $path).UnixMode | Should -Be '-rw-------'
        }
        { New-XpraAesCertificate localhost $path -ErrorAction Stop } | Should -Throw -ErrorId 'KeyFileExists,*'
        (New-XpraAesCertificate localhost $path -Force).Fingerprint | Should -Not -Be $certificate.Fingerprint
    }

    It 'writes nothing with -WhatIf' {
        New-XpraAesCertificate localhost "$TestDrive/none.pfx" -WhatIf | Should -BeNullOrEmpty
        "$TestDrive/none.pfx" | Should -Not -Exist
    }
}

Describe 'TLS with a certificate' -Tag Unit -Skip:$isWine {
    BeforeEach {
        $script:key = New-XpraAesKey
        $script:certificate = New-XpraAesCertificate -DnsName localhost -Path "$TestDrive/server.pem" -Force
    }

    AfterEach {
        Get-XpraAesConnection | Disconnect-XpraAes
        Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
    }

    It 'is one more way to a listener: <Scheme>' -TestCases @{ Scheme = 'ssl' }, @{ Scheme = 'wss' } {
        $listener = Start-XpraAesListener -Port 0 -Key $key -Certificate "$TestDrive/server.pem"
        $certificate.Pem | Set-Content "$TestDrive/ca.pem"
        Push-Location TestDrive:
        try {
            $connection = Connect-XpraAes "${Scheme}://localhost:$($listener.Port)/?encryption=AES&ssl-ca-certs=ca.pem" -Key $key
        }
        finally {
            Pop-Location
        }
        $connection.KeyProven | Should -BeTrue
        ($connection | Get-XpraCipherInfo).Tls | Should -Be 'TLS 1.3', 'TLS 1.3'
        $listener.Certificate.Fingerprint | Should -Be $certificate.Fingerprint
    }

    It 'takes an object, a password, and xpra''s bind options' {
        $password = ConvertTo-SecureString secret -AsPlainText -Force
        New-XpraAesCertificate -DnsName localhost -Path "$TestDrive/secret.pfx" -Password $password -Force | Should -Not -BeNullOrEmpty
        { Start-XpraAesListener -Port 0 -Key $key -Certificate "$TestDrive/secret.pfx" -ErrorAction Stop } | Should -Throw -ErrorId 'CertificateUnusable,*'
        $listeners = @(
            Start-XpraAesListener -Port 0 -Key $key -Certificate "$TestDrive/secret.pfx" -CertificatePassword $password
            Start-XpraAesListener -Port 0 -Key $key -Certificate $certificate
            Start-XpraAesListener -Port 0 -Key $key -Certificate ([System.Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPemFile("$TestDrive/server.pem"))
            Start-XpraAesListener -Bind "127.0.0.1:0,encryption=AES,ssl-cert=$TestDrive/server.pem" -Key $key
        )
        foreach ($listener in $listeners) {
            Test-XpraAes "ssl://localhost:$($listener.Port)/?ssl-fingerprint=$($listener.Certificate.Fingerprint)" -Key $key -Quiet | Should -BeTrue
        }
    }

    It 'is not trusted by itself, and Test-XpraAes says what to do' {
        $listener = Start-XpraAesListener -Port 0 -Key $key -Certificate $certificate
        { Connect-XpraAes "ssl://localhost:$($listener.Port)/" -Key $key -ErrorAction Stop } | Should -Throw -ErrorId 'CertificateUntrusted,*'
        $found = Test-XpraAes "ssl://localhost:$($listener.Port)/" -Key $key
        ($found | Where-Object IsCause).Finding | Should -Be CertificateUntrusted
        ($found | Where-Object IsCause).RecommendedAction | Should -Match 'ssl-fingerprint='
        Connect-XpraAes "ssl://localhost:$($listener.Port)/?ssl-server-verify-mode=none" -Key $key -WarningVariable warned -WarningAction SilentlyContinue | Should -Not -BeNullOrEmpty
        "$warned" | Should -Match 'not verified'
    }

    It 'is the only way in where -Transport says so' {
        $listener = Start-XpraAesListener -Port 0 -Key $key -Certificate $certificate -Transport Tls
        { Connect-XpraAes "tcp://localhost:$($listener.Port)/" -Key $key -ErrorAction Stop } | Should -Throw
        $listener.AttachUri | Should -Match '^ssl://'
        ($listener | ConvertTo-XpraCommandLine -XpraVersion 3.1 -KeyFile /k.txt).CommandLine | Should -Be "xpra attach ssl://127.0.0.1:$($listener.Port)/ --tcp-encryption=AES --tcp-encryption-keyfile=/k.txt"
    }

    It 'is replaced for new clients by Set-XpraAesListener' {
        $listener = Start-XpraAesListener -Port 0 -Key $key -Certificate $certificate
        $new = New-XpraAesCertificate -DnsName localhost -Path "$TestDrive/new.pfx" -Force
        $listener | Set-XpraAesListener -Certificate "$TestDrive/new.pfx"
        $listener.Certificate.Fingerprint | Should -Be $new.Fingerprint
        Test-XpraAes "ssl://localhost:$($listener.Port)/?ssl-fingerprint=$($new.Fingerprint)" -Key $key -Quiet | Should -BeTrue
    }

    It 'warns of a certificate that expires within 14 days' {
        New-XpraAesCertificate -DnsName localhost -Path "$TestDrive/short.pfx" -Days 13 -Force | Should -Not -BeNullOrEmpty
        Start-XpraAesListener -Port 0 -Key $key -Certificate "$TestDrive/short.pfx" -WarningVariable warned -WarningAction SilentlyContinue | Should -Not -BeNullOrEmpty
        "$warned" | Should -Match 'expires on'
    }
}
