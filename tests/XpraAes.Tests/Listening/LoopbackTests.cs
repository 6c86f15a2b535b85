using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Interop;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Listening;

/// <summary>The connector against the listener, and how each handles a peer with other options.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class LoopbackTests
{
    public static TheoryData<AesMode> Modes => [.. Enum.GetValues<AesMode>()];

    public static TheoryData<AesMode, bool?> ModesAndStreams { get; } = new(
        from mode in Enum.GetValues<AesMode>()
        from stream in new bool?[] { null, true, false }
        select (mode, stream));

    [Theory]
    [MemberData(nameof(ModesAndStreams))]
    public async Task Both_ends_agree_in_every_mode_on_what_each_direction_uses(AesMode mode, bool? stream)
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectAsync(options => options with { Mode = mode, Stream = stream });
        var server = await loopback.SingleConnectionAsync();
        for (var i = 0; i < 5; i++)
            Assert.True(await client.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);

        var (clientRows, serverRows) = (client.GetCipherInfo(), server.GetCipherInfo());
        Assert.Equal([CipherDirection.Send, CipherDirection.Receive], clientRows.Select(row => row.Direction));
        AssertAgree(clientRows[0], serverRows[1]);
        AssertAgree(clientRows[1], serverRows[0]);
        Assert.NotEqual(clientRows[0].Salt, clientRows[1].Salt);
        Assert.NotEqual(clientRows[0].IV, clientRows[1].IV);
        foreach (var row in clientRows.Concat(serverRows))
        {
            Assert.Equal(("AES", mode, 256, stream ?? true), (row.Cipher, row.Mode, row.KeySize, row.Stream));
            // A peer that does not announce stream counts as older than 6.2.
            Assert.Equal(mode != AesMode.CBC ? 0 : stream is null ? 32 : 16, row.BlockSize);
            Assert.Equal(mode == AesMode.CBC ? "PKCS#7" : "none", row.Padding);
            Assert.Equal((KeyHash.SHA1, 10_000, false, true), (row.KeyHash, row.Iterations, row.Authenticated, row.KeyProven));
            Assert.Equal((128, 32), (row.Salt!.Length, row.IV!.Length));
            Assert.Equal((loopback.Key.Fingerprint, ProtocolDefaults.AnnouncedVersion), (row.KeyFingerprint, row.PeerVersion));
        }
        Assert.Equal((mode, ConnectionState.Open, ConnectionDirection.Outbound), (client.Mode, client.State, client.Direction));
        Assert.Equal(ConnectionDirection.Inbound, server.Direction);
        Assert.Equal(clientRows[0].Salt, client.Salt);
    }

    [Fact]
    public async Task A_secret_that_was_disposed_of_neither_leaves_a_port_open_nor_half_of_a_change()
    {
        var gone = new SecretBuffer(1);
        gone.Dispose();
        using var key = XpraKey.Generate();
        var options = new ListenerOptions { Key = key, Port = RealXpra.FreePort() };
        Assert.Throws<ObjectDisposedException>(() => AesListener.Start(options with { Password = gone }));
        await using var listener = AesListener.Start(options, options with { Port = 0 });
        Assert.Throws<ObjectDisposedException>(() => listener.Reconfigure(old => old with { Modes = [AesMode.CTR], Password = old.Port == 0 ? gone : null }));
        Assert.Equal(options.Modes, listener.Mode);
    }

    [Fact]
    public async Task A_log_that_fails_does_not_keep_a_listener_from_stopping()
    {
        var loopback = Loopback.Start(options => options with { Logger = new FailingLogger(), Limits = Limits.Default with { UnprovenConnectionsPerSource = 1 } });
        await using FakePeer first = await loopback.ConnectFakeAsync(), second = await loopback.ConnectFakeAsync();
        await Loopback.Eventually(() => !loopback.Listener.IsAlive);
        await loopback.Listener.StopAsync(TimeSpan.Zero).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(ListenerState.Stopped, loopback.Listener.State);
        await loopback.DisposeAsync(); // which would never end where the stop does not
    }

    [Theory]
    [InlineData(16, KeyHash.SHA256, 32, KeyHash.SHA1)]
    [InlineData(16, KeyHash.SHA224, 24, KeyHash.SHA512)]
    [InlineData(24, KeyHash.SHA384, 24, KeyHash.SHA224)]
    [InlineData(32, KeyHash.SHA512, 32, KeyHash.SHA384)]
    public async Task Each_side_announces_the_cipher_parameters_it_receives_with(int clientSize, KeyHash clientHash, int serverSize, KeyHash serverHash)
    {
        await using var loopback = Loopback.Start(options => options with { KeySize = serverSize, KeyHash = serverHash, Iterations = 1234 });
        await using var client = await loopback.ConnectAsync(options => options with { KeySize = clientSize, KeyHash = clientHash, Iterations = 4321 });
        var rows = client.GetCipherInfo();
        Assert.Equal((serverSize * 8, serverHash, 1234), (rows[0].KeySize, rows[0].KeyHash, rows[0].Iterations));
        Assert.Equal((clientSize * 8, clientHash, 4321), (rows[1].KeySize, rows[1].KeyHash, rows[1].Iterations));
        await client.PingAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task A_refused_mode_is_answered_in_plaintext_with_a_fixed_text()
    {
        await using var loopback = Loopback.Start(options => options with { Modes = [AesMode.CTR, AesMode.GCM] });
        var refused = await loopback.FailToConnectAsync(options => options with { Mode = AesMode.CBC });
        Assert.Equal(XpraErrorId.PeerDisconnected, refused.Id);
        Assert.Contains(Refusals.ForUnproven, refused.Message, StringComparison.Ordinal);
        Assert.Contains("unencrypted, so the reason may be forged", refused.Message, StringComparison.Ordinal);
        Assert.Contains("-Mode", refused.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(loopback.Options.Endpoint.ToString(), refused.Target);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.ModeRejected) == 1);
        Assert.Equal((0, 1), (loopback.Listener.Accepted, loopback.Listener.Rejected));

        await using var allowed = await loopback.ConnectAsync(options => options with { Mode = AesMode.GCM });
        Assert.Equal(AesMode.GCM, allowed.Mode);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_client_with_another_key_fails_with_KeyMismatch_within_a_second(AesMode mode)
    {
        await using var loopback = Loopback.Start();
        using var other = XpraKey.Generate();
        await loopback.FailToConnectAsync(options => options with { Mode = mode, Key = other });
        var start = Stopwatch.GetTimestamp();
        var refused = await loopback.FailToConnectAsync(options => options with { Mode = mode, Key = other });
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal(XpraErrorId.KeyMismatch, refused.Id);
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 0);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_listener_disconnects_a_client_with_another_key_within_a_second(AesMode mode)
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        using var other = XpraKey.Generate();
        var (_, asked) = await client.OpenSessionAsync(Generation.Named("6.2"), mode);
        var server = await loopback.SingleConnectionAsync();
        Assert.False(server.KeyProven);

        client.Channel.Writer.Arm(SessionCiphers.CreateEncryptor(other, asked));
        var start = Stopwatch.GetTimestamp();
        await client.SendAsync("ping", 1L, new string('x', 100));
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal((XpraErrorId.KeyMismatch, false), (server.CloseCause, server.KeyProven));
        await client.WaitForCloseAsync();
    }

    [Fact]
    public async Task The_key_is_proven_by_the_first_packet_that_decrypts_not_by_a_plaintext_hello()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        var server = await loopback.SingleConnectionAsync();
        Assert.All(server.GetCipherInfo(), row => Assert.False(row.KeyProven));
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
        Assert.All(server.GetCipherInfo(), row => Assert.True(row.KeyProven));
    }

    [Fact]
    public async Task An_unencrypted_client_gets_the_fixed_text_in_plaintext()
    {
        await using var loopback = Loopback.Start(options => options with { Modes = [AesMode.GCM] });
        await using var client = await loopback.ConnectFakeAsync();
        await client.SendAsync("hello", new XpraDictionary { ["version"] = "6.2.5" });
        var answer = await client.ReceiveAsync();
        Assert.False(answer.Header.IsEncrypted);
        Assert.Equal(["disconnect", Refusals.ForUnproven], answer.Items);
        Assert.DoesNotContain("GCM", Refusals.ForUnproven, StringComparison.Ordinal);
        await client.WaitForCloseAsync();
        Assert.Equal([XpraErrorId.CipherCapabilitiesMissing], loopback.Listener.Refusals.Keys);
    }

    [Theory]
    [InlineData(KeyHash.SHA1, 999)]
    [InlineData(KeyHash.SHA1, 50_001)]
    [InlineData(KeyHash.SHA224, 20_000)]
    public async Task A_key_of_too_few_iterations_or_too_much_work_gets_the_fixed_text(KeyHash hash, int iterations)
    {
        await using var loopback = Loopback.Start();
        var refused = await loopback.FailToConnectAsync(options => options with { KeyHash = hash, Iterations = iterations });
        Assert.Contains(Refusals.ForUnproven, refused.Message, StringComparison.Ordinal);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.IterationsRejected) == 1);
    }

    [Fact]
    public async Task The_limits_on_iterations_are_themselves_within_them()
    {
        await using var loopback = Loopback.Start();
        foreach (var iterations in new[] { 1_000, 50_000 })
            await (await loopback.ConnectAsync(options => options with { Iterations = iterations })).CloseAsync();
        await (await loopback.ConnectAsync(options => options with { KeyHash = KeyHash.SHA256, Iterations = 90_000 })).CloseAsync();
        Assert.Equal(3, loopback.Listener.Accepted);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_client_with_a_password_gets_a_challenge_even_if_the_listener_has_no_password(AesMode mode)
    {
        await using var loopback = Loopback.Start();
        using var password = SecretBuffer.FromUtf8("whatever");
        await using var client = await loopback.ConnectAsync(options => options with { Mode = mode, Password = password, UserName = "me" });
        var server = await loopback.SingleConnectionAsync();
        AssertAgree(client.GetCipherInfo()[0], server.GetCipherInfo()[1]);
        AssertAgree(client.GetCipherInfo()[1], server.GetCipherInfo()[0]);
        await client.PingAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task The_answer_to_a_challenge_proves_the_key()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        var generation = Generation.Named("6.2");
        var (first, receive) = generation.Announce(AesMode.CBC);
        first["challenge"] = true;
        await client.SendAsync("hello", first);
        client.ReceiveUnder(receive);
        var challenge = await client.ReceiveAsync("challenge");
        client.SendUnder(generation.Read(challenge.Dictionary(2)!));
        var (second, receiveNow) = generation.Announce(AesMode.CBC);
        second["challenge_response"] = "anything"u8.ToArray();
        second["challenge_client_salt"] = new byte[32];
        await client.SendAsync("hello", second);
        client.ReceiveUnder(receiveNow);
        await client.ReceiveAsync("hello");

        var server = await loopback.SingleConnectionAsync();
        Assert.True(server.KeyProven);
        Assert.All(server.GetCipherInfo(), row => Assert.True(row.KeyProven));
    }

    [Fact]
    public async Task A_client_that_declines_a_challenge_gets_none()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        var (hello, receive) = Generation.Named("6.2").Announce(AesMode.CBC);
        hello["challenge"] = false;
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(receive);
        Assert.Equal("hello", (await client.ReceiveAsync()).Type);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task The_first_packet_is_encrypted_if_both_sides_want_it(AesMode mode)
    {
        foreach (var modes in new AesMode[][] { Enum.GetValues<AesMode>(), [mode] })
        {
            await using var loopback = Loopback.Start(options => options with { EncryptFirstPacket = true, Modes = modes });
            await using var client = await loopback.ConnectAsync(options => options with { EncryptFirstPacket = true, Mode = mode });
            var server = await loopback.SingleConnectionAsync();
            Assert.True(server.KeyProven);
            AssertAgree(client.GetCipherInfo()[0], server.GetCipherInfo()[1]);
            await client.PingAsync(Loopback.HelloTimeout);
        }
    }

    [Fact]
    public async Task An_unencrypted_first_packet_is_refused_if_an_encrypted_one_is_expected()
    {
        await using var loopback = Loopback.Start(options => options with { EncryptFirstPacket = true });
        Assert.Equal(XpraErrorId.ConnectionLost, (await loopback.FailToConnectAsync()).Id);
        Assert.Equal([XpraErrorId.KeyMismatch], loopback.Listener.Refusals.Keys);
    }

    [Fact]
    public async Task An_encrypted_first_packet_is_refused_if_an_unencrypted_one_is_expected()
    {
        await using var loopback = Loopback.Start();
        Assert.Equal(XpraErrorId.ConnectionLost, (await loopback.FailToConnectAsync(options => options with { EncryptFirstPacket = true })).Id);
        await Loopback.Eventually(() => loopback.Listener.Refusals.ContainsKey(XpraErrorId.UnexpectedEncryption));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_wrong_key_on_an_encrypted_first_packet_does_not_hang(AesMode mode)
    {
        await using var loopback = Loopback.Start(options => options with { EncryptFirstPacket = true, Modes = [mode], Limits = new Limits { FailuresBeforeBlock = 100, DelayPerFailure = TimeSpan.Zero } });
        using var other = XpraKey.Generate();
        var start = Stopwatch.GetTimestamp();
        Assert.Equal(XpraErrorId.ConnectionLost, (await loopback.FailToConnectAsync(options => options with { EncryptFirstPacket = true, Mode = mode, Key = other })).Id);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_port_in_use_and_an_address_of_another_machine_have_different_errors()
    {
        await using var loopback = Loopback.Start();
        var inUse = Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = loopback.Key, Port = loopback.Listener.Port }));
        Assert.Equal((XpraErrorId.PortInUse, $"127.0.0.1:{loopback.Listener.Port}"), (inUse.Id, inUse.Target));
        var foreign = Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = loopback.Key, Address = IPAddress.Parse("192.0.2.1") }));
        Assert.Equal(XpraErrorId.AddressUnavailable, foreign.Id);
    }

    [Theory]
    [InlineData(-1, 32, 10_000, XpraErrorId.InvalidOption)]
    [InlineData(65536, 32, 10_000, XpraErrorId.InvalidOption)]
    [InlineData(0, 20, 10_000, XpraErrorId.InvalidOption)]
    [InlineData(0, 32, 99, XpraErrorId.IterationsRejected)]
    [InlineData(0, 32, 1_000_001, XpraErrorId.IterationsRejected)]
    public void Invalid_options_are_refused_before_anything_listens(int port, int keySize, int iterations, XpraErrorId id)
    {
        using var key = XpraKey.Generate();
        var before = LiveObjects.Listeners.Count;
        Assert.Equal(id, Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = key, Port = port, KeySize = keySize, Iterations = iterations })).Id);
        Assert.Equal(before, LiveObjects.Listeners.Count);
    }

    [Fact]
    public async Task Listening_on_every_address_accepts_IPv4_and_IPv6()
    {
        await using var loopback = Loopback.Start(options => options with { Address = IPAddress.IPv6Any });
        foreach (var host in new[] { "127.0.0.1", "::1", "localhost" })
        {
            await using var client = await loopback.ConnectAsync(options => options with { Endpoint = new XpraEndpoint(TransportKind.Tcp, host, loopback.Listener.Port) });
            Assert.Equal(ConnectionState.Open, client.State);
        }
    }

    private static void AssertAgree(CipherInfo sent, CipherInfo received)
    {
        Assert.Equal(
            (sent.Mode, sent.KeySize, sent.Salt, sent.IV, sent.KeyHash, sent.Iterations, sent.Padding, sent.Stream),
            (received.Mode, received.KeySize, received.Salt, received.IV, received.KeyHash, received.Iterations, received.Padding, received.Stream));
    }

    /// <summary>Cannot log that an address has too many connections.</summary>
    private sealed class FailingLogger : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name == nameof(XpraAes.Logging.Log.SourceCrowded))
                throw new InvalidOperationException("The disk is full.");
        }
    }
}
