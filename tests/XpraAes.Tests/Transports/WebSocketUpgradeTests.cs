using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using XpraAes.Tests.Interop;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Transports;

public sealed class WebSocketUpgradeTests
{
    private const string Request =
        "GET /path HTTP/1.1\r\nHost: x:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n";

    [Fact]
    public async Task Client_and_server_connect_and_exchange_bytes()
    {
        var (near, far) = DuplexStream.CreatePair();
        var accepting = WebSocketUpgrade.AcceptAsync(far, default, ["http://x"], CancellationToken.None);
        await using var client = await WebSocketUpgrade.ConnectAsync(near, "localhost", 14500, "/", CancellationToken.None);
        await using var server = await accepting;

        var buffer = new byte[3];
        await client.WriteAsync(new byte[] { 1, 2, 3 });
        await server.ReadExactlyAsync(buffer);
        Assert.Equal([1, 2, 3], buffer);
        await server.WriteAsync(new byte[] { 4, 5, 6 });
        await client.ReadExactlyAsync(buffer);
        Assert.Equal([4, 5, 6], buffer);
    }

    [Fact]
    public async Task The_answer_to_the_HTML5_client_is_the_one_that_xpra_gave()
    {
        foreach (var capture in Capture.All.Where(capture => capture.IsWebSocket))
        {
            var answer = capture.Stream("s2c");
            answer = answer[..(answer.AsSpan().IndexOf("\r\n\r\n"u8) + 4)];
            var network = new ScriptedStream(capture.Stream("c2s"), new Random(1));
            await using var stream = await WebSocketUpgrade.AcceptAsync(network, default, ["http://x"], CancellationToken.None);
            Assert.Equal(Encoding.ASCII.GetString(answer), Encoding.ASCII.GetString(network.Written.ToArray()));

            var header = new byte[8];
            await stream.ReadExactlyAsync(header);
            Assert.Equal((byte)'P', header[0]);
        }
    }

    [Theory]
    [InlineData("GET /a\rLocation: b HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: x\nSecond: y\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: x\0\r\n\r\n")]
    public async Task A_head_with_a_bare_line_break_is_no_http(string head)
        => Assert.Null((await HttpHead.ReadAsync(new ScriptedStream(Encoding.ASCII.GetBytes(head)), default, isAnswer: false, default)).Head);

    [Fact]
    public async Task The_request_may_be_peeked_up_to_any_byte_and_frames_may_follow_at_once()
    {
        byte[] wire = [.. Encoding.ASCII.GetBytes(Request), 0x82, 4, 0x78, 0x70, 0x72, 0x61];
        for (var peeked = 0; peeked <= wire.Length; peeked++)
        {
            await using var stream = await WebSocketUpgrade.AcceptAsync(new ScriptedStream(wire[peeked..]), wire.AsMemory(0, peeked), ["http://x"], CancellationToken.None);
            var buffer = new byte[4];
            await stream.ReadExactlyAsync(buffer);
            Assert.Equal("xpra"u8.ToArray(), buffer);
        }
    }

