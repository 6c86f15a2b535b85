using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Listening;
using XpraAes.Packets;
using XpraAes.Tests.Diagnostics;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Logging;
using Xunit;

namespace XpraAes.Tests.Listening;

/// <summary>How sessions run and end, and that they leak nothing.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class SessionTests
{
    private static readonly Limits s_quick = new()
    {
        PingInterval = TimeSpan.FromMilliseconds(50),
        IdleTimeout = TimeSpan.FromMilliseconds(500),
        CloseGrace = TimeSpan.FromMilliseconds(200),
    };

    [Fact]
    public async Task Many_pings_at_once_find_their_own_echoes()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectAsync();
        var server = await loopback.SingleConnectionAsync();
        var latencies = await Task.WhenAll(Enumerable.Range(0, 50).SelectMany(_ => new[] { client.PingAsync(Loopback.HelloTimeout), server.PingAsync(Loopback.HelloTimeout) }));
        Assert.All(latencies, latency => Assert.True(latency > TimeSpan.Zero));
        Assert.NotNull(client.Latency);
        Assert.NotNull(server.Latency);
    }

    [Fact]
    public async Task Both_sides_send_pings()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_quick with { IdleTimeout = Loopback.HelloTimeout } });
        await using var client = await loopback.ConnectAsync();
        var server = await loopback.SingleConnectionAsync();
        await Loopback.Eventually(() => server.Latency is not null);
    }

    [Fact]
    public async Task A_ping_that_is_not_echoed_times_out()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        var server = await loopback.SingleConnectionAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => server.PingAsync(TimeSpan.FromMilliseconds(50)));
        Assert.Equal(ConnectionState.Open, server.State);
    }

    [Fact]
    public async Task A_ping_can_be_cancelled()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        var server = await loopback.SingleConnectionAsync();
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => server.PingAsync(Loopback.HelloTimeout, cancelled.Token));
        Assert.Equal(ConnectionState.Open, server.State);
    }

    [Fact]
    public async Task Information_is_given_within_the_session()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectAsync(options => options with { Mode = AesMode.CFB });
        var info = await client.RequestInfoAsync(Loopback.HelloTimeout, default);
        Assert.Equal("XpraAes", info.GetString("session-name"));
        Assert.Equal("CFB", info.GetDictionary("client")!.GetDictionary("connection")!.GetDictionary("input")!.GetDictionary("cipher")!.GetString("mode"));
    }

    [Fact]
    public async Task A_client_that_no_longer_echoes_is_disconnected()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_quick });
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CBC);
        var server = await loopback.SingleConnectionAsync();
        await client.SendAsync("ping", 1L);
        var reason = "";
        while (await client.TryReceiveAsync() is { } packet)
            reason = packet.Type == "disconnect" ? packet.Text(1) : reason;
        Assert.Equal("client ping timeout", reason);
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal("client ping timeout", server.CloseReason);
    }

    [Fact]
    public async Task A_client_that_keeps_asking_but_never_reads_is_disconnected()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_quick });
        await using var client = await loopback.ConnectFakeAsync();
        client.Socket.ReceiveBufferSize = 4096;
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        var server = await loopback.SingleConnectionAsync();
        var asking = Task.Run(async () =>
        {
            try
            {
                while (true)
                    await client.SendAsync("ping", 1L, 0L, new string('s', 30_000));
            }
            catch (Exception e) when (e is XpraAesException or TimeoutException)
            {
                return;
            }
        });
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        await asking.WaitAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task A_session_closed_by_the_client_ends_on_both_sides()
    {
        await using var loopback = Loopback.Start();
        var client = await loopback.ConnectAsync();
        var server = await loopback.SingleConnectionAsync();
        var closed = new TaskCompletionSource();
        client.Closed += (_, _) => closed.SetResult();
        await client.CloseAsync();
        await client.CloseAsync();
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        await closed.Task.WaitAsync(Loopback.HelloTimeout);

        Assert.Equal((ConnectionState.Closed, "client request"), (client.State, client.CloseReason));
        Assert.Equal((ConnectionState.Closed, "the peer disconnected: client request"), (server.State, server.CloseReason));
        Assert.DoesNotContain(LiveObjects.Connections, connection => connection.Id == client.Id || connection.Id == server.Id);
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 0);
        var refused = await Assert.ThrowsAsync<XpraAesException>(() => client.PingAsync(Loopback.HelloTimeout));
        Assert.Equal(XpraErrorId.Closed, refused.Id);
        // Its ciphers can still be read.
        Assert.Equal(2, client.GetCipherInfo().Count);
        Assert.True(client.BytesIn > 0 && client.BytesOut > 0);
    }

    [Fact]
    public async Task A_pending_ping_fails_when_the_session_ends()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        var server = await loopback.SingleConnectionAsync();
        var ping = server.PingAsync(Loopback.HelloTimeout);
        client.Reset();
        var lost = await Assert.ThrowsAsync<XpraAesException>(() => ping);
        Assert.Contains(lost.Id, new[] { XpraErrorId.Closed, XpraErrorId.ConnectionLost });
    }

    [Fact]
    public async Task A_client_that_disappears_is_noticed()
    {
        await using var loopback = Loopback.Start();
        var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("4.4"), AesMode.GCM);
        var server = await loopback.SingleConnectionAsync();
        client.Reset();
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(XpraErrorId.ConnectionLost, server.CloseCause);
        Assert.DoesNotContain(LiveObjects.Connections, connection => connection.Id == server.Id);
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 0);
    }

    [Fact]
    public async Task A_client_that_closes_its_half_ends_the_session()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.1"), AesMode.CBC);
        var server = await loopback.SingleConnectionAsync();
        client.Socket.Shutdown(SocketShutdown.Send);
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal("the peer closed the connection", server.CloseReason);
        Assert.Null(server.CloseCause);
    }

    [Fact]
    public async Task Stopping_a_listener_disconnects_its_clients_and_frees_its_port()
    {
        var loopback = Loopback.Start(options => options with { Port = RealXpra.FreePort() });
        var clients = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => loopback.ConnectAsync()));
        await loopback.Listener.StopAsync(Loopback.HelloTimeout);
        Assert.Equal((ListenerState.Stopped, 0), (loopback.Listener.State, loopback.Listener.Connections.Count));
        Assert.True(loopback.Listener.Completion.IsCompletedSuccessfully);
        Assert.DoesNotContain(LiveObjects.Listeners, listener => listener.Id == loopback.Listener.Id);
        foreach (var client in clients)
        {
            await client.Completion.WaitAsync(Loopback.HelloTimeout);
            Assert.Equal("the peer disconnected: server exit", client.CloseReason);
            Assert.DoesNotContain(LiveObjects.Connections, connection => connection.Id == client.Id);
        }
        Assert.Equal(0, loopback.Listener.Serving);
        await loopback.Listener.StopAsync(Loopback.HelloTimeout);

        Assert.Equal(XpraErrorId.ConnectionRefused, (await loopback.FailToConnectAsync()).Id);
        await using var again = AesListener.Start(new ListenerOptions { Key = loopback.Key, Port = loopback.Listener.Port });
        await loopback.DisposeAsync();
    }

    [Fact]
    public async Task Stopping_a_listener_waits_at_most_the_grace_period()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        var server = await loopback.SingleConnectionAsync();
        await loopback.Listener.StopAsync(TimeSpan.FromMilliseconds(100)).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(ConnectionState.Closed, server.State);
        Assert.Equal("server exit", (await client.ReceiveAsync("disconnect")).Text(1));
    }

    [Fact]
    public async Task A_listener_stops_during_a_handshake()
    {
        var loopback = Loopback.Start(options => options with { Limits = new Limits { HandshakeTimeout = TimeSpan.FromMinutes(5), ChallengeTimeout = TimeSpan.FromMinutes(5) } });
        await using var silent = await loopback.ConnectFakeAsync();
        await using var half = await loopback.ConnectFakeAsync();
        await half.SendRawAsync("P\u0010"u8.ToArray());
        await using var challenged = await loopback.ConnectFakeAsync();
        var (hello, announced) = Generation.Named("6.2").Announce(AesMode.CBC);
        hello["challenge"] = true;
        await challenged.SendAsync("hello", hello);
        challenged.ReceiveUnder(announced);
        await challenged.ReceiveAsync("challenge");
        await Loopback.Eventually(() => loopback.Listener.Serving == 3);

        await loopback.DisposeAsync().AsTask().WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(0, loopback.Listener.Serving);
        await Task.WhenAll(silent.WaitForCloseAsync(), half.WaitForCloseAsync(), challenged.WaitForCloseAsync());
    }

    [Fact]
    public async Task Everything_ends_at_once_when_the_module_is_removed()
    {
        await using var loopback = Loopback.Start();
        var client = await loopback.ConnectAsync();
        Assert.Contains(LiveObjects.Listeners, listener => listener == loopback.Listener);
        Assert.Contains(LiveObjects.Connections, connection => connection == client);
        await LiveObjects.CloseAllAsync();
        await client.Completion.WaitAsync(Loopback.HelloTimeout);
        await loopback.Listener.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.DoesNotContain(LiveObjects.Listeners, listener => listener == loopback.Listener);
        Assert.DoesNotContain(LiveObjects.Connections, connection => connection == client);
    }

    [Fact]
    public async Task Two_hundred_connections_leak_nothing()
    {
        await using var loopback = Loopback.Start();
        var ids = new List<int>();
        for (var round = 0; round < 50; round++)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 4).Select(n => loopback.ConnectAsync(options => options with { Mode = (AesMode)n, Iterations = 1000 })));
            ids.AddRange(clients.Select(client => client.Id));
            await Task.WhenAll(clients.Select(client => client.CloseAsync()));
        }
        Assert.Equal(200, loopback.Listener.Accepted);
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
        Assert.Empty(loopback.Listener.Connections);
        Assert.Empty(LiveObjects.Connections.Select(connection => connection.Id).Intersect(ids));
        Assert.Equal(0, loopback.Listener.Rejected);
        Assert.True(loopback.Listener.BytesIn > 0 && loopback.Listener.BytesOut > 0);
    }

    [Fact]
    public async Task A_handler_that_throws_harms_neither_sessions_nor_the_listener()
    {
        await using var loopback = Loopback.Start();
        static void Throw(object? sender, EventArgs e) => throw new InvalidOperationException("a handler's own mistake");
        loopback.Listener.ConnectionOpened += Throw;
        loopback.Listener.ConnectionClosed += Throw;
        loopback.Listener.HandshakeFailed += Throw;

        await using (var unauthenticatedClient = await loopback.ConnectFakeAsync())
        {
            await unauthenticatedClient.SendRawAsync("nonsense"u8.ToArray());
            await unauthenticatedClient.WaitForCloseAsync();
        }
        var log = new ListLogger();
        var client = await loopback.ConnectAsync(options => options with { Logger = log });
        client.Closed += Throw;
        var server = await loopback.SingleConnectionAsync();
        await client.PingAsync(Loopback.HelloTimeout);
        await client.CloseAsync();
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
        Assert.Empty(loopback.Listener.Connections);
        await loopback.Listener.StopAsync(Loopback.HelloTimeout).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(ListenerState.Stopped, loopback.Listener.State);
        await Loopback.Eventually(() => log.All.Contains("an event handler failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Events_report_what_happens_to_clients()
    {
        await using var loopback = Loopback.Start();
        var events = new System.Collections.Concurrent.ConcurrentQueue<string>();
        loopback.Listener.ConnectionOpened += (_, e) => events.Enqueue($"opened {e.Connection!.Mode}");
        loopback.Listener.ConnectionClosed += (_, e) => events.Enqueue($"closed {e.Cause} {e.Message}");
        loopback.Listener.HandshakeFailed += (_, e) => events.Enqueue($"failed {e.Cause}");
        await (await loopback.ConnectAsync(options => options with { Mode = AesMode.CTR })).CloseAsync();
        await Loopback.Eventually(() => events.Count == 2);
        await loopback.FailToConnectAsync(options => options with { Iterations = 500 });
        await Loopback.Eventually(() => events.Count == 3);
        Assert.Equal(["opened CTR", "closed  the peer disconnected: client request", "failed IterationsRejected"], events);
    }

    [Fact]
    public async Task A_packet_in_an_unsupported_encoding_is_not_a_key_mismatch()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CBC);
        var server = await loopback.SingleConnectionAsync();
        client.Channel.Writer.Append((byte)PacketEncoding.Yaml, compression: 0, chunkIndex: 0, "- ping\n"u8);
        await client.Channel.Writer.FlushAsync(default);
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(XpraErrorId.UnsupportedEncoding, server.CloseCause);
    }

    [Fact]
    public async Task A_replayed_encrypted_first_packet_does_not_prove_the_key()
    {
        await using var loopback = Loopback.Start(options => options with { EncryptFirstPacket = true });
        var generation = Generation.Named("6.2");
        var (hello, _) = generation.Announce(AesMode.CBC);
        using var recorded = new MemoryStream();
        using (var writer = new PacketWriter(recorded))
        {
            writer.Arm(SessionCiphers.CreateEncryptor(loopback.Key, FirstPacket.Variants[0].Parameters(AesMode.CBC)));
            writer.Append((byte)generation.Encoding, compression: 0, chunkIndex: 0, PacketCodec.Encode(generation.Encoding, new object?[] { "hello", hello }));
            await writer.FlushAsync(default);
        }
        using var noKey = XpraKey.Generate();
        await using var thief = await loopback.ConnectFakeAsync(noKey);
        await thief.SendRawAsync(recorded.ToArray());
        Assert.False((await loopback.SingleConnectionAsync()).KeyProven);
    }
}
