using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Packets;
using XpraAes.Tests.Attacks;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>
/// Requests of a client's hello: allowed ones mean the same to every generation of server, and refused ones look like success to no
/// generation of client.
/// </summary>
[Collection(LoopbackCollection.Name)]
public sealed class RequestTests : IDisposable
{
    private static readonly Limits s_quick = Limits.Default with { AuthenticationDelay = TimeSpan.Zero, FailuresBeforeBlock = 1000 };

    private readonly XpraKey _targetKey = XpraKey.FromText("a key for the target of a gateway");
    private readonly SecretBuffer _password = SecretBuffer.FromUtf8("secret");

    /// <summary>How a client may be entitled to a request.</summary>
    public enum Right
    {
        /// <summary>The listener's owner allows it to anyone (-AllowRequest).</summary>
        Allowed,

        /// <summary>The client has given the listener's password, and so has proven the key.</summary>
        Password,

        /// <summary>The client has proven the key by the connection (tls-psk).</summary>
        Sealed,

        /// <summary>Both of the first two.</summary>
        AllowedAndPassword,
    }

    public void Dispose()
    {
        _targetKey.Dispose();
        _password.Dispose();
    }

    public static TheoryData<string, Right, bool> Endings()
    {
        var all = new TheoryData<string, Right, bool>();
        foreach (var request in new[] { "stop", "exit" })
        {
            foreach (var right in Enum.GetValues<Right>())
            {
                all.Add(request, right, false);
                all.Add(request, right, true);
            }
        }
        return all;
    }

    /// <summary>3.1.3 and 4.4.6 answer with the hello of a session, and end on a packet.</summary>
    [Theory]
    [MemberData(nameof(Endings), DisableDiscoveryEnumeration = true)]
    public async Task A_server_that_takes_the_request_for_a_session_is_ended_by_the_gateways_packet(string request, Right right, bool encryptedTarget)
    {
        await using var rig = NewRig(right, request, encryptedTarget);
        var (client, target) = await AskAsync(rig, right, request);
        await using (client)
        await using (target)
        {
            Assert.Equal(request == "stop" ? "shutdown-server" : "exit-server", (await target.ReceiveAsync())!.Type);
            // What it says to a session meanwhile is not for this client.
            await target.SendAsync("startup-complete");
            await target.SendAsync("new-window", 1L, 0L, 0L, 10L, 10L, new XpraDictionary { ["title"] = "secret" });
            var reason = request == "stop" ? "server shutdown" : "server exit";
            await target.SendAsync("disconnect", reason);
            Assert.Equal(["disconnect", reason], (await ReceiveDisconnectAsync(client)).Items);
            await target.ExpectEndAsync();
        }
        Assert.Equal(1, rig.Target.Connects);
        await Rig.UntilAsync(() => rig.Listener is { Accepted: 1, Rejected: 0 });
        Assert.Empty(rig.Listener.Connections);
    }

