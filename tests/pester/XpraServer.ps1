# A real xpra server with AES on a port of this machine, and the Xvfb that it runs on.

. "$PSScriptRoot/FreePort.ps1"

function Open-XpraServer {
    param(
        # The key file, which the server reads.
        [string] $KeyFile,

        # The folder for its logs and sockets.
        [string] $Folder
    )

    $port = Get-FreePort
    $display = ":$(Get-Random -Minimum 300 -Maximum 9000)"
    $log = @{ RedirectStandardOutput = (Join-Path $Folder 'out.log'); RedirectStandardError = (Join-Path $Folder 'err.log'); PassThru = $true }
    $processes = @(Start-Process Xvfb "$display -nolisten tcp" @log)
    $off = 'mdns', 'notifications', 'pulseaudio', 'systemd-run', 'dbus-proxy', 'webcam', 'printing', 'html' | ForEach-Object { "--$_=no" }
    $processes += Start-Process xpra "start $display --use-display --daemon=no --dbus-launch= --socket-dir=$Folder $off --bind-tcp=127.0.0.1:$port --tcp-encryption=AES --tcp-encryption-keyfile=$KeyFile" @log

    $deadline = [datetime]::Now.AddSeconds(60)
    while (-not (Test-Connection 127.0.0.1 -TcpPort $port -Quiet) -and [datetime]::Now -lt $deadline) {
        Start-Sleep -Milliseconds 200
    }
    [pscustomobject]@{ Port = $port; Processes = $processes }
}

function Close-XpraServer {
    param([psobject] $Server)

    foreach ($process in $Server.Processes[-1..0] | Where-Object { -not $_.HasExited }) {
        /bin/kill $process.Id
        $null = $process.WaitForExit(10000)
    }
}
