using System.Diagnostics;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Connections;

/// <summary>XpraConnector with servers of every generation, and with misbehaving servers.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class ConnectorTests : IDisposable
{
    private readonly XpraKey _key = XpraKey.Generate();

    public static TheoryData<string, AesMode> ServersAndModes { get; } = new(
        from generation in Generation.All
        where !generation.IsHtml5
        from mode in generation.Modes
        select (generation.Name, mode));

    public void Dispose() => _key.Dispose();

    [Theory]
    [MemberData(nameof(ServersAndModes))]
    public async Task Servers_of_every_generation_hold_a_session(string name, AesMode mode)
    {
        // Servers announce PKCS#7, which we support, whatever they prefer.
        var generation = Generation.Named(name) with { Padding = "PKCS#7" };
        await using var server = new FakeServer(_key, generation.Encoding == PacketEncoding.RencodePlus || name == "4.4"
            ? [peer => ServeAsync(peer, generation, mode)]
            : [AnswerInTextAsync, peer => ServeAsync(peer, generation, mode)]);
        var connection = await XpraConnector.ConnectAsync(Options(server) with { Mode = mode, Stream = generation.Stream == false ? false : null });
        Assert.Equal((name, true), (connection.PeerVersion, connection.KeyProven));
        var rows = connection.GetCipherInfo();
        Assert.Equal(rows[0].BlockSize, rows[1].BlockSize);
        Assert.Equal(mode == AesMode.CBC ? generation.PaddingUnit : 0, rows[0].BlockSize);
        Assert.Equal(generation.Iterations, rows[0].Iterations);

        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        await server.Finished;
        Assert.Equal("the peer disconnected: server exit", connection.CloseReason);
        // The padding unit from the packets is kept.
        Assert.Equal(rows[0].BlockSize, connection.GetCipherInfo()[1].BlockSize);
    }

    [Theory]
    [InlineData("4.4")]
    [InlineData("6.1")]
    [InlineData("6.2")]
    public async Task Asking_for_a_stream_does_not_set_the_servers_padding(string name)
    {
        await using var server = new FakeServer(_key, peer => ServeAsync(peer, Generation.Named(name) with { Padding = "PKCS#7" }, AesMode.CBC));
        var connection = await XpraConnector.ConnectAsync(Options(server) with { Stream = true });
        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        await server.Finished;
        Assert.Equal("the peer disconnected: server exit", connection.CloseReason);
    }

    [Fact]
    public async Task A_server_that_asks_for_legacy_padding_gets_it()
    {
        await using var server = new FakeServer(_key, peer => ServeAsync(peer, Generation.Named("5.1"), AesMode.CBC));
        var connection = await XpraConnector.ConnectAsync(Options(server));
        Assert.Equal("legacy", connection.GetCipherInfo()[0].Padding);
        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        await server.Finished;
    }

    [Theory]
    [InlineData("4.4", AesMode.CTR)]
    [InlineData("5.1", AesMode.CBC)]
    [InlineData("6.1", AesMode.CBC)]
    [InlineData("6.2", AesMode.CBC)]
    public async Task A_server_that_asks_for_passwords_gets_the_responses(string name, AesMode mode)
    {
        var generation = Generation.Named(name);
        await using var server = new FakeServer(_key, async peer =>
        {
            var hello = (await peer.ReceiveAsync("hello")).Dictionary(1)!;
            Assert.True(hello.GetBoolean("challenge"));
            Assert.Equal("me", hello.GetString("username"));
            peer.SendUnder(generation.Read(hello));
            // Several authentication modules challenge in turn.
            foreach (var (digest, saltDigest) in new[] { ("hmac+sha512", "hmac+sha256"), ("xor", "hmac+sha512"), ("hmac+sha256", "hmac+sha384") })
            {
                var salt = Encoding.ASCII.GetBytes(new string('s', 64));
                var (capabilities, announced) = generation.Announce(mode);
                await peer.SendAsync("challenge", salt, capabilities, digest, saltDigest, "password");
                peer.ReceiveUnder(announced);
                hello = (await peer.ReceiveAsync("hello")).Dictionary(1)!;
                peer.SendUnder(generation.Read(hello));
                Assert.Equal(
                    Challenge.Respond("the password"u8, salt, hello.GetBytes("challenge_client_salt"), digest, saltDigest),
                    hello.GetBytes("challenge_response"));
                Assert.InRange(hello.GetBytes("challenge_padding")!.Length, 32, 512);
            }
            await OpenAsync(peer, generation, mode);
            await EchoAsync(peer);
        });
        using var password = SecretBuffer.FromUtf8("the password");
        await using var connection = await XpraConnector.ConnectAsync(Options(server) with { Mode = mode, Password = password, UserName = "me", AllowXor = true });
        Assert.Equal(ConnectionState.Open, connection.State);
    }

    [Theory]
    [InlineData("hmac+sha512", "hmac+sha512", XpraErrorId.AuthenticationRequired, false)]
    [InlineData("kerberos:xpra", "hmac+sha512", XpraErrorId.AuthenticationUnsupported, true)]
    [InlineData("hmac+md5", "hmac+sha512", XpraErrorId.AuthenticationUnsupported, true)]
    [InlineData("hmac+sha512", "xor", XpraErrorId.AuthenticationUnsupported, true)]
    public async Task A_challenge_that_cannot_be_answered_has_its_own_error(string digest, string saltDigest, XpraErrorId id, bool hasPassword)
    {
        await using var server = new FakeServer(_key, peer => ChallengeAsync(peer, digest, saltDigest, saltLength: 64));
        using var password = SecretBuffer.FromUtf8("the password");
        var refused = await FailAsync(Options(server) with { Password = hasPassword ? password : null });
        Assert.Equal(id, refused.Id);
        Assert.DoesNotContain("the password", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(257)]
    public async Task A_challenge_with_an_invalid_salt_is_malformed(int saltLength)
    {
        await using var server = new FakeServer(_key, peer => ChallengeAsync(peer, "hmac+sha512", "hmac+sha512", saltLength));
        using var password = SecretBuffer.FromUtf8("the password");
        Assert.Equal(XpraErrorId.MalformedPacket, (await FailAsync(Options(server) with { Password = password })).Id);
    }

    [Fact]
    public async Task A_server_that_keeps_challenging_is_given_up()
    {
        var generation = Generation.Named("6.2");
        var challenges = 0;
        await using var server = new FakeServer(_key, async peer =>
        {
            while (await peer.TryReceiveAsync() is { } hello)
            {
                peer.SendUnder(generation.Read(hello.Dictionary(1)!));
                var (capabilities, announced) = generation.Announce(AesMode.CTR);
                await peer.SendAsync("challenge", new byte[64], capabilities, "hmac+sha512", "hmac+sha512", "password");
                peer.ReceiveUnder(announced);
                challenges++;
            }
        });
        using var password = SecretBuffer.FromUtf8("the password");
        Assert.Equal(XpraErrorId.AuthenticationFailed, (await FailAsync(Options(server) with { Mode = AesMode.CTR, Password = password })).Id);
        Assert.InRange(challenges, 2, 10);
    }

    [Fact]
    public async Task The_server_refuses_a_wrong_password_encrypted()
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            await ChallengeAsync(peer, "hmac+sha512", "hmac+sha512", saltLength: 64);
            peer.SendUnder(Generation.Named("6.2").Read((await peer.ReceiveAsync("hello")).Dictionary(1)!));
            await peer.SendAsync("disconnect", "authentication failed");
            await peer.WaitForCloseAsync();
        });
        using var password = SecretBuffer.FromUtf8("the password");
        var refused = await FailAsync(Options(server) with { Password = password });
        Assert.Equal(XpraErrorId.AuthenticationFailed, refused.Id);
        Assert.Contains("the key is right", refused.Message, StringComparison.Ordinal);
        await server.Finished;
    }

    [Fact]
    public async Task Events_before_the_hello_are_ignored()
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            var generation = Generation.Named("6.2");
            peer.SendUnder(generation.Read((await peer.ReceiveAsync("hello")).Dictionary(1)!));
            await peer.SendAsync("startup-complete");
            await peer.SendAsync("server-event", "x");
            await OpenAsync(peer, generation, AesMode.CBC);
            await EchoAsync(peer);
        });
        await using var connection = await XpraConnector.ConnectAsync(Options(server));
        Assert.Equal(ConnectionState.Open, connection.State);
    }

    [Fact]
    public async Task A_server_that_keeps_sending_packets_but_no_hello_times_out()
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            peer.SendUnder(Generation.Named("6.2").Read((await peer.ReceiveAsync("hello")).Dictionary(1)!));
            try
            {
                while (true)
                {
                    await peer.SendAsync("startup-complete");
                    await Task.Delay(20);
                }
            }
            catch (XpraAesException)
            {
                return;
            }
        });
        var start = Stopwatch.GetTimestamp();
        Assert.Equal(XpraErrorId.HandshakeTimeout, (await FailAsync(Options(server) with { Timeout = TimeSpan.FromMilliseconds(500) })).Id);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.FromMilliseconds(400), Loopback.HelloTimeout);
    }

    [Theory]
    [InlineData((byte)PacketEncoding.Yaml, 0, XpraErrorId.UnsupportedEncoding)]
    [InlineData((byte)PacketEncoding.RencodePlus, 0x81, XpraErrorId.UnsupportedCompression)]
    [InlineData((byte)PacketEncoding.RencodePlus, 0x21, XpraErrorId.UnsupportedCompression)]
    [InlineData((byte)PacketEncoding.RencodePlus, 0x11, XpraErrorId.KeyMismatch)]
    [InlineData((byte)PacketEncoding.Rencode, 0, XpraErrorId.KeyMismatch)]
    public async Task An_answer_that_decrypts_to_garbage_means_another_key_but_an_unsupported_format_does_not(byte flags, byte compression, XpraErrorId id)
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            peer.SendUnder(Generation.Named("6.2").Read((await peer.ReceiveAsync("hello")).Dictionary(1)!));
            peer.Channel.Writer.Append(flags, compression, chunkIndex: 0, "nonsense, and more of it"u8);
            await peer.Channel.Writer.FlushAsync(default);
            await peer.WaitForCloseAsync();
        });
        Assert.Equal(id, (await FailAsync(Options(server) with { Mode = AesMode.CTR })).Id);
    }

    [Fact]
    public async Task A_malformed_unencrypted_packet_is_not_a_key_mismatch()
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            await peer.ReceiveAsync("hello");
            await peer.SendRawAsync("P\u0010\0\0\0\0\0\u0008nonsense"u8.ToArray());
            await peer.WaitForCloseAsync();
        });
        Assert.Equal(XpraErrorId.MalformedPacket, (await FailAsync(Options(server))).Id);
    }

    [Fact]
    public async Task The_reason_of_a_server_that_disconnects_at_once_is_reported()
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            await OpenAfterHelloAsync(peer, Generation.Named("6.2"), AesMode.CBC);
            await peer.SendAsync("disconnect", "session busy", "somebody else is there");
        });
        var refused = await FailAsync(Options(server));
        Assert.Equal(XpraErrorId.PeerDisconnected, refused.Id);
        Assert.Contains("session busy: somebody else is there", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_echo_the_first_ping_is_not_connected()
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            await OpenAfterHelloAsync(peer, Generation.Named("6.2"), AesMode.CBC);
            await peer.WaitForCloseAsync();
        });
        var before = LiveObjects.Connections.Count;
        Assert.Equal(XpraErrorId.HandshakeTimeout, (await FailAsync(Options(server) with { Timeout = TimeSpan.FromMilliseconds(300) })).Id);
        Assert.Equal(before, LiveObjects.Connections.Count);
        await server.Finished;
    }

    [Fact]
    public async Task Waiting_for_a_server_can_be_cancelled()
    {
        await using var server = new FakeServer(_key, peer => peer.WaitForCloseAsync());
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => XpraConnector.ConnectAsync(Options(server), cancelled.Token)).WaitAsync(Loopback.HelloTimeout);
        await server.Finished;
    }

    [Theory]
    [InlineData(AesMode.CBC, "6.1")]
    [InlineData(AesMode.CBC, "6.2")]
    [InlineData(AesMode.CTR, "6.2")]
    [InlineData(AesMode.GCM, "5.1")]
    public async Task The_matching_key_of_several_is_found_in_one_connection(AesMode mode, string name)
    {
        await using var server = new FakeServer(_key, async peer =>
        {
            await OpenAfterHelloAsync(peer, Generation.Named(name), mode);
            await EchoAsync(peer);
        });
        using var wrong = XpraKey.Generate();
        using var another = XpraKey.Generate();
        await using var connection = await XpraConnector.ConnectAsync(Options(server) with { Mode = mode, Key = wrong, OtherKeys = [another, _key] });
        Assert.Equal((_key.Fingerprint, 1), (connection.KeyFingerprint, server.Accepted));
        Assert.Equal(XpraErrorId.KeyMismatch, (await FailAsync(Options(server) with { Mode = mode, Key = wrong, OtherKeys = [another] })).Id);
    }

    private ConnectOptions Options(FakeServer server) => new()
    {
        Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", server.Port),
        Key = _key,
        Timeout = Loopback.HelloTimeout,
    };

    private static async Task<XpraAesException> FailAsync(ConnectOptions options)
    {
        var refused = await Assert.ThrowsAnyAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options));
        Assert.Equal(options.Endpoint.ToString(), refused.Target);
        return refused;
    }

    /// <summary>Answers in bare text, as 3.1 does to a hello in rencodeplus.</summary>
    private static async Task AnswerInTextAsync(FakePeer peer)
    {
        Assert.Equal(PacketEncoding.RencodePlus, (await peer.ReceiveAsync()).Header.Encoding);
        await peer.SendRawAsync("disconnect: failed to parse bencode packet\n"u8.ToArray());
    }

    private static async Task ServeAsync(FakePeer peer, Generation generation, AesMode mode)
    {
        peer.Channel.Encoding = generation.LaterEncoding;
        await OpenAfterHelloAsync(peer, generation, mode);
        var first = await peer.ReceiveAsync();
        Assert.Equal("ping", first.Type);
        Assert.Equal(generation.LaterEncoding, first.Header.Encoding);
        await peer.SendAsync("ping_echo", first[1], 0L, 0L, 0L, -1L);
        for (var filler = 0; filler < 33; filler++)
        {
            await peer.SendAsync("ping", (long)filler, 0L, new string('s', filler));
            var echo = await peer.ReceiveAsync("ping_echo");
            Assert.Equal((filler, new string('s', filler)), ((int)(long)echo[1]!, echo.Text(6)));
        }
        await peer.SendAsync("disconnect", "server exit");
        await peer.WaitForCloseAsync();
    }

    private static async Task OpenAfterHelloAsync(FakePeer peer, Generation generation, AesMode mode)
    {
        peer.SendUnder(generation.Read((await peer.ReceiveAsync("hello")).Dictionary(1)!));
        await OpenAsync(peer, generation, mode);
    }

    private static async Task OpenAsync(FakePeer peer, Generation generation, AesMode mode)
    {
        var (hello, announced) = generation.Announce(mode);
        await peer.SendAsync("hello", hello);
        peer.ReceiveUnder(announced);
    }

    private static async Task ChallengeAsync(FakePeer peer, string digest, string saltDigest, int saltLength)
    {
        var generation = Generation.Named("6.2");
        peer.SendUnder(generation.Read((await peer.ReceiveAsync("hello")).Dictionary(1)!));
        var (capabilities, announced) = generation.Announce(AesMode.CBC);
        await peer.SendAsync("challenge", new byte[saltLength], capabilities, digest, saltDigest, "password");
        peer.ReceiveUnder(announced);
    }

    /// <summary>Echoes pings until the client disconnects.</summary>
    private static async Task EchoAsync(FakePeer peer)
    {
        while (await peer.TryReceiveAsync() is { } packet)
        {
            if (packet.Type == "ping")
                await peer.SendAsync("ping_echo", packet[1], 0L, 0L, 0L, -1L);
            if (packet.Type == "disconnect")
                return;
        }
    }
}
