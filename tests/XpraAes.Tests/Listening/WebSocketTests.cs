using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Tests.Listening;

/// <summary>WebSocket and HTTP on the port that speaks xpra's packets, ws:// servers, and the browser client (PROTOCOL sections 3 and 11).</summary>
[Collection(LoopbackCollection.Name)]
public sealed class WebSocketTests
{
    private const string Key = "MDEyMzQ1Njc4OWFiY2RlZg==";

    public static TheoryData<AesMode> Modes => [.. Enum.GetValues<AesMode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_session_over_websocket_is_as_one_over_tcp_on_the_same_port(AesMode mode)
    {
        await using var loopback = Loopback.Start();
        await using var overTcp = await loopback.ConnectAsync(options => options with { Mode = mode });
        await using var client = await loopback.ConnectAsync(options => WebSocket(options) with { Mode = mode });
        Assert.Equal($"ws://127.0.0.1:{loopback.Listener.Port}/", client.Endpoint);
        Assert.True(await client.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
        Assert.True(await overTcp.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
        await client.CloseAsync();
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 1);
        Assert.Equal(ConnectionState.Open, overTcp.State);
    }

    [Fact]
    public async Task Stopping_a_listener_disconnects_WebSocket_clients_too()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectAsync(WebSocket);
        await loopback.SingleConnectionAsync();
        await loopback.Listener.StopAsync(Loopback.HelloTimeout);
        await client.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal("the peer disconnected: server exit", client.CloseReason);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 ")]
    [InlineData("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ")]
    [InlineData("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 400 ")]
    [InlineData("PUT / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ")]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ")]
    public async Task An_HTTP_request_gets_a_short_answer_and_the_end(string request, string status)
    {
        await using var loopback = Loopback.Start();
        var answer = await AskAsync(loopback, request);
        Assert.StartsWith(status, answer, StringComparison.Ordinal);
        Assert.EndsWith("This port speaks xpra. Connect to it with an xpra client.\n", answer, StringComparison.Ordinal);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.PeerIsHttp) == 1);
    }

