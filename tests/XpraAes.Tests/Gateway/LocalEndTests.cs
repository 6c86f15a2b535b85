using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>Local clients without AES whose traffic leaves the machine encrypted.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class LocalEndTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly XpraKey _key = XpraKey.FromText("the key of the server far away");
    private readonly TestTarget _server;

    public LocalEndTests() => _server = new TestTarget(_key);

    private string SocketPath => _folder["xpra.sock"];

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _key.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_unencrypted_client_has_a_session_with_an_AES_server(bool onSocket)
    {
        await using var listener = AesListener.Start(Options(onSocket));
        await using var client = await TestClient.ConnectAsync(listener, key: null);
        await client.SendHelloAsync();
        var (server, handshake, hello) = await _server.AcceptHelloAsync();
        await using (server)
        {
            Assert.Equal(AesMode.CBC, hello.Receive!.Mode);
            await handshake.SendHelloAsync(Hello.ForServer("x"), default);
            var session = await client.EstablishAsync();
            Assert.DoesNotContain(session.Hello, pair => pair.Key is "cipher" or "encryption" || ((string)pair.Key).StartsWith("cipher.", StringComparison.Ordinal));
            var payload = CipherTestDataBytes(10_000);
            await session.WriteRawAsync((byte)PacketEncoding.RencodePlus, 0x11, 3, payload);
            var (header, arrived) = await server.ReadRawAsync();
            Assert.Equal((true, (byte)0x11, (byte)3), (header.IsEncrypted, header.Compression, header.ChunkIndex));
            Assert.Equal(payload, arrived);
            await server.WriteRawAsync((byte)PacketEncoding.RencodePlus, 0, 0, payload);
            (header, arrived) = await session.ReadRawAsync();
            Assert.False(header.IsEncrypted);
            Assert.Equal(payload, arrived);

            var rows = Assert.Single(listener.Connections).GetCipherInfo();
            Assert.Equal(["none", "none", "AES", "AES"], rows.Select(row => row.Cipher));
            Assert.Equal([null, null, _key.Fingerprint, _key.Fingerprint], rows.Select(row => row.KeyFingerprint));
            Assert.Equal([false, false, true, true], rows.Select(row => row.KeyProven));
            Assert.Equal(onSocket ? $"socket://{SocketPath}" : $"tcp://{listener.Endpoint}/", listener.Connections[0].Endpoint);
            await listener.StopAsync(TimeSpan.FromSeconds(1));
            Assert.Equal("server exit", await session.ExpectDisconnectAsync());
            Assert.Equal("client request", await server.ExpectDisconnectAsync());
        }
    }

    [Fact]
    public async Task The_listeners_properties_show_the_socket_and_no_key()
    {
        await using var listener = AesListener.Start(Options(onSocket: true));
        Assert.Equal((SocketPath, 0, $"socket://{SocketPath}"), (listener.Endpoint, listener.Port, listener.AttachUri));
        Assert.Equal((null, null), (listener.KeyFingerprint, listener.KeySource));
        Assert.Empty(listener.Mode);
        await using var onPort = AesListener.Start(Options(onSocket: false));
        Assert.Equal($"tcp://{onPort.Endpoint}/", onPort.AttachUri);
    }

    [Fact]
    public async Task The_servers_challenge_reaches_the_client_without_cipher_capabilities()
    {
        await using var listener = AesListener.Start(Options(onSocket: true));
        await using var client = await TestClient.ConnectAsync(listener, key: null);
        await client.SendHelloAsync(("challenge", true));
        var (server, handshake, _) = await _server.AcceptHelloAsync();
        await using (server)
        {
            var salt = Encoding.ASCII.GetBytes(new string('s', 64));
            var answered = handshake.ChallengeAsync(["challenge", salt, null, "hmac+sha256", "hmac+sha256", "password"], default);
            var challenge = await client.ReceiveAsync();
            Assert.Equal(salt, challenge.Bytes(1));
            Assert.Empty(challenge.Dictionary(2)!);
            await client.AnswerAsync(challenge, ("challenge_response", "the response"u8.ToArray()));
            Assert.Equal("the response"u8.ToArray(), (await answered).PeerHello.GetBytes("challenge_response"));
            await handshake.SendHelloAsync(Hello.ForServer("x"), default);
            await client.EstablishAsync();
        }
    }

    [Fact]
    public async Task A_client_that_asks_for_AES_is_refused_with_the_reason()
    {
        await using var listener = AesListener.Start(Options(onSocket: true));
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync();
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Contains("take encryption and key out of the client's URI", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, _server.Connects);
        await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.CipherCapabilitiesInvalid) == 1);
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("exit")]
    [InlineData("screenshot")]
    public async Task Every_request_is_forwarded_from_a_private_socket_and_only_allowed_ones_from_a_port(string request)
    {
        await using var listener = AesListener.Start(Options(onSocket: true));
        await using var owner = await TestClient.ConnectAsync(listener, key: null);
        await owner.SendHelloAsync(("request", request));
        var (server, _, hello) = await _server.AcceptHelloAsync();
        await using (server)
            Assert.Equal(request, hello.PeerHello.GetString("request"));

        await using var onPort = AesListener.Start(Options(onSocket: false));
        await using var anyone = await TestClient.ConnectAsync(onPort, key: null);
        await anyone.SendHelloAsync(("request", request));
        Assert.Equal(XpraErrorId.PeerDisconnected, (await Assert.ThrowsAsync<RefusedException>(anyone.ReceiveAsync)).Id);

        await using var allowing = AesListener.Start(Options(onSocket: false) with { AllowRequests = [request] });
        await using var allowed = await TestClient.ConnectAsync(allowing, key: null);
        await allowed.SendHelloAsync(("request", request));
        var (reached, _, _) = await _server.AcceptHelloAsync();
        await reached.DisposeAsync();
    }

    [Fact]
    public async Task A_server_without_AES_is_refused_and_gets_only_the_unencrypted_hello()
    {
        await using var plain = new TestTarget();
        await using var listener = AesListener.Start(Options(onSocket: true) with { Target = plain.Options(_key) });
        await using var client = await TestClient.ConnectAsync(listener, key: null);
        await client.SendHelloAsync();
        using var socket = await plain.AcceptSocketAsync();
        await using var channel = new XpraAes.Packets.PacketChannel(new NetworkStream(socket), Limits.Default);
        Assert.NotNull(CipherCapabilities.Read((await channel.ReceiveAsync(default))!.Dictionary(1)));
        await channel.SendAsync(["hello", Hello.ForServer("x")], default);
        Assert.Contains("AES is off there", (await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync)).Message, StringComparison.Ordinal);
        Assert.Null(await channel.ReceiveAsync(default));
    }

    [Fact]
    public void A_listener_without_a_key_needs_an_encrypted_target_and_a_local_address()
    {
        var target = _server.Options(_key);
        foreach (var options in new[]
        {
            new ListenerOptions { Key = null, SocketPath = SocketPath },
            new ListenerOptions { Key = null, SocketPath = SocketPath, Target = _server.Options() },
            new ListenerOptions { Key = null, Address = IPAddress.Any, Target = target },
            new ListenerOptions { Key = null, Address = IPAddress.IPv6Any, Target = target },
            new ListenerOptions { Key = null, SocketPath = SocketPath, EncryptFirstPacket = true, Target = target },
            new ListenerOptions { Key = null, OtherKeys = [_key], EncryptFirstPacket = true, Target = target },
        })
        {
            Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => AesListener.Start(options)).Id);
        }
        Assert.False(Path.Exists(SocketPath));
    }

    [Fact]
    public async Task The_socket_file_is_private_and_removed_with_the_listener()
    {
        var listener = AesListener.Start(Options(onSocket: true));
        Assert.True(!OperatingSystem.IsWindows() && File.GetUnixFileMode(SocketPath) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.Equal([SocketPath], Directory.GetFileSystemEntries(_folder.Root));
        await listener.StopAsync(TimeSpan.Zero);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Fact]
    public async Task A_stale_socket_file_is_replaced_but_not_one_in_use()
    {
        // Closed without removing its file, as when a program is killed.
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint(_folder["other name"]));
            File.Move(_folder["other name"], SocketPath);
        }
        Assert.True(File.Exists(SocketPath));
        await using var listener = AesListener.Start(Options(onSocket: true));
        Assert.Equal(XpraErrorId.PortInUse, Assert.Throws<XpraAesException>(() => AesListener.Start(Options(onSocket: true))).Id);
        // The second has not disturbed the first.
        await using var client = await TestClient.ConnectAsync(listener, key: null);
        await client.SendHelloAsync(("request", "id"));
        Assert.Equal("hello", (await client.ReceiveAsync()).Type);
    }

    [Theory]
    [InlineData("a file")]
    [InlineData("a folder")]
    [InlineData("no folder")]
    [InlineData("a path that is too long")]
    [InlineData("a link to a file")]
    public void A_file_that_is_not_a_socket_is_not_touched(string what)
    {
        var path = SocketPath;
        switch (what)
        {
            case "a file":
                File.WriteAllText(path, "");
                break;
            case "a folder":
                Directory.CreateDirectory(path);
                break;
            case "no folder":
                path = Path.Combine(_folder.Root, "missing", "xpra.sock");
                break;
            case "a path that is too long":
                path = Path.Combine(_folder.Root, new string('x', 100));
                break;
            default:
                File.WriteAllText(_folder["precious"], "content");
                File.CreateSymbolicLink(path, _folder["precious"]);
                break;
        }
        var before = Directory.GetFileSystemEntries(_folder.Root);
        var error = Assert.Throws<XpraAesException>(() => AesListener.Start(Options(onSocket: true) with { SocketPath = path }));
        Assert.Equal((XpraErrorId.AddressUnavailable, path), (error.Id, error.Target));
        Assert.Equal(before, Directory.GetFileSystemEntries(_folder.Root));
        if (what == "a link to a file")
            Assert.Equal("content", File.ReadAllText(path));
    }

    [Fact]
    public async Task A_web_page_gets_no_WebSocket_where_no_key_protects_the_server()
    {
        await using var listener = AesListener.Start(Options(onSocket: false));
        Assert.StartsWith("HTTP/1.1 403 ", await AskAsync("Origin: http://evil.example\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 101 ", await AskAsync(""), StringComparison.Ordinal);
        await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.PeerIsHttp) == 1);
        Assert.Equal(0, _server.Connects);

        async Task<string> AskAsync(string field)
        {
            using var browser = new TcpClient();
            await browser.ConnectAsync(IPEndPoint.Parse(listener.Endpoint));
            await browser.GetStream().WriteAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + $"Sec-WebSocket-Key: {Convert.ToBase64String(new byte[16])}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n{field}\r\n"));
            var answer = new byte[1024];
            var length = await browser.GetStream().ReadAsync(answer).AsTask().WaitAsync(TestPeer.HelloTimeout);
            return Encoding.ASCII.GetString(answer, 0, length);
        }
    }

    private ListenerOptions Options(bool onSocket) => new()
    {
        Key = null,
        SocketPath = onSocket ? SocketPath : null,
        Target = _server.Options(_key),
    };

    private static byte[] CipherTestDataBytes(int count) => Ciphers.CipherTestData.Bytes(count, seed: 5);
}
