using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Listening;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Attacks;

/// <summary>A malicious web page in a browser that can reach the listener; browsers let WebSockets connect anywhere.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class PageTests
{
    [Fact]
    public async Task A_page_is_refused_by_its_origin_without_blocking_the_visitors_address()
    {
        await using var loopback = Loopback.Start(options => options with { AllowedOrigins = ["http://localhost:8080"] });
        for (var i = 0; i < 20; i++)
            Assert.StartsWith("HTTP/1.1 403 ", await AskAsync(loopback.Listener.Port, "https://evil.example"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 101 ", await AskAsync(loopback.Listener.Port, "http://localhost:8080"), StringComparison.Ordinal);
        await using var connection = await loopback.ConnectAsync();
        Assert.Equal([XpraErrorId.PeerIsHttp], loopback.Listener.Refusals.Keys.Where(id => id != XpraErrorId.ConnectionLost));
    }

    [Theory]
    [InlineData("http://localhost:8080/")]
    [InlineData("localhost:8080")]
    [InlineData("*")]
    [InlineData("null")]
    [InlineData("ws://localhost:8080")]
    public void An_invalid_origin_is_refused(string origin)
    {
        using var key = XpraKey.Generate();
        var failure = Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = key, AllowedOrigins = [origin] }));
        Assert.Equal(XpraErrorId.InvalidOption, failure.Id);
        Assert.Contains("http://localhost:8080", failure.RecommendedAction, StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(int port, string origin)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n"));
        var answer = new byte[4_096];
        return Encoding.ASCII.GetString(answer, 0, await socket.ReceiveAsync(answer).WaitAsync(Loopback.HelloTimeout));
    }
}
