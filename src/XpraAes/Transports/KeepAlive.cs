using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>Makes the system detect a peer that has vanished: by keep-alive while the connection is silent, by TCP_USER_TIMEOUT while data is unacknowledged.</summary>
internal static class KeepAlive
{
    // TCP_USER_TIMEOUT of tcp(7), in milliseconds: how long data may stay unacknowledged. Keep-alive is not active during that time.
    private const int LinuxTcp = 6, LinuxUserTimeout = 18;

    /// <summary>Sets it up on a TCP socket, and turns off Nagle's algorithm; ignores other sockets.</summary>
    public static void Enable(Socket socket, Limits limits)
    {
        if (socket.ProtocolType != ProtocolType.Tcp)
            return;
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, Seconds(limits.KeepAliveTime));
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, Seconds(limits.KeepAliveInterval));
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, limits.KeepAliveRetries);
        if (!OperatingSystem.IsLinux())
            return;
        Span<byte> timeout = stackalloc byte[sizeof(int)];
        var wait = limits.KeepAliveTime + limits.KeepAliveRetries * limits.KeepAliveInterval;
        BitConverter.TryWriteBytes(timeout, (int)wait.TotalMilliseconds);
        socket.SetRawSocketOption(LinuxTcp, LinuxUserTimeout, timeout);
    }

    private static int Seconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));
}