    [Fact]
    public async Task An_upgrade_that_comes_byte_by_byte_is_an_upgrade()
    {
        await using var loopback = Loopback.Start();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        foreach (var b in Encoding.ASCII.GetBytes($"GET /any HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {Key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n"))
        {
            await socket.SendAsync(new[] { b });
            await Task.Yield();
        }
        var answer = new byte[1000];
        var count = await socket.ReceiveAsync(answer).WaitAsync(Loopback.HelloTimeout);
        Assert.StartsWith("HTTP/1.1 101 ", Encoding.ASCII.GetString(answer, 0, count), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_of_before_4_3_that_refuses_past_the_websocket_is_asked_again_in_rencode()
    {
        using var key = XpraKey.Generate();
        var encodings = new List<byte>();
        await using var server = new FakeServer(key, async peer =>
        {
            await UpgradeAsync(peer.Socket);
            encodings.Add(await ReceiveFlagsAsync(peer.Socket));
            await peer.SendRawAsync("disconnect: failed to parse bencode packet\n"u8.ToArray());
            peer.Socket.Shutdown(SocketShutdown.Send);
            await peer.Socket.ReceiveAsync(new byte[100_000]);
        });
        var options = new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.WebSocket, "127.0.0.1", server.Port), Key = key, Timeout = Loopback.HelloTimeout };
        var refused = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options));
        Assert.Equal(XpraErrorId.PeerSentText, refused.Id);
        Assert.Contains("failed to parse bencode packet", refused.Message, StringComparison.Ordinal);
        Assert.Equal([(byte)PacketEncoding.RencodePlus, (byte)PacketEncoding.Rencode], encodings);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")]
    public async Task A_server_without_websocket_is_named_by_its_cause(string answer)
    {
        using var key = XpraKey.Generate();
        await using var server = new FakeServer(key, async peer =>
        {
            await peer.Socket.ReceiveAsync(new byte[10_000]);
            await peer.SendRawAsync(Encoding.ASCII.GetBytes(answer));
        });
        var options = new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.WebSocket, "127.0.0.1", server.Port), Key = key, Timeout = Loopback.HelloTimeout };
        var refused = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options));
        Assert.Equal(answer.Length == 0 ? XpraErrorId.ConnectionLost : XpraErrorId.PeerIsHttp, refused.Id);
    }

    [Fact]
    public async Task A_websocket_server_that_stays_silent_is_given_up()
    {
        using var key = XpraKey.Generate();
        await using var server = new FakeServer(key, async peer =>
        {
            var waste = new byte[10_000];
            while (await peer.Socket.ReceiveAsync(waste) > 0)
            {
            }
        });
        var options = new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.WebSocket, "127.0.0.1", server.Port), Key = key, Timeout = TimeSpan.FromMilliseconds(300) };
        Assert.Equal(XpraErrorId.HandshakeTimeout, (await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options))).Id);
    }

    /// <summary>It keeps sending while it derives a key: under the old cipher, or in plaintext.</summary>
    [Fact]
    public async Task The_browser_client_keeps_the_key_of_its_challenge_and_gets_no_more_iterations_than_it_announces()
    {
        using var password = SecretBuffer.FromUtf8("secret");
        await using var loopback = Loopback.Start(options => options with { Password = password });
        await using var client = await loopback.ConnectFakeAsync();
        var browser = Generation.Named("HTML5");
        var (hello, announced) = browser.Announce(AesMode.CBC);
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);

        var challenge = await client.ReceiveAsync("challenge");
        var capabilities = challenge.Dictionary(2)!;
        var asked = CipherCapabilities.Read(capabilities.GetDictionary("encryption") is { } nested ? new XpraDictionary { ["encryption"] = nested } : null)!.Parameters;
        Assert.Equal((1_000, false), (asked.Iterations, asked.Stream));
        // It expects them unprefixed; servers of other generations write them flat or nested.
        Assert.Equal(capabilities["iv"], capabilities["cipher.iv"]);
        Assert.Equal(capabilities.GetBytes("key_salt"), asked.Salt.ToArray());

        client.SendUnder(asked);
        (hello, announced) = browser.Announce(AesMode.CBC);
        var salt = RandomNumberGenerator.GetBytes(32);
        hello["challenge_client_salt"] = salt;
        hello["challenge_response"] = Challenge.Respond(password.Span, challenge.Bytes(1), salt, challenge.Text(3), challenge.Text(4));
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);
        var answer = (await client.ReceiveAsync("hello")).Dictionary(1)!;
        Assert.Equal(asked.Salt.ToArray(), browser.Read(answer).Salt.ToArray());

        await client.SendAsync("ping", 1L);
        Assert.Equal(1L, (await client.ReceiveAsync("ping_echo"))[1]);
    }

    private static ConnectOptions WebSocket(ConnectOptions options)
        => options with { Endpoint = options.Endpoint with { Transport = TransportKind.WebSocket } };

    private static async Task<string> AskAsync(Loopback loopback, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync().WaitAsync(Loopback.HelloTimeout);
    }

    /// <summary>Answers the upgrade request by hand (RFC 6455 section 4.2.2).</summary>
    private static async Task UpgradeAsync(Socket socket)
    {
        var buffer = new byte[10_000];
        var request = Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
        var key = request.Split("Sec-WebSocket-Key: ")[1].Split("\r\n")[0];
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        await socket.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: binary\r\n\r\n"));
    }

    /// <summary>The encoding flags of the packet in the first frame, which is masked and longer than 125 bytes.</summary>
    private static async Task<byte> ReceiveFlagsAsync(Socket socket)
    {
        var frame = new byte[100_000];
        await socket.ReceiveAsync(frame);
        Assert.Equal(0xfe, frame[1]);
        return (byte)(frame[9] ^ frame[5]);
    }
}
