using System.Diagnostics;
using System.Reflection;
using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Packets;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>The gateway's use of memory, sockets and tasks, and that it releases everything.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class ResourceTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_slow_reader_gets_everything_and_slows_the_sender_instead_of_filling_memory(bool toClient)
    {
        const int Count = 4_000, Size = 16 * 1024;
        await using var rig = new Rig();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var (client, target) = await rig.OpenProvenAsync(AesMode.CTR, receiveBuffer: toClient ? 16 * 1024 : 0);
        var (from, to) = toClient ? (target, client) : (client, target);
        if (!toClient)
            target.Socket.ReceiveBufferSize = 16 * 1024;

        using var sentHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var readHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long sent = 0;
        var sending = Task.Run(async () =>
        {
            var random = new Random(3);
            var payload = new byte[Size];
            for (var i = 0; i < Count; i++)
            {
                random.NextBytes(payload);
                sentHash.AppendData(payload);
                from.Channel.Writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, payload);
                await from.Channel.Writer.FlushAsync(default);
                Interlocked.Increment(ref sent);
            }
        });

        // The sender blocks once the kernel's buffers and the one packet in flight are full.
        long stuckAt;
        do
        {
            stuckAt = Interlocked.Read(ref sent);
            await Task.Delay(500);
        }
        while (Interlocked.Read(ref sent) > stuckAt);
        Assert.InRange(stuckAt, 1, Count - 1);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 8 * 1024 * 1024);

        // That is the proof; the rest need not go through the small window at the pace of delayed acknowledgements.
        to.Socket.ReceiveBufferSize = 1024 * 1024;
        for (var i = 0; i < Count; i++)
        {
            Assert.True(await to.Channel.Reader.ReadAsync(default).AsTask().WaitAsync(TestPeer.HelloTimeout));
            readHash.AppendData(to.Channel.Reader.Payload.Span);
            if (i % 1000 == 0)
                await Task.Delay(20);
        }
        await sending;
        Assert.Equal(sentHash.GetHashAndReset(), readHash.GetHashAndReset());
    }

    [Theory]
    [InlineData(AesMode.CBC, null)]
    [InlineData(AesMode.CTR, null)]
    [InlineData(AesMode.GCM, null)]
    [InlineData(AesMode.CFB, false)]
    public async Task An_established_session_forwards_packets_without_allocating(AesMode mode, bool? stream)
    {
        const int Warmup = 20_000, Count = 100_000, Batch = 100, Size = 200;
        using var targetKey = XpraKey.FromText("a key for the target of a gateway");
        await using var rig = new Rig(targetKey);
        var (client, target) = await rig.OpenProvenAsync(mode, stream);
        var payload = new byte[Size];

        await MoveAsync(Warmup);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await MoveAsync(Count);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        // The rest are this test's own awaits, one per batch. Without optimization the gateway's awaits allocate too.
        var perPacket = (double)allocated / (2 * Count);
        TestContext.Current.SendDiagnosticMessage("{0}: {1:0.00} bytes a packet", mode, perPacket);
        Assert.InRange(perPacket, 0, IsOptimized ? 4 : 64);

        async Task MoveAsync(int count)
        {
            for (var i = 0; i < count; i += Batch)
            {
                await SendAsync(client);
                await SendAsync(target);
                await ReceiveAsync(client);
                await ReceiveAsync(target);
            }
        }

        async ValueTask SendAsync(TestPeer peer)
        {
            for (var i = 0; i < Batch; i++)
                peer.Channel.Writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, payload);
            await peer.Channel.Writer.FlushAsync(default);
        }

        async ValueTask ReceiveAsync(TestPeer peer)
        {
            for (var i = 0; i < Batch; i++)
                Assert.True(await peer.Channel.Reader.ReadAsync(default));
        }
    }

    [Fact]
    public async Task A_thousand_connects_and_disconnects_leak_nothing()
    {
        var limits = Limits.Default with { CloseGrace = TimeSpan.FromMilliseconds(50), HalfCloseTimeout = TimeSpan.FromMilliseconds(50), FailuresBeforeBlock = int.MaxValue };
        await using var rig = new Rig(limits: limits);
        for (var i = 0; i < 20; i++)
            await ConnectOnceAsync(i);
        await Rig.UntilAsync(() => rig.Listener.Serving == 0);
        var live = LiveObjects.Connections.Count;
        var sockets = OpenSockets();
        var heap = Heap();

        for (var i = 0; i < 1000; i++)
            await ConnectOnceAsync(i);

        await Rig.UntilAsync(() => rig.Listener.Serving == 0);
        Assert.Empty(rig.Listener.Connections);
        Assert.Equal(live, LiveObjects.Connections.Count);
        await Rig.UntilAsync(() => OpenSockets() <= sockets);
        Assert.InRange(Heap() - heap, long.MinValue, 2 * 1024 * 1024);
        // SourceGuard has released them as well.
        Assert.NotNull(rig.Listener.Guard.TryAcquire(System.Net.IPAddress.Loopback, out _));
        Assert.Equal(1020, rig.Listener.Accepted + rig.Listener.Rejected);

        async Task ConnectOnceAsync(int way)
        {
            await using var client = await TestClient.ConnectAsync(rig.Listener, rig.Key);
            if (way % 5 == 0)
                return; // without sending anything
            await client.SendHelloAsync();
            if (way % 5 == 1)
            {
                // The target closes on both hellos, the second being in another encoding.
                (await rig.Target.AcceptSocketAsync()).Dispose();
                (await rig.Target.AcceptSocketAsync()).Dispose();
                await Assert.ThrowsAsync<XpraAes.Handshake.RefusedException>(client.ReceiveAsync);
                return;
            }
            await using var target = await rig.Target.AcceptAsync();
            var session = await client.EstablishAsync();
            await session.SendAsync("ping", 1L);
            await target.ReceiveAsync();
            if (way % 5 == 2)
                session.Reset();
            else if (way % 5 == 3)
                target.Reset();
        }
    }

    private static bool IsOptimized => typeof(PacketReader).Assembly.GetCustomAttribute<DebuggableAttribute>()?.IsJITOptimizerDisabled != true;

    private static int OpenSockets() => OperatingSystem.IsLinux()
        ? Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(entry => new FileInfo(entry).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true)
        : 0;

    private static long Heap()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
