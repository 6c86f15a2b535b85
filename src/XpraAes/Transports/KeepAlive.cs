using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Transports;

/// <summary>Makes the system detect a peer that has vanished: by keep-alive while the connection is silent, by TCP_USER_TIMEOUT while data is unacknowledged.</summary>
internal static class KeepAlive
{
    // TCP_USER_TIMEOUT of tcp(7), in milliseconds: how long data may stay unacknowledged. Keep-alive is not active during that time.
    private const int LinuxTcp = 6, LinuxUserTimeout = 18;

    /// <summary>The options that the system has refused. They are tried again all the same: some systems refuse them on a socket whose peer has just left.</summary>
    private static readonly ConcurrentDictionary<string, bool> s_refused = [];

    private static readonly ConditionalWeakTable<ILogger, object> s_told = [];

    /// <summary>Sets it up on a TCP socket, and turns off Nagle's algorithm; ignores other sockets. What the system refuses is left out.</summary>
    public static void Enable(Socket socket, Limits limits)
    {
        if (socket.ProtocolType != ProtocolType.Tcp)
            return;
        Try("TCP_NODELAY", () => socket.NoDelay = true);
        Try("SO_KEEPALIVE", () => socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true));
        Try("TCP_KEEPIDLE", () => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, Seconds(limits.KeepAliveTime)));
        Try("TCP_KEEPINTVL", () => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, Seconds(limits.KeepAliveInterval)));
        Try("TCP_KEEPCNT", () => socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, limits.KeepAliveRetries));
        if (OperatingSystem.IsLinux())
            Try("TCP_USER_TIMEOUT", () => socket.SetRawSocketOption(LinuxTcp, LinuxUserTimeout, BitConverter.GetBytes((int)UserTimeout(limits).TotalMilliseconds)));
    }

    /// <summary>Tells a log once which options have been refused, if any.</summary>
    public static void LogRefused(ILogger log)
    {
        if (!s_refused.IsEmpty && log.IsEnabled(LogLevel.Debug) && s_told.TryAdd(log, s_refused))
            Log.SocketOptionsRefused(log, string.Join(", ", s_refused.Keys.Order()));
    }

    /// <summary>Sets one option; notes it if the system refuses it.</summary>
    internal static void Try(string name, Action set)
    {
        try
        {
            set();
        }
        catch (Exception e) when (e is SocketException or PlatformNotSupportedException)
        {
            s_refused[name] = true;
        }
    }

    private static TimeSpan UserTimeout(Limits limits) => limits.KeepAliveTime + limits.KeepAliveRetries * limits.KeepAliveInterval;

    private static int Seconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));
}
