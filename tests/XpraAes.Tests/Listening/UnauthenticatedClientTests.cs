using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using Xunit;

namespace XpraAes.Tests.Listening;

/// <summary>How a listener handles clients that have not proven the key.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class UnauthenticatedClientTests
{
    /// <summary>Failures of a test must not block the address that all tests share.</summary>
    private static readonly Limits s_lenientLimits = new() { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(200) };

    [Fact]
    public async Task A_silent_client_is_disconnected_after_the_handshake_timeout()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { HandshakeTimeout = TimeSpan.FromMilliseconds(300) } });
        var start = Environment.TickCount64; // the clock of .NET's timers; before the client connects, from when on the listener counts
        await using var client = await loopback.ConnectFakeAsync();
        await client.WaitForCloseAsync();
        Assert.InRange(Environment.TickCount64 - start, 300, long.MaxValue);
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
        Assert.Equal([XpraErrorId.HandshakeTimeout], loopback.Listener.Refusals.Keys);
    }

    [Fact]
    public async Task A_client_that_sends_its_hello_slowly_is_disconnected_too()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { HandshakeTimeout = TimeSpan.FromMilliseconds(300) } });
        await using var client = await loopback.ConnectFakeAsync();
        var dripping = Task.Run(() => client.DripAsync(new byte[] { (byte)'P', 0x10, 0, 0, 0, 1, 0, 0 }, TimeSpan.FromMilliseconds(20)));
        await client.WaitForCloseAsync();
        await dripping.WaitAsync(Loopback.HelloTimeout);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.HandshakeTimeout) == 1);
    }

    [Fact]
    public async Task A_client_that_does_not_answer_its_challenge_is_disconnected()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { ChallengeTimeout = TimeSpan.FromMilliseconds(300) } });
        await using var client = await loopback.ConnectFakeAsync();
        var (hello, announced) = Generation.Named("6.2").Announce(AesMode.CBC);
        hello["challenge"] = true;
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);
        await client.ReceiveAsync("challenge");
        await client.WaitForCloseAsync();
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.HandshakeTimeout) == 1);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", XpraErrorId.PeerIsHttp)]
    [InlineData("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", XpraErrorId.PeerIsHttp)]
    [InlineData("SSH-2.0-OpenSSH_9.2p1\r\n", XpraErrorId.PeerIsSsh)]
    [InlineData("help\r\n", XpraErrorId.PeerSentText)]
    [InlineData("\u0000\u0001\u0002\u0003", XpraErrorId.NotXpra)]
    [InlineData("P\u0010\u0000\u0000\u0000\u0000\u0000\u0005\u00c1\u0085hell", XpraErrorId.MalformedPacket)]
    [InlineData("P\u0010\u0000\u0000\u0000\u0000\u0000\u0001\u00c0", XpraErrorId.MalformedPacket)]
    [InlineData("P\u0010\u0000\u0000\u0000\u0000\u0000\u0006\u00c1\u0084ping", XpraErrorId.MalformedPacket)]
    [InlineData("P\u0010\u0000\u0000\u0000\u0000\u0000\u0007\u00c1\u0085hello", XpraErrorId.MalformedPacket)]
    [InlineData("P\u0010\u0000\u0000\u0000\u0004\u0000\u0001", XpraErrorId.LimitReached)]
    [InlineData("P\u0012\u0000\u0000\u0000\u0000\u0000\u0010................", XpraErrorId.UnexpectedEncryption)]
    [InlineData("P\u0004\u0000\u0000\u0000\u0000\u0000\u0008- hello\n", XpraErrorId.UnsupportedEncoding)]
    [InlineData("P\u0010\u0081\u0000\u0000\u0000\u0000\u0008........", XpraErrorId.UnsupportedCompression)]
    public async Task Every_non_xpra_client_is_refused_with_its_own_error(string sent, XpraErrorId cause)
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        await using (var client = await loopback.ConnectFakeAsync())
        {
            await client.SendRawAsync(Encoding.Latin1.GetBytes(sent));
            await Loopback.Eventually(() => loopback.Listener.Rejected == 1);
            Assert.Equal([cause], loopback.Listener.Refusals.Keys);
        }
        await using var next = await loopback.ConnectAsync();
        Assert.Equal(ConnectionState.Open, next.State);
    }

    [Fact]
    public async Task A_client_that_closes_before_its_hello_is_no_harm()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        await (await loopback.ConnectFakeAsync()).DisposeAsync();
        (await loopback.ConnectFakeAsync()).Reset();
        await Loopback.Eventually(() => loopback.Listener.Serving == 0 && loopback.Listener.Rejected == 2);
        Assert.Equal([XpraErrorId.ConnectionLost], loopback.Listener.Refusals.Keys);
    }

    [Fact]
    public async Task Connections_without_proof_are_limited_per_address()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { UnprovenConnectionsPerSource = 3 } });
        var unauthenticatedClients = new List<FakePeer>();
        for (var i = 0; i < 3; i++)
            unauthenticatedClients.Add(await loopback.ConnectFakeAsync());
        await Loopback.Eventually(() => loopback.Listener.Serving == 3);

        await using (var fourth = await loopback.ConnectFakeAsync())
            await fourth.WaitForCloseAsync();
        Assert.Equal([XpraErrorId.LimitReached], loopback.Listener.Refusals.Keys);

        await unauthenticatedClients[0].DisposeAsync();
        await Loopback.Eventually(() => loopback.Listener.Serving == 2);
        await using var client = await loopback.ConnectAsync();
        Assert.Equal(ConnectionState.Open, client.State);
        foreach (var unauthenticatedClient in unauthenticatedClients)
            await unauthenticatedClient.DisposeAsync();
    }

    [Fact]
    public async Task Proven_connections_use_no_slots()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { UnprovenConnectionsPerSource = 1, UnprovenConnections = 1 } });
        var clients = new List<XpraConnection>();
        for (var i = 0; i < 5; i++)
        {
            clients.Add(await loopback.ConnectAsync());
            await Loopback.Eventually(() => loopback.Listener.Connections.Count == clients.Count && loopback.Listener.Connections.All(connection => connection.KeyProven));
        }
        Assert.Equal(0, loopback.Listener.Rejected);
        await Task.WhenAll(clients.Select(client => client.CloseAsync()));
    }

    [Fact]
    public async Task An_unproven_session_may_be_silent_until_its_slot_is_needed()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits with { UnprovenConnectionsPerSource = 1, HandshakeTimeout = TimeSpan.FromSeconds(2) } });
        await using var silent = await loopback.ConnectFakeAsync();
        await silent.OpenSessionAsync(Generation.Named("3.1"), AesMode.CBC);
        var connection = await loopback.SingleConnectionAsync();
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.Equal(ConnectionState.Open, connection.State);

        await using var next = await loopback.ConnectAsync();
        await silent.WaitForCloseAsync();
        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.False(connection.KeyProven);
        Assert.Contains("evicted", connection.CloseReason, StringComparison.Ordinal);
        await next.PingAsync(Loopback.HelloTimeout);

        // Proven connections are never evicted.
        await using var third = await loopback.ConnectAsync();
        await next.PingAsync(Loopback.HelloTimeout);
        await third.PingAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task A_hello_that_inflates_or_holds_too_many_values_is_refused()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        await using var bomb = await loopback.ConnectFakeAsync();
        await bomb.SendCompressedAsync(XpraAes.Packets.PacketCompression.Lz4Header, "hello", new XpraDictionary { ["filler"] = new string('x', 2 << 20) });
        await bomb.WaitForCloseAsync();
        await using var crowd = await loopback.ConnectFakeAsync();
        await crowd.SendAsync("hello", new XpraDictionary { ["filler"] = Enumerable.Repeat<object?>(1L, 30_000).ToArray() });
        await crowd.WaitForCloseAsync();
        Assert.Equal(2, loopback.Listener.Refusals[XpraErrorId.MalformedPacket]);
    }

    [Fact]
    public async Task Bytes_of_refused_clients_are_counted_too()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        await using (var client = await loopback.ConnectFakeAsync())
        {
            await client.SendAsync("hello", new XpraDictionary { ["version"] = "6.2.5" });
            await client.WaitForCloseAsync();
            await client.DisposeAsync();
            await Loopback.Eventually(() => loopback.Listener.Serving == 0);
            Assert.Equal((client.Channel.Writer.BytesWritten, client.Channel.Reader.BytesRead), (loopback.Listener.BytesIn, loopback.Listener.BytesOut));
        }
    }
}
