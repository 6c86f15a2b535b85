using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

public sealed class TransportTableTests
{
    [Theory]
    [InlineData(TransportKind.Tcp, "tcp", "tcp://[::1]:7/")]
    [InlineData(TransportKind.WebSocket, "ws", "ws://[::1]:7/a")]
    [InlineData(TransportKind.Unix, "socket", "socket:///a")]
    [InlineData(TransportKind.TlsPsk, "tls-psk", "tls-psk://[::1]:7/a")]
    [InlineData(TransportKind.Tls, "ssl", "ssl://[::1]:7/a")]
    [InlineData(TransportKind.WebSocketTls, "wss", "wss://[::1]:7/a")]
    [InlineData(TransportKind.NamedPipe, "named-pipe", "named-pipe:///a")]
    public void Every_kind_has_one_transport_that_writes_its_URIs(TransportKind kind, string scheme, string uri)
    {
        var transport = TransportTable.Of(kind);
        Assert.Equal((kind, scheme), (transport.Kind, transport.Scheme));
        Assert.Same(transport, TransportTable.WithScheme(scheme));
        Assert.Equal(uri, new XpraEndpoint(kind, "::1", 7, kind == TransportKind.Tcp ? null : "/a").ToString());
    }

    [Fact]
    public void No_kind_is_without_a_transport()
        => Assert.All(Enum.GetValues<TransportKind>(), kind => Assert.Equal(kind, TransportTable.Of(kind).Kind));

    [Theory]
    [InlineData("ssh")]
    [InlineData("TCP")]
    [InlineData("")]
    public void Other_schemes_have_none(string scheme) => Assert.Null(TransportTable.WithScheme(scheme));

    /// <summary>xpra's packets begin with a P, as POST, PUT and PATCH do: these are told apart once they are whole.</summary>
    [Theory]
    [InlineData("GET / HTTP/1.1", true)]
    [InlineData("G", true)]
    [InlineData("OPTIONS * HTTP/1.1", true)]
    [InlineData("CONNECT h:1 HTTP/1.1", true)]
    [InlineData("POST / HTTP/1.1", true)]
    [InlineData("PATCH / HTTP/1.1", true)]
    [InlineData("P", false)]
    [InlineData("POS", false)]
    [InlineData("P\u0011\0\0\0\0\0\u0009", false)]
    [InlineData("GOT ", false)]
    [InlineData("\u0016\u0003\u0001", false)]
    public void HTTP_is_recognized_by_its_first_bytes(string said, bool isHttp)
    {
        var first = Encoding.Latin1.GetBytes(said);
        Assert.Equal(isHttp, TransportTable.Of(TransportKind.WebSocket).Recognizes(first.AsSpan(0, Math.Min(first.Length, TransportTable.PeekSize))));
        Assert.False(TransportTable.Of(TransportKind.Tcp).Recognizes(first));
        Assert.False(TransportTable.Of(TransportKind.Unix).Recognizes(first));
    }

    [Fact]
    public async Task What_carries_packets_as_they_are_gives_every_byte_of_them()
    {
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, backlog: 1);
        var (client, _) = await TransportTable.ConnectAsync(listening.Endpoint, [], TimeSpan.FromSeconds(10), Limits.Default, default);
        await using var closing = client;
        await client.WriteAsync("P"u8.ToArray());
        await using var server = (await TransportTable.AcceptAsync(await listening.AcceptAsync(default), new AcceptOptions { Timeout = TimeSpan.FromSeconds(10) }, default))!;
        await client.WriteAsync("OST"u8.ToArray());
        var arrived = new byte[4];
        await server.ReadExactlyAsync(arrived);
        Assert.Equal("POST"u8, arrived);
    }

    [Fact]
    public async Task A_client_that_sends_nothing_is_waited_for_until_the_timeout()
    {
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, backlog: 1);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, listening.Endpoint.Port);
        using var socket = await listening.AcceptAsync(default);
        Assert.Equal(XpraErrorId.HandshakeTimeout, (await Assert.ThrowsAsync<XpraAesException>(() => TransportTable.AcceptAsync(socket, new AcceptOptions { Timeout = TimeSpan.FromMilliseconds(50) }, default))).Id);
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(XpraErrorId.ConnectionLost, (await Assert.ThrowsAsync<XpraAesException>(() => TransportTable.AcceptAsync(socket, new AcceptOptions { Timeout = TimeSpan.FromSeconds(10) }, default))).Id);
    }
}
