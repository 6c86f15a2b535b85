using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>What the gateway forwards of a handshake, and what it does not.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class HandshakeTests : IDisposable
{
    private readonly XpraKey _targetKey = XpraKey.FromText("a key for the target of a gateway");

    public void Dispose() => _targetKey.Dispose();

    [Fact]
    public async Task An_unencrypted_target_gets_the_clients_hello_without_cipher_capabilities()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        var hello = TestClient.NewHello(("client_type", "something of its own"), ("nested", new XpraDictionary { ["deep"] = new object?[] { 1L, "two", new byte[] { 3 } } }));
        await client.Leg.SendHelloAsync(hello, default);
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            Assert.DoesNotContain(target.Hello, pair => pair.Key is "cipher" or "encryption" || ((string)pair.Key).StartsWith("cipher.", StringComparison.Ordinal));
            CipherCapabilities.Remove(hello);
            Assert.Equal(PacketCodec.Encode(PacketEncoding.RencodePlus, hello), PacketCodec.Encode(PacketEncoding.RencodePlus, target.Hello));
        }
    }

    [Theory]
    [InlineData(null, "ada")]
    [InlineData("grace", "grace")]
    public async Task The_targets_user_name_overrides_the_clients(string? user, string expected)
    {
        await using var rig = new Rig(configure: options => options with { Target = options.Target! with { UserName = user } });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("username", "ada"));
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        rig.Own(target);
        Assert.Equal(expected, target.Hello.GetString("username"));
    }

    [Fact]
    public async Task Shared_memory_is_removed_from_the_hello()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("mmap", new XpraDictionary { ["file"] = "/etc/passwd" }), ("mmap.file", "/etc/passwd"), ("mmap_file", "/etc/passwd"), ("mmapped", 1L));
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        rig.Own(target);
        Assert.Equal(["mmapped"], target.Hello.Select(pair => (string)pair.Key).Where(name => name.StartsWith("mmap", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_encrypted_target_gets_the_gateways_cipher_capabilities()
    {
        await using var rig = new Rig(_targetKey, configure: options => options with { Target = options.Target! with { Mode = AesMode.CBC, KeySize = 16, KeyHash = KeyHash.SHA512, Iterations = 2000 } });
        var client = await rig.ConnectAsync(mode: AesMode.GCM);
        await client.SendHelloAsync();
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            var announced = CipherCapabilities.Read(target.Hello)!.Parameters;
            Assert.Equal((AesMode.CBC, 16, KeyHash.SHA512, 2000), (announced.Mode, announced.KeySize, announced.KeyHash, announced.Iterations));
            Assert.False(announced.Salt.Span.SequenceEqual(client.Leg.Receive!.Salt.Span));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_client_gets_the_targets_hello_with_the_gateways_cipher_capabilities(bool encryptedTarget)
    {
        await using var rig = new Rig(encryptedTarget ? _targetKey : null);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        await using var target = await rig.Target.AcceptAsync(("session_name", "the target's"), ("bytes", new byte[] { 1, 2, 3 }));
        var session = await client.EstablishAsync();

        Assert.Equal("the target's", session.Hello.GetString("session_name"));
        Assert.Equal([1, 2, 3], Assert.IsType<byte[]>(session.Hello["bytes"]));
        var announced = CipherCapabilities.Read(session.Hello)!.Parameters;
        Assert.Equal(AesMode.CTR, announced.Mode);
        // And the gateway decrypts with them.
        await session.SendAsync("ping", 17L);
        Assert.Equal(17L, (await target.ReceiveAsync())![1]);
    }

    [Fact]
    public async Task Encodings_and_compressors_that_the_gateway_cannot_read_are_not_offered_to_the_client()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        await using var target = await rig.Target.AcceptAsync(
            ("encoders", new object?[] { "rencodeplus", "yaml" }), ("yaml", true),
            ("compressors", new object?[] { "lz4", "zstd", "lzo", "brotli" }), ("zstd", true), ("lz4", true),
            ("aliases", new XpraDictionary { ["ping"] = 5L }));
        var hello = (await client.EstablishAsync()).Hello;

        Assert.Equal(["rencodeplus"], hello.GetStrings("encoders"));
        Assert.Equal(["lz4", "brotli"], hello.GetStrings("compressors"));
        Assert.Equal((false, false, true), (hello.GetBoolean("yaml"), hello.GetBoolean("zstd"), hello.GetBoolean("lz4")));
        Assert.False(hello.ContainsKey("aliases"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_targets_challenge_and_the_clients_response_are_forwarded_unchanged(bool encryptedTarget)
    {
        await using var rig = new Rig(encryptedTarget ? _targetKey : null);
        using var password = SecretBuffer.FromUtf8("only the target knows it");
        var client = await rig.ConnectAsync(mode: AesMode.CBC);
        await client.SendHelloAsync(("challenge", true));
        var (target, handshake, first) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            Assert.True(first.PeerHello.GetBoolean("challenge"));
            // Bytes that are valid text, but must stay bytes.
            var salt = Encoding.ASCII.GetBytes(new string('s', 64));
            var answered = handshake.ChallengeAsync(["challenge", salt, null, "hmac+sha512", "hmac+sha256", "the target's prompt"], default);
            var challenge = await client.ReceiveAsync();
            Assert.Equal("challenge", challenge.Type);
            Assert.Equal(salt, Assert.IsType<byte[]>(challenge[1]));
            Assert.Equal(("hmac+sha512", "hmac+sha256", "the target's prompt"), (challenge[3], challenge[4], challenge[5]));

            var clientSalt = Encoding.ASCII.GetBytes(new string('c', 32));
            var response = Challenge.Respond(password.Span, salt, clientSalt, "hmac+sha512", "hmac+sha256");
            await client.AnswerAsync(challenge, ("challenge_response", response), ("challenge_client_salt", clientSalt));
            var second = (await answered).PeerHello;
            Assert.Equal(response, Assert.IsType<byte[]>(second["challenge_response"]));
            Assert.Equal(clientSalt, Assert.IsType<byte[]>(second["challenge_client_salt"]));

            await handshake.SendHelloAsync(Hello.ForServer("x"), default);
            var session = await client.EstablishAsync();
            await session.SendAsync("ping", 1L);
            Assert.Equal("ping", (await target.ReceiveAsync())!.Type);
        }
    }

    [Fact]
    public async Task A_target_may_challenge_several_times()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            for (var module = 1; module <= 3; module++)
            {
                var answered = handshake.ChallengeAsync(["challenge", new byte[64], null, "hmac+sha256", "hmac+sha256", $"module {module}"], default);
                var challenge = await client.ReceiveAsync();
                Assert.Equal($"module {module}", challenge.Text(5));
                await client.AnswerAsync(challenge, ("module", (long)module));
                Assert.Equal(module, (await answered).PeerHello.GetInteger("module"));
            }
            await handshake.SendHelloAsync(Hello.ForServer("x"), default);
            await client.EstablishAsync();
        }
    }

    [Fact]
    public async Task The_targets_refusal_is_forwarded_unchanged()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            await target.SendAsync("disconnect", "session busy", "come back later");
            var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
            Assert.Equal(["disconnect", "session busy", "come back later"], refusal.Disconnect.Items);
            Assert.True(refusal.Disconnect.Header.IsEncrypted);
        }
        await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.PeerDisconnected) == 1);
    }

    public static TheoryData<string, object?> ClearRequests()
    {
        var forms = new TheoryData<string, object?>();
        foreach (var request in new[] { "stop", "exit", "detach", "command", "screenshot", "print", "run", "icon", "event", "something else" })
        {
            forms.Add("request", request);
            forms.Add("request", Encoding.ASCII.GetBytes(request));
            forms.Add("request", $"{request}_request");
        }
        foreach (var request in new[] { "stop", "exit", "detach", "screenshot", "print" })
        {
            // Up to 4.x, any value that is true in Python.
            forms.Add($"{request}_request", true);
            forms.Add($"{request}_request", 1L);
            forms.Add($"{request}_request", 2L);
            forms.Add($"{request}_request", "false");
            forms.Add($"{request}_request", new object?[] { false });
        }
        forms.Add("request", 5L);
        forms.Add("request", new byte[] { 0xff });
        forms.Add("request", new object?[] { "stop" });
        forms.Add("command_request", new object?[] { "start", "xterm" });
        forms.Add("start-new-session", new XpraDictionary { ["mode"] = "start" });
        return forms;
    }

    [Theory]
    [MemberData(nameof(ClearRequests), DisableDiscoveryEnumeration = true)]
    public async Task An_unencrypted_hello_with_a_request_never_reaches_the_target(string name, object? value)
    {
        await using var rig = new Rig();
        foreach (var withPassword in new[] { false, true })
        {
            var client = await rig.ConnectAsync();
            await client.SendHelloAsync((name, value), ("challenge", withPassword));
            var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
            Assert.Contains("is not passed on", refusal.Message, StringComparison.Ordinal);
        }
        Assert.Equal(0, rig.Target.Connects);
        await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.RequestRefused) == 2);
    }

    [Fact]
    public async Task Only_the_allowed_request_reaches_the_target()
    {
        await using var rig = new Rig(configure: options => options with { AllowRequests = ["screenshot"] });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "screenshot"), ("screenshot_request", true), ("stop_request", true), ("command_request", new object?[] { "exit" }), ("start-new-session", new XpraDictionary { ["mode"] = "start" }));
        var (target, handshake, asked) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            Assert.Equal("screenshot", asked.PeerHello.GetString("request"));
            Assert.True(asked.PeerHello.GetBoolean("screenshot_request"));
            Assert.DoesNotContain(asked.PeerHello, pair => pair.Key is "stop_request" or "command_request" or "start-new-session");
            await handshake.SendAnswerAsync("screenshot", [], default);
            Assert.Equal("hello", (await client.ReceiveAsync()).Type);
            await target.SendAsync("screenshot", 1L, 1L, "png", 4L, new byte[] { 1, 2, 3, 4 });
            Assert.Equal([1, 2, 3, 4], (await client.ReceiveAsync()).Bytes(5));
        }
        var other = await rig.ConnectAsync();
        await other.SendHelloAsync(("request", "stop"));
        await Assert.ThrowsAsync<RefusedException>(other.ReceiveAsync);
        Assert.Equal(1, rig.Target.Connects);
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("exit")]
    [InlineData("detach")]
    [InlineData("command")]
    [InlineData("print")]
    [InlineData("start-new-session")]
    public async Task Each_request_is_forwarded_only_where_it_is_allowed(string request)
    {
        await using var rig = new Rig();
        var refused = await rig.ConnectAsync();
        await refused.SendHelloAsync(("request", request));
        await Assert.ThrowsAsync<RefusedException>(refused.ReceiveAsync);
        Assert.Equal(0, rig.Target.Connects);

        rig.Listener.Reconfigure(options => options with { AllowRequests = [request] });
        var allowed = await rig.ConnectAsync();
        await allowed.SendHelloAsync(("request", request));
        var (target, _, asked) = await rig.Target.AcceptHelloAsync();
        rig.Own(target);
        Assert.Equal(request, asked.PeerHello.GetString("request"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("info")]
    public async Task Only_the_session_or_info_request_of_a_hello_reaches_the_target(string? request)
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        // A server obeys command_request whatever request says. Without request, an empty list is not a command.
        object?[] command = request is null ? [] : ["exit"];
        await client.SendHelloAsync(("request", request ?? ""), ("command_request", command));
        var (target, handshake, asked) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            Assert.Equal(request ?? "", asked.PeerHello.GetString("request"));
            Assert.False(asked.PeerHello.ContainsKey("command_request"));
            await handshake.SendAnswerAsync("info", new XpraDictionary { ["pid"] = 7L }, default);
            var answer = await client.ReceiveAsync();
            Assert.Equal(("hello", true, 7L), (answer.Type, answer.Header.IsEncrypted, answer.Dictionary(1)!.GetInteger("pid")));
        }
    }

    [Theory]
    [InlineData("version", "version")]
    [InlineData("id", "uuid")]
    [InlineData("connect_test", "connect_test_response")]
    public async Task The_gateway_answers_version_id_and_connect_test_encrypted(string request, string key)
    {
        await using var rig = new Rig(configure: options => options with { AllowRequests = ["version", "id", "connect_test"] });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", request), ("connect_test_request", "0123456789abcdef0123456789abcdef"));
        var answer = await client.ReceiveAsync();
        Assert.Equal("hello", answer.Type);
        Assert.True(answer.Header.IsEncrypted);
        Assert.NotEqual("", answer.Dictionary(1)!.GetString(key));
        if (request == "connect_test")
            Assert.Equal("0123456789abcdef0123456789abcdef", answer.Dictionary(1)!.GetString(key));
        Assert.Equal(0, rig.Target.Connects);
        await Rig.UntilAsync(() => rig.Listener.Accepted == 1);
    }

    [Fact]
    public async Task Nothing_reaches_the_target_before_the_password_is_accepted()
    {
        using var password = SecretBuffer.FromUtf8("secret");
        await using var rig = new Rig(configure: options => options with { Password = password });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("challenge", true));
        var challenge = await client.ReceiveAsync();
        Assert.Equal("challenge", challenge.Type);
        await Task.Delay(100);
        Assert.Equal(0, rig.Target.Connects);

        var clientSalt = new byte[32];
        var response = Challenge.Respond(password.Span, challenge.Bytes(1), clientSalt, challenge.Text(3), challenge.Text(4));
        await client.AnswerAsync(challenge, ("challenge_response", response), ("challenge_client_salt", clientSalt), ("challenge_padding", new byte[32]), ("what", "the whole hello"));
        await using var target = await rig.Target.AcceptAsync();
        Assert.Equal("the whole hello", target.Hello.GetString("what"));
        Assert.DoesNotContain(target.Hello, pair => ((string)pair.Key).StartsWith("challenge", StringComparison.Ordinal));
        await client.EstablishAsync();
    }

    [Fact]
    public async Task A_wrong_response_never_reaches_the_target()
    {
        using var password = SecretBuffer.FromUtf8("secret");
        await using var rig = new Rig(limits: Limits.Default with { AuthenticationDelay = TimeSpan.Zero }, configure: options => options with { Password = password });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        await client.AnswerAsync(await client.ReceiveAsync(), ("challenge_response", new byte[64]), ("challenge_client_salt", new byte[32]));
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Equal(XpraErrorId.AuthenticationFailed, refusal.Id);
        Assert.Equal(0, rig.Target.Connects);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_targets_refusals_block_the_address_of_a_key_holder_only_for_wrong_passwords(bool withKey)
    {
        var limits = Limits.Default with { DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(100) };
        await using var rig = new Rig(limits: limits, configure: options => options with { Clock = new FakeClock() });
        await rig.OpenProvenAsync();
        for (var i = 0; i < 5; i++)
        {
            await using var client = await rig.ConnectAsync();
            await client.SendHelloAsync(("username", "nobody"));
            var (peer, handshake, _) = await rig.Target.AcceptHelloAsync();
            if (withKey)
            {
                using var password = SecretBuffer.FromUtf8("secret");
                var answered = handshake.ChallengeAsync(new Authenticator(null, password).CreateChallenge(peer.Hello), default);
                await client.AnswerAsync(await client.ReceiveAsync(), ("challenge_response", new byte[64]), ("challenge_client_salt", new byte[32]));
                await answered;
            }
            await handshake.RefuseAsync("authentication failed", [], default);
            Assert.Equal(XpraErrorId.AuthenticationFailed, (await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync)).Id);
            await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.AuthenticationFailed) == i + 1);
            await peer.DisposeAsync();
        }
        Assert.Equal(withKey, rig.Listener.Guard.TryAcquire(System.Net.IPAddress.Loopback, out _) is null);
    }

    [Fact]
    public async Task A_client_that_has_proven_key_and_password_may_ask_the_target_for_anything()
    {
        using var password = SecretBuffer.FromUtf8("secret");
        await using var rig = new Rig(configure: options => options with { Password = password });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("challenge", true));
        var challenge = await client.ReceiveAsync();
        var response = Challenge.Respond(password.Span, challenge.Bytes(1), new byte[32], challenge.Text(3), challenge.Text(4));
        await client.AnswerAsync(challenge, ("challenge_response", response), ("challenge_client_salt", new byte[32]), ("request", "stop"));
        var (target, _, asked) = await rig.Target.AcceptHelloAsync();
        await using (target)
            Assert.Equal("stop", asked.PeerHello.GetString("request"));
    }

    public static TheoryData<AesMode, bool> Ciphers()
    {
        var ciphers = new TheoryData<AesMode, bool>();
        foreach (var mode in Enum.GetValues<AesMode>())
        {
            ciphers.Add(mode, true);
            if (mode is AesMode.CBC or AesMode.CTR or AesMode.CFB)
                ciphers.Add(mode, false);
        }
        return ciphers;
    }

    [Theory]
    [MemberData(nameof(Ciphers))]
    public async Task Nothing_from_a_client_with_another_key_is_forwarded_after_its_hello(AesMode mode, bool stream)
    {
        await using var rig = new Rig();
        using var wrong = XpraKey.FromText("not the key");
        var client = await rig.ConnectAsync(wrong, mode, stream);
        await client.SendHelloAsync();
        await using var target = await rig.Target.AcceptAsync();
        await Rig.UntilAsync(() => rig.Listener.Connections.Count == 1);
        var connection = rig.Listener.Connections[0];
        // It cannot decrypt the cipher capabilities, so it guesses; with CBC only one byte of padding has to be right.
        client.Channel.Writer.Arm(SessionCiphers.CreateEncryptor(wrong, client.Leg.Receive! with { PaddingUnit = 16 }));
        client.Channel.Writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "shutdown-server" }));
        await client.Channel.Writer.FlushAsync(default);

        await target.ExpectEndAsync();
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.False(connection.KeyProven);
        Assert.Equal(XpraErrorId.KeyMismatch, connection.CloseCause);
    }

    public static TheoryData<byte[], byte> Noise() => new()
    {
        { CipherTestData.Bytes(15, seed: 1), 0 },
        { CipherTestData.Bytes(500, seed: 2), 0 },
        { CipherTestData.Bytes(500, seed: 3), PacketCompression.Lz4Header },
        { CipherTestData.Bytes(500, seed: 4), 0x80 }, // zstd, which is not offered
        { [0xc1, 0x05], 0 }, // [5]
        { [0xc0], 0 }, // []
        { [0xc1, 0x83, .. "\u0001ab"u8], 0 },
        { [0xc1, 0x82, .. "ab"u8], 0 },
        { [0x84, .. "ping"u8], 0 }, // not a list
    };

    /// <summary>One in 256 forged CBC packets with one byte of padding has the right one; in the other modes every packet decrypts.</summary>
    [Theory]
    [MemberData(nameof(Noise), DisableDiscoveryEnumeration = true)]
    public async Task A_first_packet_that_decrypts_to_garbage_proves_no_key_and_is_not_forwarded(byte[] noise, byte compression)
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenAsync(AesMode.CBC);
        var connection = rig.Listener.Connections[0];
        await client.WriteRawAsync((byte)PacketEncoding.RencodePlus, compression, 0, noise);
        await target.ExpectEndAsync();
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal((false, XpraErrorId.KeyMismatch), (connection.KeyProven, connection.CloseCause));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    public async Task A_chunk_proves_no_key(byte index)
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenAsync();
        await client.WriteRawAsync(0, 0, index, PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "ping", 1L }));
        await target.ExpectEndAsync();
        Assert.StartsWith("protocol error", await client.ExpectDisconnectAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unencrypted_packet_ends_the_session_and_is_not_forwarded()
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        var data = PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "shutdown-server" });
        var wire = new byte[8 + data.Length];
        new PacketHeader((byte)PacketEncoding.RencodePlus, 0, 0, data.Length).Write(wire);
        data.CopyTo(wire, 8);
        await client.Socket.SendAsync(wire);

        await target.ExpectEndAsync();
        Assert.StartsWith("protocol error", await client.ExpectDisconnectAsync(), StringComparison.Ordinal);
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(XpraErrorId.PlaintextPacket, connection.CloseCause);
    }

    [Fact]
    public async Task A_target_that_answers_unencrypted_on_an_AES_leg_is_not_trusted()
    {
        await using var rig = new Rig(_targetKey);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        using var socket = await rig.Target.AcceptSocketAsync();
        await using var channel = new PacketChannel(new System.Net.Sockets.NetworkStream(socket), Limits.Default);
        await channel.SendAsync(["hello", Hello.ForServer("an impostor")], default);
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Contains("AES is off there", refusal.Message, StringComparison.Ordinal);
        await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.PlaintextPacket) == 1);
    }

    [Fact]
    public async Task The_targets_failures_do_not_count_against_the_client()
    {
        var limits = Limits.Default with { FailuresBeforeBlock = 1 };
        await using var rig = new Rig(_targetKey, limits);
        for (var i = 0; i < 3; i++)
        {
            var client = await rig.ConnectAsync();
            await client.SendHelloAsync();
            using var socket = await rig.Target.AcceptSocketAsync();
            await socket.SendAsync("P\xff\0\0garbage"u8.ToArray());
            await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        }
        Assert.Equal(0, rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.LimitReached));
    }
}
