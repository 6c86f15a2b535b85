using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>Makes the system detect a peer that has vanished: by keep-alive while the connection is silent, by TCP_USER_TIMEOUT while data is unacknowledged.</summary>
internal static class KeepAlive
{
    // TCP_USER_TIMEOUT of tcp(7), in milliseconds: how long data may stay unacknowledged. Keep-alive is not active during that time.
    private const int LinuxTcp = 6, LinuxUserTimeout = 18;

    /// <summary>What the system refuses of it.</summary>
    public static RefusedOptions Refused { get; } = new();

    /// <summary>Sets it up on a TCP socket, and turns off Nagle's algorithm; ignores other sockets. What the system refuses is left out.</summary>
    public static void Enable(Socket socket, Limits limits) => Enable(socket, limits, Refused);

    internal static void Enable(Socket socket, Limits limits, RefusedOptions refused)
    {
        if (socket.ProtocolType != ProtocolType.Tcp)
            return;
        refused.Try("TCP_NODELAY", () => socket.NoDelay = true);
        refused.Try("SO_KEEPALIVE", () => socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true));
        refused.Try("TCP_KEEPIDLE", () => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, Seconds(limits.KeepAliveTime)));
        refused.Try("TCP_KEEPINTVL", () => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, Seconds(limits.KeepAliveInterval)));
        refused.Try("TCP_KEEPCNT", () => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, limits.KeepAliveRetries));
        // Linux alone has it.
        if (OperatingSystem.IsLinux())
            refused.Try("TCP_USER_TIMEOUT", () => socket.SetRawSocketOption(LinuxTcp, LinuxUserTimeout, BitConverter.GetBytes((int)UserTimeout(limits).TotalMilliseconds)));
    }

    private static TimeSpan UserTimeout(Limits limits) => limits.KeepAliveTime + limits.KeepAliveRetries * limits.KeepAliveInterval;

    private static int Seconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));
}
