using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using XpraAes.Tests.Logging;
using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

public sealed class KeepAliveTests
{
    /// <summary>Linux takes at most 32,767 seconds; Windows and macOS have bounds of their own.</summary>
    [Fact]
    public void What_the_system_refuses_is_left_out_and_the_rest_is_set()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The number that is refused is Linux's.");
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        RefusedOptions refused = new();
        KeepAlive.Enable(socket, Limits.Default with { KeepAliveTime = TimeSpan.FromSeconds(40_000), KeepAliveRetries = 7 }, refused);
        Assert.Equal(7, socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount));
        Assert.NotEqual(0, socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive));
        Assert.True(socket.NoDelay);
        ListLogger log = new();
        refused.TellOnce(log);
        Assert.Contains("TCP_KEEPIDLE", Assert.Single(log.Events).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_is_told_once_and_only_what_was_refused()
    {
        RefusedOptions refused = new();
        ListLogger log = new();
        refused.Try("fine", () => { });
        refused.TellOnce(log);
        Assert.Empty(log.Events);
        refused.Try("b", () => throw new SocketException((int)SocketError.ProtocolOption));
        refused.Try("a", () => throw new PlatformNotSupportedException());
        refused.TellOnce(log);
        refused.TellOnce(log);
        var (level, _, text) = Assert.Single(log.Events);
        Assert.Equal(LogLevel.Debug, level);
        Assert.Contains("refuses a, b on a socket", text, StringComparison.Ordinal);
        ListLogger other = new();
        refused.TellOnce(other);
        Assert.Single(other.Events);
    }

    [Fact]
    public async Task Nothing_of_the_default_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems may refuse some of it.");
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, backlog: 1);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, listening.Endpoint.Port);
        RefusedOptions refused = new();
        KeepAlive.Enable(socket, Limits.Default, refused);
        ListLogger log = new();
        refused.TellOnce(log);
        Assert.Empty(log.Events);
    }
}
