using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>Has the system notice a peer that vanished without a word: one that stays silent, and one that acknowledges nothing.</summary>
internal static class KeepAlive
{
    // TCP_USER_TIMEOUT of tcp(7), in milliseconds: how long what was sent may stay unacknowledged. Keep-alive does not look while it does.
    private const int LinuxTcp = 6, LinuxUserTimeout = 18;

    /// <summary>Sets it up on a TCP socket, and turns Nagle's delay off; leaves others alone.</summary>
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
