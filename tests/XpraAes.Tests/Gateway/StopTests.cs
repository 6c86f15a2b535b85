using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using XpraAes.Encodings;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>How a gateway stops.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class StopTests
{
    [Fact]
    public async Task A_stopping_gateway_disconnects_both_ends_and_frees_its_port()
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        var stopping = rig.Listener.StopAsync(TimeSpan.FromSeconds(10));
        Assert.Equal("server exit", await client.ExpectDisconnectAsync());
        Assert.Equal("client request", await target.ExpectDisconnectAsync());
        await client.ExpectEndAsync();
        await target.ExpectEndAsync();
        await client.DisposeAsync();
        await target.DisposeAsync();
        await stopping.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal((ListenerState.Stopped, "server exit", null), (rig.Listener.State, connection.CloseReason, connection.CloseCause));
        using var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<SocketException>(async () => await late.ConnectAsync(IPEndPoint.Parse(rig.Listener.Endpoint)));
    }

    [Fact]
    public async Task Packets_in_flight_still_arrive_whole_and_in_order_within_the_grace_period()
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync(receiveBuffer: 16 * 1024);
        var payload = new byte[100_000];
        Random.Shared.NextBytes(payload);
        var sent = 0;
        var sending = Task.Run(async () =>
        {
            while (true)
            {
                target.Channel.Writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, payload);
                await target.Channel.Writer.FlushAsync(default);
                sent++;
            }
        });
        // The target does not read: the gateway's buffers are full.
        for (var before = -1; before != Volatile.Read(ref sent); await Task.Delay(300))
            before = Volatile.Read(ref sent);

        var stopping = rig.Listener.StopAsync(TimeSpan.FromSeconds(20));
        await Task.Delay(1500);
        Assert.False(stopping.IsCompleted);
        var received = 0;
        while (true)
        {
            var (header, data) = await client.ReadRawAsync();
            if (data.Length < payload.Length)
            {
                Assert.Equal("disconnect", ((object?[])PacketCodec.Decode(header.Encoding, data, new DecodeLimits(10, 10))!)[0]);
                break;
            }
            Assert.Equal(SHA256.HashData(payload), SHA256.HashData(data));
            received++;
        }
        Assert.InRange(received, 10, int.MaxValue);
        await client.ExpectEndAsync();
        await client.DisposeAsync();
        await target.DisposeAsync();
        await stopping.WaitAsync(TestPeer.HelloTimeout);
        await Assert.ThrowsAnyAsync<Exception>(() => sending);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_peer_that_reads_nothing_is_cut_off_after_the_grace_period(bool clientIsStuck)
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync(receiveBuffer: 16 * 1024);
        var busy = clientIsStuck ? target : client;
        var sent = 0;
        var sending = Task.Run(async () =>
        {
            while (true)
            {
                busy.Channel.Writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, new byte[100_000]);
                await busy.Channel.Writer.FlushAsync(default);
                sent++;
            }
        });
        for (var before = -1; before != Volatile.Read(ref sent); await Task.Delay(300))
            before = Volatile.Read(ref sent);

        var started = Stopwatch.GetTimestamp();
        await rig.Listener.StopAsync(TimeSpan.FromSeconds(1)).WaitAsync(TestPeer.HelloTimeout);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(4));
        await Assert.ThrowsAnyAsync<Exception>(() => sending);
    }

    [Fact]
    public async Task A_gateway_stops_while_waiting_for_its_targets_hello()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        using var silent = await rig.Target.AcceptSocketAsync();
        await rig.Listener.StopAsync(TimeSpan.FromSeconds(1)).WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(0, rig.Listener.Serving);
    }

    [Fact]
    public async Task Everything_is_closed_when_the_module_is_removed()
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync();
        var closing = LiveObjects.CloseAllAsync();
        Assert.Equal("server exit", await client.ExpectDisconnectAsync());
        Assert.Equal("client request", await target.ExpectDisconnectAsync());
        await client.DisposeAsync();
        await target.DisposeAsync();
        await closing.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(ListenerState.Stopped, rig.Listener.State);
        Assert.DoesNotContain(rig.Listener, LiveObjects.Listeners);
    }
}
