using System.Globalization;
using XpraAes.Ciphers;
using XpraAes.Listening;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Bits flipped in live connections, from the first byte of the handshake on, do not affect the listener.</summary>
/// <remarks>Every bit of every byte, in every mode, takes an hour: XPRA_AES_FLIPS says how many to try.</remarks>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class LiveCorruptionTests(ITestOutputHelper output)
{
    private const int DefaultFlips = 240;

    private static readonly int s_flips = int.TryParse(Environment.GetEnvironmentVariable("XPRA_AES_FLIPS"), CultureInfo.InvariantCulture, out var flips) ? flips : DefaultFlips;

    // Who waits for bytes that a flipped size has announced must time out soon.
    private static readonly Limits s_shortTimeouts = new()
    {
        HandshakeTimeout = TimeSpan.FromMilliseconds(200),
        CloseGrace = TimeSpan.FromMilliseconds(50),
        HalfCloseTimeout = TimeSpan.FromMilliseconds(100),
        FailuresBeforeBlock = int.MaxValue,
        DelayPerFailure = TimeSpan.Zero,
        UnprovenConnections = 1000,
        UnprovenConnectionsPerSource = 1000,
    };

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Flipped_bits_of_a_live_connection_leave_the_listener_as_it_was(bool throughGateway, bool fromListener)
    {
        using var unobserved = new UnobservedExceptions();
        var log = new ErrorLog();
        using var key = XpraKey.FromText("a key for connections that somebody meddles with");
        await using var target = new TestTarget();
        using var stopping = new CancellationTokenSource();
        var serving = throughGateway ? ServeAsync(target, stopping.Token) : Task.CompletedTask;
        await using var listener = AesListener.Start(new ListenerOptions
        {
            Modes = Enum.GetValues<AesMode>(),
            Key = key,
            Limits = s_shortTimeouts,
            Logger = log,
            Iterations = Limits.Default.MinIterations,
            Target = throughGateway ? target.Options() : null,
        });
        var (stood, broken) = (0, 0);
        // A hello, and a ping or its echo, in each direction: the whole of it within some 1,500 bytes.
        for (var i = 0; i < s_flips; i++)
        {
            var bit = i * 12_000L / s_flips;
            var mode = (AesMode)(i % 4);
            bool? stream = i / 4 % 2 == 0 ? null : false;
            await using var client = await TestClient.ConnectAsync(listener, key, mode, stream, wrap: connection => new FlippingStream(connection, bit, fromListener));
            var talk = TalkAsync(client);
            try
            {
                await talk.WaitAsync(TimeSpan.FromMilliseconds(500));
                stood++;
            }
            catch (Exception e) when (e is XpraAesException or TimeoutException or Xunit.Sdk.EqualException)
            {
                // The last is a client that expects a hello, and gets a packet of another name.
                broken++;
                // It may still be waiting: how it fails once its connection is gone does not matter.
                _ = talk.ContinueWith(late => late.Exception, TaskScheduler.Default);
            }
        }
        await Rig.UntilAsync(() => listener.Serving == 0 && listener.Connections.Count == 0);
        output.WriteLine($"gateway {throughGateway}, from the listener {fromListener}: {s_flips} flips, {stood} sessions went on, {broken} did not.");
        Assert.True(broken > 0);

        // Nobody has meddled with this one.
        await using (var last = await TestClient.ConnectAsync(listener, key))
            await TalkAsync(last).WaitAsync(TestPeer.HelloTimeout);
        Assert.Empty(log.Errors);
        await stopping.CancelAsync();
        await serving.WaitAsync(TestPeer.HelloTimeout);
        unobserved.AssertNone();
    }

    private static async Task TalkAsync(TestClient client)
    {
        await client.SendHelloAsync();
        var peer = await client.EstablishAsync();
        await peer.SendAsync("ping", 1L);
        var echo = await peer.ReceiveAsync();
        if (echo?.Type != "ping_echo")
            throw new XpraAesException(XpraErrorId.PeerDisconnected, "There is no echo.");
    }

    /// <summary>Serves every client of the gateway's: a hello, and an echo of its ping.</summary>
    private static async Task ServeAsync(TestTarget target, CancellationToken stopping)
    {
        var sessions = new List<Task>();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var socket = await target.AcceptSocketAsync(stopping);
                sessions.Add(ServeOneAsync(socket));
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (TimeoutException)
            {
                // Nobody has come for a while.
            }
        }
        await Task.WhenAll(sessions);
    }

    private static async Task ServeOneAsync(System.Net.Sockets.Socket socket)
    {
        await using var channel = new XpraAes.Packets.PacketChannel(new System.Net.Sockets.NetworkStream(socket, ownsSocket: true), Limits.Default);
        channel.TrustPeer();
        try
        {
            while (await channel.ReceiveAsync(default) is { } packet)
            {
                object?[] answer = packet.Type == "hello" ? ["hello", XpraAes.Handshake.Hello.ForServer("0")] : ["ping_echo", packet[1], 0L, 0L, 0L, -1L];
                await channel.SendAsync(answer, default);
            }
        }
        catch (XpraAesException)
        {
            // The gateway has let go of it.
        }
    }
}
