using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Packets;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Each limit on unauthenticated clients, tested at a listener's port.</summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class LimitTests
{
    private const string NeedsSources = "Only Linux has all of 127.0.0.0/8.";

    private static readonly Limits s_lenientLimits = new() { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(200) };

    public static bool HasSources => Sources.Exist;

    [Fact]
    public async Task A_WebSocket_handshake_does_not_extend_the_timeout_of_the_first_hello()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { HandshakeTimeout = TimeSpan.FromSeconds(3) } });
        var started = Stopwatch.GetTimestamp(); // before the client connects, from when on the listener counts
        await using var client = await loopback.ConnectFakeAsync();
        await Task.Delay(TimeSpan.FromSeconds(2));
        await client.SendRawAsync("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: binary\r\n\r\n"u8.ToArray());
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.HandshakeTimeout) == 1);
        // With three seconds from the upgrade on it would be five.
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(2.9), TimeSpan.FromSeconds(4.9));
    }

    [Fact]
    public async Task Answering_a_challenge_has_a_longer_timeout_than_a_hello()
    {
        using var password = SecretBuffer.FromUtf8("a password");
        await using var loopback = Loopback.Start(options => options with { Password = password, Limits = s_lenientLimits with { HandshakeTimeout = TimeSpan.FromSeconds(2) } });
        await using var client = await loopback.ConnectFakeAsync();
        var (challenge, _) = await ChallengeAsync(client);
        await Task.Delay(TimeSpan.FromSeconds(3));
        var answer = Answer(challenge, password, out var receive);
        await client.SendAsync("hello", answer);
        client.ReceiveUnder(receive);
        await client.ReceiveAsync("hello");
    }

    [Fact]
    public async Task An_answer_to_a_challenge_that_has_begun_must_come_at_a_fair_rate()
    {
        using var password = SecretBuffer.FromUtf8("a password");
        await using var loopback = Loopback.Start(options => options with { Password = password, Limits = s_lenientLimits with { HandshakeTimeout = TimeSpan.FromSeconds(2), ChallengeTimeout = TimeSpan.FromDays(1) } });
        await using var client = await loopback.ConnectFakeAsync();
        await ChallengeAsync(client);
        var dripping = Task.Run(() => client.DripAsync(new byte[] { (byte)'P', 0x12, 0, 0, 0, 0, 1, 0 }, TimeSpan.FromMilliseconds(100)));
        await client.WaitForCloseAsync();
        await dripping.WaitAsync(Loopback.HelloTimeout);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.HandshakeTimeout) == 1);
    }

    [Fact]
    public async Task A_client_that_does_not_read_the_answer_is_disconnected()
    {
        using var key = XpraKey.Generate();
        var (hello, _) = Generation.Named("6.2").Announce(AesMode.CTR);
        var sent = new MemoryStream();
        using (var writer = new PacketWriter(sent))
        {
            writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "hello", hello }));
            await writer.FlushAsync(default);
        }
        var never = new TaskCompletionSource();
        var limits = s_lenientLimits with { HandshakeTimeout = TimeSpan.FromSeconds(1) };
        await using var channel = new PacketChannel(new Transports.ScriptedStream(sent.ToArray()) { Gate = never.Task }, limits);
        var handshake = new ServerHandshake(
            channel,
            new ServerHandshakeOptions { Keys = [key], Modes = Enum.GetValues<AesMode>(), Limits = limits, HelloTimeout = limits.HandshakeTimeout, Derivations = new DerivationGate(2).For(IPAddress.None) },
            NullLogger.Instance);
        await handshake.RunAsync(default).WaitAsync(Loopback.HelloTimeout);
        var cut = await Assert.ThrowsAsync<XpraAesException>(() => handshake.SendHelloAsync(Hello.ForServer("uuid"), default).WaitAsync(Loopback.HelloTimeout));
        Assert.Equal(XpraErrorId.HandshakeTimeout, cut.Id);
        never.SetResult();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(33)]
    [InlineData(64)]
    [InlineData(-16)]
    [InlineData(int.MaxValue)]
    [InlineData(long.MaxValue)]
    public async Task A_key_of_another_size_than_AES_has_is_refused_before_it_is_derived(long size)
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        await using var client = await loopback.ConnectFakeAsync();
        var (hello, _) = Generation.Named("6.2").Announce(AesMode.CTR);
        ((XpraDictionary)hello["encryption"]!)["key_size"] = size;
        await client.SendAsync("hello", hello);
        Assert.Equal(["disconnect", Refusals.ForUnproven], (await client.ReceiveAsync()).Items);
        await client.WaitForCloseAsync();
        Assert.Equal([XpraErrorId.CipherCapabilitiesInvalid], loopback.Listener.Refusals.Keys);
    }

    [Fact]
    public async Task A_hello_of_lists_in_lists_is_refused()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        await using var client = await loopback.ConnectFakeAsync();
        object?[] nested = [];
        for (var depth = 0; depth < 40; depth++)
            nested = [nested];
        await client.SendAsync("hello", new XpraDictionary { ["filler"] = nested });
        await client.WaitForCloseAsync();
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.MalformedPacket) == 1);
    }

    [Theory(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    [InlineData("P\u0010\u0000\u0000\u0000\u0000\u0000\u0001\u00c0")]
    [InlineData("P\u0010\u0000\u0000\u007f\u00ff\u00ff\u00ff")]
    [InlineData("P\u0012\u0000\u0000\u0000\u0000\u0000\u0010................")]
    [InlineData("SSH-2.0-OpenSSH_9.2p1\r\n")]
    public async Task An_address_that_sends_what_is_no_packet_is_blocked_and_no_other(string sent)
    {
        var clock = new FakeClock();
        await using var loopback = Loopback.Start(options => options with { Clock = clock, Limits = new Limits { DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(200) } });
        for (var i = 0; i < 5; i++)
        {
            await using var unauthenticatedClient = await loopback.ConnectFakeAsync(source: Sources.Number(1));
            await unauthenticatedClient.SendRawAsync(Encoding.Latin1.GetBytes(sent));
            await unauthenticatedClient.WaitForCloseAsync();
        }
        await Loopback.Eventually(() => loopback.Listener.Rejected == 5);
        Assert.DoesNotContain(XpraErrorId.ConnectionLost, loopback.Listener.Refusals.Keys);

        Assert.False(await loopback.AcceptsAsync(Sources.Number(1)));
        Assert.True(await loopback.AcceptsAsync(Sources.Number(2)));
        clock.Advance(TimeSpan.FromSeconds(61));
        Assert.True(await loopback.AcceptsAsync(Sources.Number(1)));
    }

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public async Task Broken_packets_from_the_address_of_a_proven_client_do_not_block_it()
    {
        var clock = new FakeClock();
        await using var loopback = Loopback.Start(options => options with { Clock = clock, Limits = new Limits { DelayPerFailure = TimeSpan.FromMilliseconds(1), CloseGrace = TimeSpan.FromMilliseconds(200) } });
        Assert.True(await loopback.AcceptsAsync(Sources.Number(1)));
        for (var i = 0; i < 12; i++)
        {
            await using var page = await loopback.ConnectFakeAsync(source: Sources.Number(1));
            await page.SendRawAsync(new byte[] { (byte)'P', 0xff, 0, 0, 0, 0, 0, 0 });
            await page.WaitForCloseAsync();
        }
        Assert.True(await loopback.AcceptsAsync(Sources.Number(1)));
        Assert.Equal(TimeSpan.FromMilliseconds(12), loopback.Listener.Guard.DelayFor(Sources.Number(1)));
        Assert.DoesNotContain(XpraErrorId.LimitReached, loopback.Listener.Refusals.Keys);
    }

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public async Task That_an_address_has_too_many_connections_is_logged_once()
    {
        var log = new Logging.ListLogger();
        await using var loopback = Loopback.Start(options => options with { Logger = log, Limits = s_lenientLimits with { UnprovenConnectionsPerSource = 1 } });
        await using var unauthenticatedClient = await loopback.ConnectFakeAsync(source: Sources.Number(1));
        await Loopback.Eventually(() => loopback.Listener.Serving == 1);
        for (var i = 0; i < 3; i++)
        {
            await using var another = await loopback.ConnectFakeAsync(source: Sources.Number(1));
            await another.WaitForCloseAsync();
        }
        var logged = Assert.Single(log.Events, entry => entry.Id == 118);
        Assert.StartsWith("127.1.0.1: a client was rejected", logged.Text, StringComparison.Ordinal);
        Assert.Equal(3, loopback.Listener.Refusals[XpraErrorId.LimitReached]);
    }

    [Fact]
    public async Task Closing_and_silence_and_asking_for_what_there_is_not_block_nobody()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = new Limits { HandshakeTimeout = TimeSpan.FromSeconds(1), CloseGrace = TimeSpan.FromMilliseconds(50) } });
        for (var i = 0; i < 6; i++)
        {
            await (await loopback.ConnectFakeAsync()).DisposeAsync();
            (await loopback.ConnectFakeAsync()).Reset();
            await using (var clear = await loopback.ConnectFakeAsync())
            {
                await clear.SendAsync("hello", new XpraDictionary { ["version"] = "6.2.5" });
                await clear.WaitForCloseAsync();
            }
            await using (var page = await loopback.ConnectFakeAsync())
            {
                await page.SendRawAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
                await Loopback.Eventually(() => loopback.Listener.Serving <= 1);
            }
            await using var silent = await loopback.ConnectFakeAsync();
            await silent.WaitForCloseAsync();
        }
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
        Assert.Equal(TimeSpan.Zero, loopback.Listener.Guard.DelayFor(IPAddress.Loopback));
        await using var client = await loopback.ConnectAsync();
        Assert.Equal(ConnectionState.Open, client.State);
    }

    [Fact]
    public async Task A_trusted_source_is_neither_bounded_nor_blocked()
    {
        await using var loopback = Loopback.Start(options => options with { TrustedSources = [IPNetwork.Parse("127.0.0.0/8")], Limits = new Limits { CloseGrace = TimeSpan.FromMilliseconds(50), WaitingDerivations = 1 } });
        for (var i = 0; i < 10; i++)
        {
            await using var unauthenticatedClient = await loopback.ConnectFakeAsync();
            await unauthenticatedClient.SendRawAsync(new byte[] { (byte)'P', 0x10, 0, 0, 0, 0, 0, 1, 0xc0 });
            await unauthenticatedClient.WaitForCloseAsync();
        }
        var unauthenticatedClients = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => loopback.ConnectFakeAsync()));
        await Loopback.Eventually(() => loopback.Listener.Serving == 100);
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => loopback.ConnectAsync()));
        Assert.All(clients, client => Assert.Equal(ConnectionState.Open, client.State));
        Assert.Equal([XpraErrorId.MalformedPacket], loopback.Listener.Refusals.Keys);
        await Task.WhenAll(clients.Select(client => client.CloseAsync()));
        foreach (var unauthenticatedClient in unauthenticatedClients)
            await unauthenticatedClient.DisposeAsync();
    }

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public async Task When_all_slots_are_taken_the_oldest_unproven_connection_is_evicted_for_a_client_from_elsewhere()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { UnprovenConnections = 4 } });
        var unauthenticatedClients = new List<FakePeer>();
        for (var i = 0; i < 4; i++)
        {
            unauthenticatedClients.Add(await loopback.ConnectFakeAsync(source: Sources.Number(i)));
            await Loopback.Eventually(() => loopback.Listener.Serving == i + 1);
        }
        Assert.True(await loopback.AcceptsAsync(Sources.Number(10)));
        await unauthenticatedClients[0].WaitForCloseAsync();
        Assert.Equal([XpraErrorId.LimitReached], loopback.Listener.Refusals.Keys);
        Assert.Equal(1, loopback.Listener.Rejected);
        Assert.Equal(TimeSpan.Zero, loopback.Listener.Guard.DelayFor(Sources.Number(0)));
        foreach (var unauthenticatedClient in unauthenticatedClients)
            await unauthenticatedClient.DisposeAsync();
    }

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public async Task Many_simultaneous_new_sources_wait_for_each_other_and_are_all_accepted()
    {
        await using var loopback = Loopback.Start(options => options with { Iterations = 1000, Limits = s_lenientLimits with { UnprovenConnections = 4, NewSourceGracePeriod = Loopback.HelloTimeout } });
        var clients = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => loopback.AcceptsAsync(Sources.Number(i)))));
        Assert.DoesNotContain(false, clients);
        Assert.Equal(40, loopback.Listener.Accepted);
        Assert.Equal(0, loopback.Listener.Rejected);
    }

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public async Task Unauthenticated_clients_together_use_a_bounded_amount_of_memory()
    {
        const int Megabyte = 1024 * 1024;
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        var body = new byte[Limits.Default.FirstPacketSize - 1];
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var unauthenticatedClients = new List<FakePeer>();
        // Three times as many as there are slots, each with all but one byte of the largest packet that it may send.
        for (var i = 0; i < 192; i++)
        {
            var unauthenticatedClient = await loopback.ConnectFakeAsync(source: Sources.Number(i));
            unauthenticatedClients.Add(unauthenticatedClient);
            await unauthenticatedClient.SendRawAsync(new byte[] { (byte)'P', 0x10, 0, 0, 0, 4, 0, 0 });
            try
            {
                await unauthenticatedClient.SendRawAsync(body);
            }
            catch (System.Net.Sockets.SocketException)
            {
                // It was evicted before it was done.
            }
        }
        await Loopback.Eventually(() => loopback.Listener.Serving <= 64);
        Assert.Equal(64, loopback.Listener.Serving);
        // A growing packet is moved into a buffer twice the size; the old one is pooled, one array of each size per core.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, 64 * Megabyte / 8, 64 * Megabyte);
        foreach (var unauthenticatedClient in unauthenticatedClients)
            await unauthenticatedClient.DisposeAsync();
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
    }

    private static async Task<(Packet Challenge, CipherParameters Send)> ChallengeAsync(FakePeer client)
    {
        var generation = Generation.Named("6.2");
        var (hello, receive) = generation.Announce(AesMode.CBC);
        hello["challenge"] = true;
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(receive);
        var challenge = await client.ReceiveAsync("challenge");
        var send = generation.Read(challenge.Dictionary(2)!);
        client.SendUnder(send);
        return (challenge, send);
    }

    private static XpraDictionary Answer(Packet challenge, SecretBuffer password, out CipherParameters receive)
    {
        (var hello, receive) = Generation.Named("6.2").Announce(AesMode.CBC);
        hello["challenge_response"] = Challenge.Respond(password.Span, challenge.Bytes(1), new byte[32], challenge.Text(3), challenge.Text(4));
        hello["challenge_client_salt"] = new byte[32];
        return hello;
    }
}
