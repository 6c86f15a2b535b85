using System.Net.Sockets;
using System.Runtime.InteropServices;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>Failures of clients and targets.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class TroubleTests
{
    private static readonly Limits s_shortTimeouts = Limits.Default with
    {
        HandshakeTimeout = TimeSpan.FromSeconds(1),
        TargetConnectTimeout = TimeSpan.FromSeconds(1),
        HalfCloseTimeout = TimeSpan.FromMilliseconds(500),
        CloseGrace = TimeSpan.FromMilliseconds(500),
        FailuresBeforeBlock = int.MaxValue,
    };

    [Fact]
    public async Task The_client_gets_the_reason_if_the_target_is_down_and_the_listener_keeps_running()
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        rig.Target.Close();
        for (var i = 1; i <= 2; i++)
        {
            var client = await rig.ConnectAsync();
            await client.SendHelloAsync();
            var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
            Assert.Equal("connection error: the gateway's target: Nobody listens there.", Refusals.Reason(refusal.Disconnect));
            Assert.True(refusal.Disconnect.Header.IsEncrypted);
            await Rig.UntilAsync(() => rig.Listener.Refusals.GetValueOrDefault(XpraErrorId.ConnectionRefused) == i);
        }

        // The target is started again.
        await using var other = new TestTarget();
        rig.Listener.Reconfigure(options => options with { Target = other.Options() });
        var late = await rig.ConnectAsync();
        await late.SendHelloAsync();
        await using var target = await other.AcceptAsync();
        await late.EstablishAsync();
    }

    [Fact]
    public async Task The_client_gets_the_reason_if_the_Unix_socket_is_missing()
    {
        await using var rig = new Rig(limits: s_shortTimeouts, configure: options => options with { Target = new TargetOptions { Endpoint = new XpraAes.Transports.XpraEndpoint(XpraAes.Transports.TransportKind.Unix, "", 0, "/nowhere/at/all") } });
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Contains("the gateway's target", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(ListenerState.Listening, rig.Listener.State);
    }

    [Theory]
    [InlineData("silent")]
    [InlineData("closes")]
    [InlineData("resets")]
    [InlineData("speaks HTTP")]
    [InlineData("speaks text")]
    public async Task The_client_gets_the_reason_if_the_target_is_not_an_xpra_server(string kind)
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        var sockets = Task.Run(async () =>
        {
            // Once per attempt, each in another encoding.
            while (true)
                await MisbehaveAsync(await rig.Target.AcceptSocketAsync());
        });
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Contains("the gateway's target", refusal.Message, StringComparison.Ordinal);
        await Rig.UntilAsync(() => rig.Listener.Rejected == 1);
        Assert.False(sockets.IsFaulted);

        async Task MisbehaveAsync(Socket socket)
        {
            switch (kind)
            {
                case "closes":
                    await socket.ReceiveAsync(new byte[65536]);
                    socket.Dispose();
                    break;
                case "resets":
                    socket.LingerState = new LingerOption(true, 0);
                    socket.Dispose();
                    break;
                case "speaks HTTP":
                    await socket.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
                    break;
                case "speaks text":
                    await socket.SendAsync("disconnect: failed to parse bencode packet\n"u8.ToArray());
                    break;
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_client_gets_the_reason_if_the_target_dies_during_a_session(bool byReset)
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        await target.SendAsync("last", "words");
        if (byReset)
        {
            Assert.Equal("words", (await client.ReceiveAsync())!.Text(1));
            target.Reset();
        }
        else
        {
            target.Socket.Dispose();
            Assert.Equal("words", (await client.ReceiveAsync())!.Text(1));
        }
        Assert.StartsWith("connection error: the gateway's target: ", await client.ExpectDisconnectAsync(), StringComparison.Ordinal);
        await client.ExpectEndAsync();
        await client.DisposeAsync();
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.StartsWith(byReset ? "ConnectionLost: the target: " : "the target closed", connection.CloseReason, StringComparison.Ordinal);

        // The listener keeps running.
        await rig.OpenProvenAsync();
    }

    [Fact]
    public async Task The_client_gets_the_reason_if_the_target_dies_in_the_middle_of_a_packet()
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var (client, target) = await rig.OpenProvenAsync();
        await target.Socket.SendAsync(new byte[] { (byte)'P', 0x10, 0, 0, 0, 0, 1, 0, 1, 2, 3 });
        target.Socket.Shutdown(SocketShutdown.Send);
        Assert.Equal("connection error: the gateway's target: The peer closed the connection in the middle of a packet.", await client.ExpectDisconnectAsync());
        await client.ExpectEndAsync();
    }

    [Fact]
    public async Task A_reset_by_the_client_ends_the_targets_session()
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        await client.SendAsync("last", "words");
        await Rig.UntilAsync(() => connection.PacketsIn == 3);
        client.Reset();
        Assert.Equal("words", (await target.ReceiveAsync())!.Text(1));
        await target.ExpectEndAsync();
        await target.DisposeAsync();
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(XpraErrorId.ConnectionLost, connection.CloseCause);
    }

    public static bool IsLinux => OperatingSystem.IsLinux();

    [Theory(SkipUnless = nameof(IsLinux), Skip = "Only Linux lets a socket go deaf.")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_vanishes_silently_is_noticed(bool whileDataIsUnderWay)
    {
        await using var rig = new Rig(limits: s_shortTimeouts with { KeepAliveTime = TimeSpan.FromSeconds(1), KeepAliveInterval = TimeSpan.FromSeconds(1), KeepAliveRetries = 1 });
        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        DropIncoming(client.Socket);
        if (whileDataIsUnderWay)
            await target.SendAsync("ping", 1L);
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(XpraErrorId.ConnectionLost, connection.CloseCause);
        await target.ExpectEndAsync();
    }

    [Theory(SkipUnless = nameof(IsLinux), Skip = "Only Linux lets a socket go deaf.")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_target_that_vanishes_silently_is_noticed(bool whileDataIsUnderWay)
    {
        await using var rig = new Rig(limits: s_shortTimeouts with { KeepAliveTime = TimeSpan.FromSeconds(1), KeepAliveInterval = TimeSpan.FromSeconds(1), KeepAliveRetries = 1 });
        var (client, target) = await rig.OpenProvenAsync();
        DropIncoming(target.Socket);
        if (whileDataIsUnderWay)
            await client.SendAsync("ping", 1L);
        Assert.StartsWith("connection error: the gateway's target: ", await client.ExpectDisconnectAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_closes_its_half_still_gets_the_targets_packets()
    {
        await using var rig = new Rig(limits: s_shortTimeouts with { HalfCloseTimeout = TimeSpan.FromSeconds(10) });
        var (client, target) = await rig.OpenProvenAsync();
        await client.SendAsync("the", "end");
        client.HalfClose();
        Assert.Equal("end", (await target.ReceiveAsync())!.Text(1));
        await target.ExpectEndAsync();
        await Task.Delay(100);
        for (var i = 0L; i < 100; i++)
            await target.SendAsync("number", i);
        target.Socket.Shutdown(SocketShutdown.Send);
        for (var i = 0L; i < 100; i++)
            Assert.Equal(i, (await client.ReceiveAsync())![1]);
        await client.ExpectDisconnectAsync();
        await client.ExpectEndAsync();
        await Rig.UntilAsync(() => rig.Listener.Connections.Count == 0);
    }

    [Fact]
    public async Task A_target_that_closes_its_half_still_gets_the_clients_packets()
    {
        await using var rig = new Rig(limits: s_shortTimeouts with { HalfCloseTimeout = TimeSpan.FromSeconds(10) });
        var (client, target) = await rig.OpenProvenAsync();
        await target.SendAsync("the", "end");
        target.HalfClose();
        Assert.Equal("end", (await client.ReceiveAsync())!.Text(1));
        await client.ExpectDisconnectAsync();
        await client.ExpectEndAsync();
        await Task.Delay(100);
        for (var i = 0L; i < 100; i++)
            await client.SendAsync("number", i);
        client.HalfClose();
        for (var i = 0L; i < 100; i++)
            Assert.Equal(i, (await target.ReceiveAsync())![1]);
        await target.ExpectEndAsync();
        await Rig.UntilAsync(() => rig.Listener.Connections.Count == 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_half_open_session_is_closed_after_a_timeout(bool clientCloses)
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        var started = Environment.TickCount64; // the clock of .NET's timers, which may be a tick behind others
        (clientCloses ? client : target).HalfClose();
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.InRange(TimeSpan.FromMilliseconds(Environment.TickCount64 - started), s_shortTimeouts.HalfCloseTimeout, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Complete_packets_before_a_broken_one_are_not_lost()
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var (client, target) = await rig.OpenProvenAsync();
        for (var i = 0L; i < 50; i++)
            client.Channel.Writer.Append(0x10, 0, 0, PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "number", i }));
        await client.Channel.Writer.FlushAsync(default);
        await client.Socket.SendAsync("this is no packet"u8.ToArray());
        for (var i = 0L; i < 50; i++)
            Assert.Equal(i, (await target.ReceiveAsync())![1]);
        await target.ExpectEndAsync();
        Assert.StartsWith("protocol error", await client.ExpectDisconnectAsync(), StringComparison.Ordinal);
    }

    /// <summary>Drops everything that arrives, without acknowledging it, by a socket filter (BPF, "return 0"). To the peer this looks like a power failure.</summary>
    private static void DropIncoming(Socket socket)
    {
        const int SolSocket = 1, SoAttachFilter = 26;
        var dropAll = Marshal.AllocHGlobal(sizeof(long));
        try
        {
            Marshal.WriteInt64(dropAll, 6); // struct sock_filter: u16 code BPF_RET | BPF_K, u8 jt, u8 jf, u32 k = 0
            Span<byte> program = stackalloc byte[2 * sizeof(long)]; // struct sock_fprog: u16 length, pointer
            program.Clear();
            program[0] = 1;
            MemoryMarshal.Write(program[sizeof(long)..], dropAll);
            socket.SetRawSocketOption(SolSocket, SoAttachFilter, program);
        }
        finally
        {
            Marshal.FreeHGlobal(dropAll);
        }
    }
}