    [Theory]
    [InlineData("Upgrade: websocket", "upgrade:WebSocket")]
    [InlineData("Connection: Upgrade", "Connection: keep-alive, upgrade")]
    [InlineData("Sec-WebSocket-Protocol: binary", "Sec-WebSocket-Protocol: base64, binary")]
    [InlineData("Sec-WebSocket-Protocol: binary", "Sec-WebSocket-Protocol: base64\r\nSec-WebSocket-Protocol: binary")]
    [InlineData("Host: x:1", "Origin: http://x\r\nSec-WebSocket-Extensions: permessage-deflate")]
    public async Task Variations_that_HTTP_allows_in_a_request_are_accepted(string field, string instead)
    {
        var network = new ScriptedStream(Encoding.ASCII.GetBytes(Request.Replace(field, instead, StringComparison.Ordinal)));
        await using var stream = await WebSocketUpgrade.AcceptAsync(network, default, ["http://x"], CancellationToken.None);
        var answer = Encoding.ASCII.GetString(network.Written.ToArray());
        Assert.StartsWith("HTTP/1.1 101 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Extensions", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "426 Upgrade Required")]
    [InlineData("GET / HTTP/1.0\r\n\r\n", "400 Bad Request")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "400 Bad Request")]
    [InlineData("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400 Bad Request")]
    [InlineData("GET / HTTP/1.1\r\n: empty name\r\n\r\n", "400 Bad Request")]
    [InlineData("GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400 Bad Request")]
    [InlineData("GET / HTTP/1.1\nHost: x\n\n", "400 Bad Request")]
    [InlineData("GET / HTTP/1.1\r\n\0\r\n\r\n", "400 Bad Request")]
    public async Task A_request_for_something_else_gets_a_correct_status(string request, string status)
    {
        await AssertRefusedAsync(request, status);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Protocol: binary\r\n", "", "403 Forbidden")]
    [InlineData("Sec-WebSocket-Protocol: binary", "Sec-WebSocket-Protocol: base64", "403 Forbidden")]
    [InlineData("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "426 Upgrade Required")]
    [InlineData("Upgrade: websocket", "Upgrade: h2c", "426 Upgrade Required")]
    [InlineData("Connection: Upgrade", "Connection: close", "426 Upgrade Required")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "short", "400 Bad Request")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQAA", "400 Bad Request")]
    [InlineData("GET /path", "HEAD /path", "400 Bad Request")]
    public async Task An_incomplete_websocket_request_gets_a_correct_status(string part, string instead, string status)
    {
        Assert.Contains(part, Request, StringComparison.Ordinal);
        await AssertRefusedAsync(Request.Replace(part, instead, StringComparison.Ordinal), status);
    }

    [Theory]
    [InlineData("http://x", true)]
    [InlineData("HTTP://X:80", true)]
    [InlineData("https://y.example:8443", true)]
    [InlineData("https://Y.EXAMPLE:8443", true)]
    [InlineData("https://x", false)]
    [InlineData("http://x:81", false)]
    [InlineData("http://xx", false)]
    [InlineData("http://x.evil.example", false)]
    [InlineData("http://evil.example/http://x", false)]
    [InlineData("http://x@evil.example", false)]
    [InlineData("http://x/", false)]
    [InlineData("http://x?", false)]
    [InlineData("http://x#", false)]
    [InlineData("http://x, http://x", false)]
    [InlineData("http://x\r\nOrigin: http://x", false)]
    [InlineData("null", false)]
    [InlineData("", false)]
    [InlineData("*", false)]
    [InlineData("file://", false)]
    public async Task Only_pages_of_allowed_origins_may_connect(string origin, bool isAllowed)
    {
        string[] allowed = ["http://x", "https://y.example:8443"];
        var request = Request.Replace("Host: x:1", $"Host: x:1\r\nOrigin: {origin}", StringComparison.Ordinal);
        var network = new ScriptedStream(Encoding.ASCII.GetBytes(request));
        if (isAllowed)
        {
            await using var stream = await WebSocketUpgrade.AcceptAsync(network, default, allowed, CancellationToken.None);
            network = new ScriptedStream(Encoding.ASCII.GetBytes(request));
            allowed = [];
        }
        var refusal = await Assert.ThrowsAsync<XpraAesException>(() => WebSocketUpgrade.AcceptAsync(network, default, allowed, CancellationToken.None));
        Assert.Equal(XpraErrorId.PeerIsHttp, refusal.Id);
        Assert.Contains("-AllowOrigin", refusal.Message, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", Encoding.ASCII.GetString(network.Written.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endless_request_is_rejected_after_8_KB()
    {
        var endless = Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat("Cookie: 0123456789\r\n", 5_000)));
        var network = new ScriptedStream(endless, new Random(1));
        var thrown = await Assert.ThrowsAsync<XpraAesException>(() => WebSocketUpgrade.AcceptAsync(network, default, ["http://x"], CancellationToken.None));
        Assert.Equal(XpraErrorId.PeerIsHttp, thrown.Id);
        Assert.InRange(network.Position, 1, HttpHead.MaxSize);
        Assert.StartsWith("HTTP/1.1 400 ", Encoding.ASCII.GetString(network.Written.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_peer_that_disconnects_midway_is_a_lost_connection()
    {
        for (var length = 0; length < Request.Length; length += 7)
        {
            var network = new ScriptedStream(Encoding.ASCII.GetBytes(Request[..length]));
            var thrown = await Assert.ThrowsAsync<XpraAesException>(() => WebSocketUpgrade.AcceptAsync(network, default, ["http://x"], CancellationToken.None));
            Assert.Equal(XpraErrorId.ConnectionLost, thrown.Id);
        }
    }

    [Fact]
    public async Task A_slow_peer_is_given_no_more_time_than_the_caller_allows()
    {
        var (near, far) = DuplexStream.CreatePair();
        await near.WriteAsync(Encoding.ASCII.GetBytes(Request[..50]));
        using var deadline = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WebSocketUpgrade.AcceptAsync(far, default, ["http://x"], deadline.Token));
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", XpraErrorId.PeerIsHttp, "200 OK")]
    [InlineData("HTTP/1.0 403 Forbidden\r\n\r\n", XpraErrorId.PeerIsHttp, "403")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", XpraErrorId.PeerIsHttp, "not to a websocket")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\nSec-WebSocket-Protocol: binary\r\n\r\n", XpraErrorId.PeerIsHttp, "accept key")]
    [InlineData("HTTP/1.1 101\r\nno colon\r\n\r\n", XpraErrorId.PeerIsHttp, "malformed")]
    [InlineData("disconnect: invalid packet header\n", XpraErrorId.PeerSentText, "disconnect: invalid packet header")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", XpraErrorId.PeerIsSsh, "SSH")]
    [InlineData("\u0015\u0003\u0001\0\u0002\u0002\u0046", XpraErrorId.PeerIsTls, "TLS")]
    [InlineData("P\u0010\0\0\0\0\0\u0005", XpraErrorId.NotXpra, "xpra packet")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n", XpraErrorId.ConnectionLost, "closed")]
    [InlineData("", XpraErrorId.ConnectionLost, "closed")]
    public async Task An_answer_other_than_a_websocket_is_explained(string answer, XpraErrorId id, string message)
    {
        var network = new ScriptedStream(Encoding.Latin1.GetBytes(answer), new Random(1));
        var thrown = await Assert.ThrowsAsync<XpraAesException>(() => WebSocketUpgrade.ConnectAsync(network, "h", 1, "/", CancellationToken.None));
        Assert.Equal(id, thrown.Id);
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_of_another_protocol_is_detected_at_once()
    {
        var (near, far) = DuplexStream.CreatePair();
        await far.WriteAsync("SSH-2.0-OpenSSH_9.2\r\n"u8.ToArray());
        var thrown = await Assert.ThrowsAsync<XpraAesException>(
            () => WebSocketUpgrade.ConnectAsync(near, "h", 1, "/", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(XpraErrorId.PeerIsSsh, thrown.Id);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Protocol: binary\r\n", "", "subprotocol")]
    [InlineData("Sec-WebSocket-Protocol: binary", "Sec-WebSocket-Protocol: base64", "subprotocol")]
    [InlineData("Sec-WebSocket-Protocol: binary", "Sec-WebSocket-Protocol: binary\r\nSec-WebSocket-Extensions: permessage-deflate", "extension")]
    public async Task An_upgrade_that_we_did_not_ask_for_is_rejected(string part, string instead, string message)
    {
        var (near, far) = DuplexStream.CreatePair();
        var connecting = WebSocketUpgrade.ConnectAsync(near, "h", 1, "/", CancellationToken.None);
        var request = await ReadHeadAsync(far);
        var (relayNear, relayFar) = DuplexStream.CreatePair();
        await relayNear.WriteAsync(Encoding.ASCII.GetBytes(request));
        await using var accepted = await WebSocketUpgrade.AcceptAsync(relayFar, default, ["http://x"], CancellationToken.None);
        var answer = await ReadHeadAsync(relayNear);
        await far.WriteAsync(Encoding.ASCII.GetBytes(answer.Replace(part, instead, StringComparison.Ordinal)));

        var thrown = await Assert.ThrowsAsync<XpraAesException>(() => connecting);
        Assert.Equal(XpraErrorId.PeerIsHttp, thrown.Id);
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("h", "no-slash")]
    [InlineData("h", "")]
    [InlineData("h", "/a b")]
    [InlineData("h", "/\r\nX-Evil: 1")]
    [InlineData("h\r\nX-Evil: 1", "/")]
    [InlineData("", "/")]
    public async Task A_path_or_host_that_would_break_the_request_is_rejected(string host, string path)
    {
        var network = new ScriptedStream([]);
        var thrown = await Assert.ThrowsAsync<XpraAesException>(() => WebSocketUpgrade.ConnectAsync(network, host, 1, path, CancellationToken.None));
        Assert.Equal(XpraErrorId.InvalidUri, thrown.Id);
        Assert.Equal(0, network.Written.Length);
    }

    [Theory]
    [InlineData("::1", "Host: [::1]:14500\r\n")]
    [InlineData("[::1]", "Host: [::1]:14500\r\n")]
    [InlineData("example.org", "Host: example.org:14500\r\n")]
    public async Task The_request_contains_host_and_port(string host, string field)
    {
        var network = new ScriptedStream([]);
        await Assert.ThrowsAsync<XpraAesException>(() => WebSocketUpgrade.ConnectAsync(network, host, 14500, "/a?b=c", CancellationToken.None));
        var request = Encoding.ASCII.GetString(network.Written.ToArray());
        Assert.StartsWith("GET /a?b=c HTTP/1.1\r\n", request, StringComparison.Ordinal);
        Assert.Contains(field, request, StringComparison.Ordinal);
        Assert.EndsWith("\r\nSec-WebSocket-Protocol: binary\r\n\r\n", request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_client_of_NET_connects_to_us_over_TCP()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new ClientWebSocket();
        client.Options.AddSubProtocol("binary");
        var connecting = client.ConnectAsync(new Uri($"ws://{listener.LocalEndpoint}/"), CancellationToken.None);
        using var socket = await listener.AcceptTcpClientAsync();
        await using var server = await WebSocketUpgrade.AcceptAsync(socket.GetStream(), default, ["http://x"], CancellationToken.None);
        await connecting;
        Assert.Equal("binary", client.SubProtocol);

        await client.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, CancellationToken.None);
        var buffer = new byte[3];
        await server.ReadExactlyAsync(buffer);
        Assert.Equal([1, 2, 3], buffer);
    }

    [Fact]
    public async Task We_connect_to_the_server_of_NET_over_TCP()
    {
        var port = RealXpra.FreePort();
        using var listener = new HttpListener();
        listener.Prefixes.Add($"http://localhost:{port}/");
        listener.Start();
        using var socket = new TcpClient();
        await socket.ConnectAsync("localhost", port);
        var connecting = WebSocketUpgrade.ConnectAsync(socket.GetStream(), "localhost", port, "/", CancellationToken.None);
        var context = await (await listener.GetContextAsync()).AcceptWebSocketAsync("binary");
        await using var client = await connecting;

        await client.WriteAsync(new byte[] { 1, 2, 3 });
        var buffer = new byte[3];
        var result = await context.WebSocket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
        Assert.Equal(3, result.Count);
        Assert.Equal([1, 2, 3], buffer);
    }

    private static async Task AssertRefusedAsync(string request, string status)
    {
        var network = new ScriptedStream(Encoding.ASCII.GetBytes(request), new Random(1));
        var thrown = await Assert.ThrowsAsync<XpraAesException>(() => WebSocketUpgrade.AcceptAsync(network, default, ["http://x"], CancellationToken.None));
        Assert.Equal(XpraErrorId.PeerIsHttp, thrown.Id);
        Assert.Contains(status, thrown.Message, StringComparison.Ordinal);
        Assert.NotNull(thrown.RecommendedAction);

        var answer = Encoding.ASCII.GetString(network.Written.ToArray());
        Assert.StartsWith($"HTTP/1.1 {status}\r\nConnection: close", answer, StringComparison.Ordinal);
        var (head, text) = (answer.Split("\r\n\r\n")[0], answer.Split("\r\n\r\n")[1]);
        Assert.Contains("xpra", text, StringComparison.Ordinal);
        Assert.Contains($"Content-Length: {text.Length}", head, StringComparison.Ordinal);
    }

    private static async Task<string> ReadHeadAsync(Stream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one);
            head.Append((char)one[0]);
        }
        return head.ToString();
    }
}
