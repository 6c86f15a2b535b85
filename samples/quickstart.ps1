<#
.SYNOPSIS
The main job from scratch: a key file, a listener, a connection to it in each AES mode, and what each actually uses.

.DESCRIPTION
Runs in PowerShell 7.4 and later (pwsh samples/quickstart.ps1) and in xpra-aes. Everything happens on this machine, and
nothing is left behind.
#>
$ErrorActionPreference = 'Stop'
Import-Module "$PSScriptRoot/../XpraAes.psd1"

$folder = [System.IO.Directory]::CreateTempSubdirectory('xpra-aes-').FullName
$connections = @()
$listeners = @()
try {
    # Both sides hold the same key. Only this user can read the file; the fingerprint identifies the key.
    $key = New-XpraAesKey -Path "$folder/key.txt"
    "Made a key of $($key.Bits) bits, fingerprint $($key.Fingerprint)."

    # Port 0 selects a free port. An xpra client connects with the URI in AttachUri: xpra info tcp://...
    # The default is CBC only. For the other modes, the listener must remember its clients' salts.
    $listeners += Start-XpraAesListener -Port 0 -KeyFile "$folder/key.txt" -Mode CBC, CTR, GCM, CFB -StatePath "$folder/salts"
    "Listening on $($listeners.Endpoint)."

    foreach ($mode in 'CBC', 'CTR', 'GCM', 'CFB') {
        # A connection is established once a ping has been sent and answered, both encrypted.
        $connections += Connect-XpraAes -ComputerName 127.0.0.1 -Port $listeners.Port -Mode $mode -KeyFile "$folder/key.txt"
        'Connected in AES-{0}, a ping took {1:0.0} ms.' -f $mode, $connections[-1].Latency.TotalMilliseconds
    }

    # Each end of each connection has two rows.
    Get-XpraCipherInfo | Where-Object Cipher -EQ AES
}
finally {
    $connections | Disconnect-XpraAes
    $listeners | Stop-XpraAesListener
    Remove-Item $folder -Recurse
}
'Disconnected, stopped, and deleted the key.'
