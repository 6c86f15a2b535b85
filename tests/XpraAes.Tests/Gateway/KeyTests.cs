using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>Replacing a key without disconnecting anyone: new options for new connections, several binds, several keys.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class KeyTests : IDisposable
{
    private readonly XpraKey _old = XpraKey.FromText("the key that goes");
    private readonly XpraKey _new = XpraKey.FromText("the key that comes");
    private readonly XpraKey _other = XpraKey.FromText("somebody else's key");

    public void Dispose()
    {
        _old.Dispose();
        _new.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task New_connections_use_the_new_key_modes_and_target_and_established_ones_keep_theirs()
    {
        await using var rig = new Rig();
        await using var newTarget = new TestTarget();
        var (client, target) = await rig.OpenProvenAsync(AesMode.CBC);
        var before = rig.Listener.Connections[0].GetCipherInfo()[0];

        rig.Listener.Reconfigure(options => options with { Key = _new, Modes = [AesMode.CTR], Target = newTarget.Options() });
        Assert.Equal(_new.Fingerprint, rig.Listener.KeyFingerprint);
        Assert.Equal([AesMode.CTR], rig.Listener.Mode);
        Assert.Equal(newTarget.Endpoint.ToString(), rig.Listener.Target);

        await using var late = await TestClient.ConnectAsync(rig.Listener, _new, AesMode.CTR);
        await late.SendHelloAsync();
        await using var lateTarget = await newTarget.AcceptAsync();
        var lateSession = await late.EstablishAsync();
        await lateSession.SendAsync("addressed", "the new target");
        Assert.Equal("the new target", (await lateTarget.ReceiveAsync())!.Text(1));

        await client.SendAsync("addressed", "the old target");
        Assert.Equal("the old target", (await target.ReceiveAsync())!.Text(1));
        await target.SendAsync("and", "back");
        Assert.Equal("back", (await client.ReceiveAsync())!.Text(1));
        var rows = rig.Listener.Connections.Select(connection => connection.GetCipherInfo()[0]).ToArray();
        Assert.Equal([(AesMode.CBC, rig.Key.Fingerprint), (AesMode.CTR, _new.Fingerprint)], rows.Select(row => (row.Mode!.Value, row.KeyFingerprint!)));
        Assert.Equal(before.Salt, rows[0].Salt);

        var refused = await rig.ConnectAsync(_new, AesMode.CBC);
        await refused.SendHelloAsync();
        var refusal = await Assert.ThrowsAsync<RefusedException>(refused.ReceiveAsync);
        Assert.Equal(Refusals.ForUnproven, Refusals.Reason(refusal.Disconnect));
        await Loopback.Eventually(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.ModeRejected) == 1);
        var outdated = await rig.ConnectAsync(rig.Key, AesMode.CTR);
        await outdated.SendHelloAsync();
        await using var reached = await newTarget.AcceptAsync();
        var mismatch = await Assert.ThrowsAsync<XpraAesException>(outdated.ReceiveAsync);
        Assert.Equal(XpraErrorId.KeyMismatch, mismatch.Id);
    }

    [Fact]
    public async Task A_handshake_in_progress_keeps_the_options_that_it_started_with()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("challenge", true));
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            var answered = handshake.ChallengeAsync(["challenge", new byte[64], null, "hmac+sha256", "hmac+sha256", ""], default);
            var challenge = await client.ReceiveAsync();
            rig.Listener.Reconfigure(options => options with { Key = _new, Target = null });
            await client.AnswerAsync(challenge);
            await answered;
            await handshake.SendHelloAsync(Hello.ForServer("x"), default);
            var session = await client.EstablishAsync();
            await session.SendAsync("ping", 1L);
            Assert.Equal("ping", (await target.ReceiveAsync())!.Type);
        }
    }

    [Fact]
    public async Task The_caller_may_dispose_of_keys_and_passwords_at_once()
    {
        await using var target = new TestTarget(_other);
        var (mine, targets, password) = (XpraKey.FromText("mine"), XpraKey.FromText("somebody else's key"), SecretBuffer.FromUtf8("secret"));
        await using var listener = AesListener.Start(new ListenerOptions { Key = mine, Modes = Enum.GetValues<AesMode>(), Password = password, Target = target.Options(targets) });
        mine.Dispose();
        targets.Dispose();
        password.Dispose();

        using var key = XpraKey.FromText("mine");
        using var secret = SecretBuffer.FromUtf8("secret");
        await using var client = await TestClient.ConnectAsync(listener, key);
        await client.SendHelloAsync(("challenge", true));
        var challenge = await client.ReceiveAsync();
        var response = Challenge.Respond(secret.Span, challenge.Bytes(1), new byte[32], challenge.Text(3), challenge.Text(4));
        await client.AnswerAsync(challenge, ("challenge_response", response), ("challenge_client_salt", new byte[32]));
        await using var session = await target.AcceptAsync();
        await client.EstablishAsync();
        listener.Reconfigure(options => options with { Modes = [AesMode.CTR] });
        Assert.Equal(key.Fingerprint, listener.KeyFingerprint);
    }

    [Fact]
    public async Task Invalid_options_change_nothing()
    {
        await using var rig = new Rig();
        foreach (var (change, id) in new (Func<ListenerOptions, ListenerOptions>, XpraErrorId)[]
        {
            (options => options with { KeySize = 17 }, XpraErrorId.InvalidOption),
            (options => options with { Iterations = 1 }, XpraErrorId.IterationsRejected),
            (options => options with { Key = null }, XpraErrorId.InvalidOption),
            (options => options with { OtherKeys = [_new] }, XpraErrorId.InvalidOption),
            (options => options with { Target = options.Target! with { Iterations = 5 } }, XpraErrorId.IterationsRejected),
        })
        {
            Assert.Equal(id, Assert.Throws<XpraAesException>(() => rig.Listener.Reconfigure(change)).Id);
        }
        Assert.Equal(XpraErrorId.NotFound, Assert.Throws<XpraAesException>(() => rig.Listener.Reconfigure(options => options, "127.0.0.1:1")).Id);
        await rig.OpenProvenAsync();
        await rig.Listener.StopAsync(TimeSpan.Zero);
        Assert.Equal(XpraErrorId.Closed, Assert.Throws<XpraAesException>(() => rig.Listener.Reconfigure(options => options)).Id);
    }

    [Fact]
    public async Task Several_binds_each_have_their_own_key()
    {
        await using var target = new TestTarget();
        ListenerOptions Bind(XpraKey key) => new() { Key = key, Modes = [AesMode.CTR], Target = target.Options() };
        await using var listener = AesListener.Start(Bind(_old), Bind(_new));
        Assert.Equal(2, listener.Endpoints.Distinct().Count());
        Assert.Equal([_old.Fingerprint, _new.Fingerprint], listener.KeyFingerprints);
        await CheckAsync(_old, listener.Endpoints[0]);
        await CheckAsync(_new, listener.Endpoints[1]);
        await RequireMismatchAsync(_new, listener.Endpoints[0]);

        listener.Reconfigure(options => options with { Key = _other }, listener.Endpoints[1]);
        Assert.Equal([_old.Fingerprint, _other.Fingerprint], listener.KeyFingerprints);
        await CheckAsync(_old, listener.Endpoints[0]);
        await CheckAsync(_other, listener.Endpoints[1]);
        await RequireMismatchAsync(_new, listener.Endpoints[1]);

        listener.Reconfigure(options => options with { Key = _new });
        await CheckAsync(_new, listener.Endpoints[0]);
        await CheckAsync(_new, listener.Endpoints[1]);

        async Task CheckAsync(XpraKey key, string endpoint)
        {
            await using var client = await TestClient.ConnectAsync(endpoint, key);
            await client.SendHelloAsync();
            await using var peer = await target.AcceptAsync();
            var session = await client.EstablishAsync();
            await session.SendAsync("ping", 1L);
            Assert.Equal("ping", (await peer.ReceiveAsync())!.Type);
            Assert.Contains(listener.Connections, connection => connection.KeyFingerprint == key.Fingerprint && connection.Endpoint == $"tcp://{endpoint}/");
        }

        async Task RequireMismatchAsync(XpraKey key, string endpoint)
        {
            await using var client = await TestClient.ConnectAsync(endpoint, key);
            await client.SendHelloAsync();
            await using var peer = await target.AcceptAsync();
            Assert.Equal(XpraErrorId.KeyMismatch, (await Assert.ThrowsAsync<XpraAesException>(client.ReceiveAsync)).Id);
        }
    }

    [Fact]
    public async Task If_one_bind_fails_none_of_them_listens()
    {
        await using var taken = AesListener.Start(new ListenerOptions { Key = _old, Modes = Enum.GetValues<AesMode>() });
        var free = RealXpra.FreePort();
        ListenerOptions Bind(int port) => new() { Key = _new, Port = port };
        Assert.Equal(XpraErrorId.PortInUse, Assert.Throws<XpraAesException>(() => AesListener.Start(Bind(free), Bind(taken.Port))).Id);
        Assert.Equal([taken], LiveObjects.Listeners);
        await using var again = AesListener.Start(Bind(free));
    }

    [Theory]
    [InlineData(0, AesMode.CBC)]
    [InlineData(1, AesMode.CBC)]
    [InlineData(0, AesMode.CTR)]
    [InlineData(1, AesMode.CTR)]
    [InlineData(1, AesMode.GCM)]
    public async Task The_matching_target_key_of_several_is_found_in_one_connection(int place, AesMode mode)
    {
        await using var rig = new Rig(_new, configure: options => options with
        {
            Target = options.Target! with { Mode = mode, Keys = place == 0 ? [_new, _old] : [_old, _new] },
        });
        await rig.OpenProvenAsync();
        Assert.Equal(1, rig.Target.Connects);
        var rows = rig.Listener.Connections[0].GetCipherInfo();
        Assert.Equal([rig.Key.Fingerprint, rig.Key.Fingerprint, _new.Fingerprint, _new.Fingerprint], rows.Select(row => row.KeyFingerprint));
        Assert.Equal([CipherDirection.Send, CipherDirection.Receive, CipherDirection.Send, CipherDirection.Receive], rows.Select(row => row.Direction));
        Assert.All(rows, row => Assert.True(row.KeyProven));
        Assert.All(rows.Skip(2), row => Assert.Equal(mode, row.Mode));
    }

    [Fact]
    public async Task A_client_gets_the_reason_where_no_key_fits_the_target()
    {
        await using var rig = new Rig(_other, configure: options => options with { Target = options.Target! with { Keys = [_old, _new] } });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        await using var target = await rig.Target.AcceptAsync();
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Contains("the server has a different key", refusal.Message, StringComparison.Ordinal);
        await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.KeyMismatch) == 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task One_bind_accepts_several_keys_with_an_encrypted_first_packet(int place)
    {
        var key = place == 0 ? _old : _new;
        await using var target = new TestTarget();
        await using var listener = AesListener.Start(new ListenerOptions { Key = _old, Modes = Enum.GetValues<AesMode>(), OtherKeys = [_new], EncryptFirstPacket = true, Target = target.Options() });
        var connecting = XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", listener.Port), Key = key, EncryptFirstPacket = true });
        await using var peer = await target.AcceptAsync();
        // The ping that measures a new connection's latency.
        var ping = await peer.ReceiveAsync();
        await peer.SendAsync("ping_echo", ping![1], 0L, 0L, 0L, -1L);
        await using var connection = await connecting.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(key.Fingerprint, Assert.Single(listener.Connections).KeyFingerprint);
    }
}
