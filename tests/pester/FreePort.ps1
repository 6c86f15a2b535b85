# For tests whose code names a port before it listens there.

# A port on which nothing listens, and which the system gives to nobody who asks for any: those begin at 32768 on Linux.
function Get-FreePort {
    while ($true) {
        $port = Get-Random -Minimum 20000 -Maximum 32000
        $probe = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, $port)
        try {
            $probe.Start()
            return $port
        }
        catch [System.Net.Sockets.SocketException] {
            Write-Verbose "Port $port is taken."
        }
        finally {
            $probe.Stop()
        }
    }
}
