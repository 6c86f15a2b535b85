using System.Net.Sockets;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Connections that end at every step of a session, in every way that a connection can end.</summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class StepTests
{
    private static readonly Limits s_shortTimeouts = Limits.Default with
    {
        HandshakeTimeout = TimeSpan.FromSeconds(5),
        HalfCloseTimeout = TimeSpan.FromMilliseconds(100),
        CloseGrace = TimeSpan.FromMilliseconds(100),
    };

    /// <summary>How far a client gets before it ends.</summary>
    private static readonly string[] s_clientSteps = ["connected", "half a header", "header", "half a hello", "hello", "answer", "half a packet", "packet", "echo"];

    /// <summary>How far a target gets.</summary>
    private static readonly string[] s_targetSteps = ["accepted", "hello read", "half a header sent", "half a hello sent", "hello sent", "half a packet sent", "packet sent"];

    public static TheoryData<string> Ends => ["reset", "half-close", "close"];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_client_that_ends_at_any_step_leaves_nothing_behind(string end)
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_shortTimeouts });
        foreach (var step in s_clientSteps)
        {
            await using (var client = await TestClient.ConnectAsync(loopback.Listener, loopback.Key))
            {
                await GoAsync(client, step);
                End(((NetworkStream)client.Transport).Socket, end);
                await Loopback.Eventually(() => loopback.Listener.Serving == 0);
            }
            Assert.True(await loopback.AcceptsAsync());
        }
        // None of this counts against the address.
        Assert.Equal(TimeSpan.Zero, loopback.Listener.Guard.DelayFor(System.Net.IPAddress.Loopback));
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_client_of_a_gateway_that_ends_at_any_step_leaves_nothing_behind(string end)
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        foreach (var step in s_clientSteps)
        {
            await using var client = await TestClient.ConnectAsync(rig.Listener, rig.Key);
            var serving = ServeOnceAsync(rig.Target, reached: step is "hello" or "answer" or "half a packet" or "packet" or "echo");
            await GoAsync(client, step);
            End(((NetworkStream)client.Transport).Socket, end);
            await serving.WaitAsync(TestPeer.HelloTimeout);
            await Rig.UntilAsync(() => rig.Listener.Serving == 0);
            Assert.Empty(rig.Listener.Connections);
        }
        await rig.OpenProvenAsync();
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_target_that_ends_at_any_step_leaks_nothing_and_the_client_gets_the_reason(string end)
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var step = "";
        using var over = new CancellationTokenSource();
        var misbehaving = MisbehaveAsync(rig.Target, () => step, end, over.Token);
        foreach (var next in s_targetSteps)
        {
            step = next;
            await using (var client = await TestClient.ConnectAsync(rig.Listener, rig.Key))
            {
                await client.SendHelloAsync();
                try
                {
                    var session = await client.EstablishAsync().WaitAsync(TestPeer.HelloTimeout);
                    await session.SendAsync("ping", 1L);
                    while (await session.ReceiveAsync() is { } packet && packet.Type != "disconnect")
                    {
                    }
                }
                catch (RefusedException)
                {
                    // The disconnect that the client gets before its session is established.
                }
                catch (XpraAesException e) when (e.Id == XpraErrorId.ConnectionLost)
                {
                    Assert.Contains(step, new[] { "hello sent", "half a packet sent", "packet sent" });
                }
            }
            await Rig.UntilAsync(() => rig.Listener.Serving == 0);
        }
        await using var sound = new TestTarget();
        rig.Listener.Reconfigure(options => options with { Target = sound.Options() });
        var late = await rig.ConnectAsync();
        await late.SendHelloAsync();
        await using var target = await sound.AcceptAsync();
        await late.EstablishAsync();
        await over.CancelAsync();
        await misbehaving;
    }

    private static async Task GoAsync(TestClient client, string step)
    {
        var socket = ((NetworkStream)client.Transport).Socket;
        switch (step)
        {
            case "connected":
                return;
            case "half a header":
                await socket.SendAsync(UnauthenticatedClient.Hello.AsMemory(0, PacketHeader.Size / 2));
                return;
            case "header":
                await socket.SendAsync(UnauthenticatedClient.Hello.AsMemory(0, PacketHeader.Size));
                return;
            case "half a hello":
                await socket.SendAsync(UnauthenticatedClient.Hello.AsMemory(0, UnauthenticatedClient.Hello.Length / 2));
                return;
        }
        await client.SendHelloAsync();
        if (step == "hello")
            return;
        var session = await client.EstablishAsync().WaitAsync(TestPeer.HelloTimeout);
        if (step == "answer")
            return;
        if (step == "half a packet")
        {
            await socket.SendAsync(new byte[] { (byte)'P', 0x12, 0, 0, 0, 0, 0, 64, 1, 2, 3 });
            return;
        }
        await session.SendAsync("ping", 1L);
        if (step == "packet")
            return;
        while ((await session.ReceiveAsync())!.Type != "ping_echo")
        {
        }
    }

    /// <summary>A target that echoes one client's ping, if that gets so far.</summary>
    private static async Task ServeOnceAsync(TestTarget target, bool reached)
    {
        if (!reached)
            return;
        try
        {
            await using var peer = await target.AcceptAsync();
            while (await peer.ReceiveAsync() is { } packet)
            {
                if (packet.Type == "ping")
                    await peer.SendAsync("ping_echo", packet[1]);
            }
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.ConnectionLost)
        {
            // The client went, and the gateway with it.
        }
    }

    /// <summary>Once for each of the gateway's attempts, each in another encoding.</summary>
    private static async Task MisbehaveAsync(TestTarget target, Func<string> step, string end, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await target.AcceptSocketAsync(over);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            await using var channel = new PacketChannel(new NetworkStream(socket, ownsSocket: true), Limits.Default);
            try
            {
                await GoAsync(socket, channel, step());
                End(socket, end);
                // After a half-close the other half is the gateway's to close.
                await channel.Reader.DrainAsync(default);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or XpraAesException or SocketException)
            {
                // It ended, as it should.
            }
        }
    }

    private static async Task GoAsync(Socket socket, PacketChannel channel, string step)
    {
        if (step == "accepted")
            return;
        var client = await channel.ReceiveAsync(default);
        channel.Encoding = client!.Header.Encoding;
        var hello = PacketCodec.Encode(channel.Encoding, new object?[] { "hello", Hello.ForServer(Hello.NewUuid()) });
        byte[] header = [(byte)'P', (byte)channel.Encoding, 0, 0, 0, 0, (byte)(hello.Length >> 8), (byte)hello.Length];
        switch (step)
        {
            case "hello read":
                return;
            case "half a header sent":
                await socket.SendAsync(header.AsMemory(0, 4));
                return;
            case "half a hello sent":
                await socket.SendAsync((byte[])[.. header, .. hello[..(hello.Length / 2)]]);
                return;
        }
        await socket.SendAsync((byte[])[.. header, .. hello]);
        if (step == "half a packet sent")
            await socket.SendAsync(header);
        if (step == "packet sent")
            await channel.SendAsync(["window-metadata", 1L], default);
    }

    private static void End(Socket socket, string end)
    {
        switch (end)
        {
            case "reset":
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
                break;
            case "half-close":
                socket.Shutdown(SocketShutdown.Send);
                break;
            default:
                socket.Dispose();
                break;
        }
    }
}