    /// <summary>The answers of real servers to the hello alone (5.1.6, 6.1.3, 6.2.5; 6.5.3 and the development tree; every version).</summary>
    [Theory]
    [InlineData("stop", "server shutdown", null)]
    [InlineData("exit", "server exit", null)]
    [InlineData("exit", "server shutdown", null)]
    [InlineData("detach", "done", "2 other clients have been disconnected")]
    public async Task A_server_that_acts_on_the_hello_gets_nothing_more_and_its_answer_counts_as_one(string request, string reason, string? detail)
    {
        await using var rig = NewRig(Right.Allowed, request);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", request));
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            object?[] answer = detail is null ? ["disconnect", reason] : ["disconnect", reason, detail];
            await target.SendAsync(answer);
            Assert.Equal(answer, (await ReceiveDisconnectAsync(client)).Items);
            await target.ExpectEndAsync();
        }
        await Rig.UntilAsync(() => rig.Listener is { Accepted: 1, Rejected: 0 });
    }

    [Theory]
    [InlineData(PacketEncoding.Rencode, PacketEncoding.RencodePlus)]
    [InlineData(PacketEncoding.RencodePlus, PacketEncoding.Rencode)]
    public async Task Ends_that_share_no_encoding_understand_each_other(PacketEncoding ofClient, PacketEncoding ofTarget)
    {
        await using var rig = NewRig(Right.Allowed, "stop");
        var client = await rig.ConnectAsync();
        client.Channel.Encoding = ofClient;
        var hello = TestClient.NewHello(("request", "stop"));
        Hello.AnnounceOnly(hello, ofClient);
        await client.Leg.SendHelloAsync(hello, default);
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync(ofTarget);
        await using (target)
        {
            target.Channel.Encoding = ofTarget;
            var answer = Hello.ForServer(Hello.NewUuid());
            Hello.AnnounceOnly(answer, ofTarget);
            await handshake.SendHelloAsync(answer, default);
            Assert.Equal("shutdown-server", (await target.ReceiveAsync())!.Type);
            await target.SendAsync("disconnect", "server shutdown");
            Assert.Equal("server shutdown", (await ReceiveDisconnectAsync(client)).Text(1));
        }
    }

    public static TheoryData<string, string[], string[]> Refused() => new()
    {
        // What real servers say: 3.1.3 with lock=yes or no right password, 6.2.5 where the request is not enabled, 6.5.3 without a picture.
        { "detach", ["session busy", "this session is locked"], ["server error", "session busy", "this session is locked"] },
        { "stop", ["authentication failed"], ["server error", "authentication failed"] },
        { "stop", ["permission error", "`stop` requests are not enabled for this connection"], ["permission error", "`stop` requests are not enabled for this connection"] },
        { "stop", ["version error", "incompatible version"], ["version error", "incompatible version"] },
        { "screenshot", ["screenshot failed"], ["server error", "screenshot failed"] },
        { "exit", ["login timeout"], ["server error", "login timeout"] },
    };

    [Theory]
    [MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public async Task A_targets_refusal_reads_as_an_error(string request, string[] says, string[] forwarded)
    {
        await using var rig = NewRig(Right.Allowed, request);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", request));
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
            await target.SendAsync(["disconnect", .. says]);
        var disconnect = await ReceiveDisconnectAsync(client);
        Assert.Equal(["disconnect", .. forwarded], disconnect.Items);
        Assert.True(IsErrorForClients(disconnect));
        await Rig.UntilAsync(() => rig.Listener is { Accepted: 0, Rejected: 1 });
    }

    [Fact]
    public async Task A_session_gets_the_targets_refusal_unchanged()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
            await target.SendAsync("disconnect", "session busy", "this session is locked");
        Assert.Equal(["disconnect", "session busy", "this session is locked"], (await ReceiveDisconnectAsync(client)).Items);
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("exit")]
    [InlineData("detach")]
    [InlineData("command")]
    [InlineData("screenshot")]
    [InlineData("something new")]
    public async Task A_refusal_of_ours_reads_as_an_error_and_says_why(string request)
    {
        await using var rig = new Rig();
        await using var alone = AesListener.Start(new ListenerOptions { Key = rig.Key, Modes = Enum.GetValues<AesMode>() });
        foreach (var (listener, why) in new[] { (rig.Listener, RequestPolicy.NotForwarded), (alone, Responder.NotServed) })
        {
            await using var client = await TestClient.ConnectAsync(listener, rig.Key);
            await client.SendHelloAsync(("request", request));
            var disconnect = await ReceiveDisconnectAsync(client);
            Assert.True(disconnect.Header.IsEncrypted);
            Assert.True(IsErrorForClients(disconnect));
            Assert.StartsWith(why, disconnect.Text(2), StringComparison.Ordinal);
        }
        Assert.Equal(0, rig.Target.Connects);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_allowed_request_still_needs_the_password(bool answers)
    {
        await using var rig = NewRig(Right.AllowedAndPassword, "stop");
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "stop"));
        var challenge = await client.ReceiveAsync();
        Assert.Equal("challenge", challenge.Type);
        if (answers)
        {
            using var wrong = SecretBuffer.FromUtf8("Secret");
            await AnswerAsync(client, challenge, wrong, "stop");
            var disconnect = await ReceiveDisconnectAsync(client);
            Assert.True(IsErrorForClients(disconnect));
            Assert.Equal("authentication failed", disconnect.Text(2)); // clients take the exit code from this detail
        }
        else
        {
            // Without the key it cannot encrypt its answer.
            await client.Channel.SendAsync(["hello", TestClient.NewHello(("request", "stop"))], default);
            await Rig.UntilAsync(() => rig.Listener.Rejected == 1);
        }
        Assert.Equal(0, rig.Target.Connects);
    }

    [Fact]
    public async Task A_replayed_request_does_not_reach_the_target_again()
    {
        await using var rig = NewRig(Right.Allowed, "stop");
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { More = [("request", "stop")] };
        var first = hello.SendAsync(rig.Listener.Endpoint);
        await using (var target = await rig.Target.AcceptAsync())
        {
            Assert.Equal("shutdown-server", (await target.ReceiveAsync())!.Type);
            await target.SendAsync("disconnect", "server shutdown");
        }
        Assert.NotEqual(0, (await first).EncryptedBytes);
        Assert.True((await hello.SendAsync(rig.Listener.Endpoint)).IsFixedText);
        Assert.Equal(1, rig.Target.Connects);
        Assert.Equal(1, rig.Listener.Refusals[XpraErrorId.SaltReused]);
    }

    /// <summary>A key holder's hello for a session, changed in transit into one that ends the server.</summary>
    [Fact]
    public async Task A_key_holders_hello_with_a_request_added_does_nothing()
    {
        await using var rig = NewRig(Right.Allowed, "stop");
        var client = await rig.ConnectAsync();
        var hello = TestClient.NewHello();
        CipherCapabilities.Write(hello, CipherCapabilities.Generate(AesMode.CTR, 32, KeyHash.SHA512, 1000, PaddingScheme.Pkcs7, 16, stream: true), stream: true);
        var parameters = CipherCapabilities.Read(hello)!.Parameters;
        CipherCapabilities.Write(hello, parameters with { Salt = SaltMemory.Of(rig.Key).Tags.CreateClientSalt(hello, DateTimeOffset.UtcNow) }, stream: true);
        hello["request"] = "stop";
        await client.Channel.SendAsync(["hello", hello], default);
        await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.HelloAltered) == 1);
        Assert.Equal(0, rig.Target.Connects);
    }

    [Fact]
    public async Task What_a_client_asks_for_after_the_targets_challenge_is_what_counts()
    {
        await using var rig = NewRig(Right.Allowed, "stop");
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "stop"));
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            var answered = handshake.ChallengeAsync(new Authenticator(null, _password).CreateChallenge(target.Hello), default);
            // Encrypted, so the key is proven and it may ask for anything.
            await AnswerAsync(client, await client.ReceiveAsync(), _password, "exit");
            await answered;
            await handshake.SendHelloAsync(Hello.ForServer(Hello.NewUuid()), default);
            Assert.Equal("exit-server", (await target.ReceiveAsync())!.Type);
            await target.SendAsync("disconnect", "server exit");
        }
        Assert.Equal("server exit", (await ReceiveDisconnectAsync(client)).Text(1));
    }

    [Fact]
    public async Task On_a_port_without_a_key_only_an_allowed_request_may_follow_the_targets_challenge()
    {
        await using var server = new TestTarget(_targetKey); // without a key of its own, a listener wants one of its target
        await using var listener = AesListener.Start(new ListenerOptions { Key = null, Target = server.Options(_targetKey), AllowRequests = ["stop"] });
        await using var client = await TestClient.ConnectAsync(listener, key: null);
        await client.SendHelloAsync(("request", "stop"));
        var (target, handshake, _) = await server.AcceptHelloAsync();
        await using (target)
        {
            var answered = handshake.ChallengeAsync(new Authenticator(null, _password).CreateChallenge(target.Hello), default);
            await AnswerAsync(client, await client.ReceiveAsync(), _password, "exit");
            Assert.Contains(RequestPolicy.NotForwarded, (await ReceiveDisconnectAsync(client)).Text(2), StringComparison.Ordinal);
            Assert.Equal(XpraErrorId.ConnectionLost, (await Assert.ThrowsAsync<XpraAesException>(() => answered)).Id);
        }
    }

    /// <summary>XPRA_CLIENT_CAN_SHUTDOWN=0: some say so in their hello, others only ignore the packet.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_does_not_end_is_reported(bool saysSo)
    {
        await using var rig = NewRig(Right.Allowed, "stop", limits: s_quick with { HandshakeTimeout = TimeSpan.FromSeconds(saysSo ? 10 : 1) });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "stop"));
        await using var target = saysSo ? await rig.Target.AcceptAsync(("client-shutdown", false)) : await rig.Target.AcceptAsync();
        if (!saysSo)
            Assert.Equal("shutdown-server", (await target.ReceiveAsync())!.Type);
        var disconnect = await ReceiveDisconnectAsync(client);
        Assert.True(IsErrorForClients(disconnect));
        Assert.Contains("not let its clients stop it", disconnect.Text(2), StringComparison.Ordinal);
        await target.ExpectEndAsync();
        Assert.Equal(1, rig.Target.Connects);
        await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.RequestRefused) == 1);
    }

    /// <summary>Servers before 5 end by <c>exit</c> whatever they say of <c>stop</c>.</summary>
    [Fact]
    public async Task A_server_that_may_not_be_stopped_is_still_asked_to_exit()
    {
        await using var rig = NewRig(Right.Allowed, "exit");
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "exit"));
        await using (var target = await rig.Target.AcceptAsync(("client-shutdown", false)))
        {
            Assert.Equal("exit-server", (await target.ReceiveAsync())!.Type);
            await target.SendAsync("disconnect", "server exit");
        }
        Assert.Equal("server exit", (await ReceiveDisconnectAsync(client)).Text(1));
    }

    [Fact]
    public async Task A_server_that_vanishes_after_the_packet_is_reported_and_not_asked_again()
    {
        await using var rig = NewRig(Right.Allowed, "stop");
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "stop"));
        await using (var target = await rig.Target.AcceptAsync())
            Assert.Equal("shutdown-server", (await target.ReceiveAsync())!.Type);
        var disconnect = await ReceiveDisconnectAsync(client);
        Assert.True(IsErrorForClients(disconnect));
        Assert.Contains("without saying that it ends", disconnect.Text(2), StringComparison.Ordinal);
        Assert.Equal(1, rig.Target.Connects);
    }

    /// <summary>Whoever is on the way to an encrypted target can send a plaintext refusal, but not a plaintext success.</summary>
    [Fact]
    public async Task A_forged_plaintext_answer_of_an_encrypted_target_is_no_success()
    {
        await using var rig = NewRig(Right.Allowed, "stop", encryptedTarget: true);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "stop"));
        using var socket = await rig.Target.AcceptSocketAsync();
        await using var forger = new PacketChannel(new System.Net.Sockets.NetworkStream(socket), Limits.Default);
        await forger.ReceiveAsync(default);
        await forger.SendAsync(["disconnect", "server shutdown"], default);
        var disconnect = await ReceiveDisconnectAsync(client);
        Assert.True(IsErrorForClients(disconnect));
        await Rig.UntilAsync(() => rig.Listener is { Accepted: 0, Rejected: 1 });
    }

    /// <summary>A request that the target takes for a session opens none for someone who has not proven the key.</summary>
    [Fact]
    public async Task An_allowed_request_gives_no_session()
    {
        await using var rig = NewRig(Right.Allowed, "stop", limits: s_quick with { HandshakeTimeout = TimeSpan.FromSeconds(1) });
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { More = [("request", "stop"), ("ui_client", true), ("windows", true)] };
        var asking = hello.SendAsync(rig.Listener.Endpoint, listen: TimeSpan.FromSeconds(3));
        await using var target = await rig.Target.AcceptAsync();
        Assert.Equal("shutdown-server", (await target.ReceiveAsync())!.Type);
        for (var i = 0L; i < 20; i++)
            await target.SendAsync("new-window", i, 0L, 0L, 10L, 10L, new XpraDictionary { ["title"] = new string('x', 1000) });
        var reply = await asking;
        Assert.Equal(1, reply.Packets);
        Assert.InRange(reply.EncryptedBytes, 1, 300);
    }

    [Theory]
    [InlineData("screenshot", "screenshot")]
    [InlineData("screenshot", "display-screenshot")]
    [InlineData("icon", "display-icon")]
    public async Task A_picture_is_the_answer_to_its_request(string request, string type)
    {
        await using var rig = NewRig(Right.Allowed, request);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", request));
        var (target, _, asked) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            // Clients of 5 and later do not send the only form that servers before 5 read.
            Assert.Equal(request == "screenshot" ? true : null, asked.PeerHello.GetBoolean("screenshot_request"));
            await target.SendAsync(type, 2L, 1L, "png", 8L, CipherTestBytes);
            var picture = await client.ReceiveAsync();
            Assert.Equal((PacketNames.Old(type), 2L, "png"), (picture.Type, picture[1], picture[3]));
            Assert.Equal(CipherTestBytes, picture.Bytes(5));
            await target.ExpectEndAsync();
        }
        await Rig.UntilAsync(() => rig.Listener is { Accepted: 1, Rejected: 0 });
    }

    [Fact]
    public async Task A_picture_is_no_answer_to_another_request()
    {
        await using var rig = NewRig(Right.Allowed, "info");
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "info"));
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            await target.SendAsync("screenshot", 2L, 1L, "png", 8L, CipherTestBytes);
            await handshake.SendAnswerAsync("info", new XpraDictionary { ["pid"] = 7L }, default);
            Assert.Equal("hello", (await client.ReceiveAsync()).Type);
        }
    }

    [Theory]
    [InlineData("stop", true, false)]
    [InlineData("exit", true, false)]
    [InlineData("stop", false, true)]
    [InlineData("detach", false, false)]
    public async Task Only_a_hello_that_ends_a_server_and_has_no_encodings_gets_one(string request, bool added, bool hasOwn)
    {
        await using var rig = NewRig(Right.Allowed, request);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", request), ("encodings", hasOwn ? new object?[] { "png", "h264" } : null));
        var (target, _, asked) = await rig.Target.AcceptHelloAsync();
        rig.Own(target);
        string[] expected = added ? ["rgb32"] : hasOwn ? ["png", "h264"] : [];
        Assert.Equal(expected, asked.PeerHello.GetStrings("encodings"));
    }

    private static byte[] CipherTestBytes { get; } = Ciphers.CipherTestData.Bytes(500, seed: 9);

    /// <summary>What makes the clients of stop, exit and detach exit with another code than 0: in every version, "error" in the first reason, or "timeout".</summary>
    private static bool IsErrorForClients(Packet disconnect) => disconnect.Text(1).Contains("error", StringComparison.Ordinal);

    private static async Task<Packet> ReceiveDisconnectAsync(TestClient client) => (await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync)).Disconnect;

    private static Task AnswerAsync(TestClient client, Packet challenge, SecretBuffer password, string request)
    {
        var salt = new byte[32];
        var response = Challenge.Respond(password.Span, challenge.Bytes(1), salt, challenge.Text(3), challenge.Text(4));
        return client.AnswerAsync(challenge, ("challenge_response", response), ("challenge_client_salt", salt), ("request", request));
    }

    private Rig NewRig(Right right, string request, bool encryptedTarget = false, Limits? limits = null)
        => new(encryptedTarget ? _targetKey : null, limits ?? s_quick, options => options with
        {
            AllowRequests = right is Right.Allowed or Right.AllowedAndPassword ? [request] : [],
            Password = right is Right.Password or Right.AllowedAndPassword ? _password : null,
        });

    /// <summary>Asks as a client with this right, and has the target take it for a session.</summary>
    private async Task<(TestClient Client, TestPeer Target)> AskAsync(Rig rig, Right right, string request)
    {
        var client = right == Right.Sealed
            ? await TestClient.ConnectSealedAsync(rig.Listener, rig.Key)
            : await rig.ConnectAsync();
        await client.SendHelloAsync(("request", request));
        if (right is Right.Password or Right.AllowedAndPassword)
            await AnswerAsync(client, await client.ReceiveAsync(), _password, request);
        return (client, await rig.Target.AcceptAsync());
    }
}
