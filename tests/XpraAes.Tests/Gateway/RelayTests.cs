using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;
using XpraAes.Tests.Listening;
using XpraAes.Tests.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>Packets of an established session: only the encryption flag, cipher and padding change.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class RelayTests
{
    /// <summary>Sizes around AES blocks, padding units and buffer sizes.</summary>
    private static readonly int[] s_sizes = [1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 64, 377, 378, 4096, 65527, 65528, 65529, 65536, 65537, 200_000];

    public static TheoryData<AesMode, bool?, bool> Legs()
    {
        var legs = new TheoryData<AesMode, bool?, bool>();
        foreach (var mode in Enum.GetValues<AesMode>())
        {
            foreach (var encryptedTarget in new[] { false, true })
                legs.Add(mode, null, encryptedTarget);
            legs.Add(mode, false, mode == AesMode.CBC);
        }
        return legs;
    }

    [Theory]
    [MemberData(nameof(Legs))]
    public async Task Packets_are_forwarded_byte_for_byte_with_flags_compression_and_chunks(AesMode mode, bool? stream, bool encryptedTarget)
    {
        using var targetKey = XpraKey.FromText("a key for the target of a gateway");
        await using var rig = new Rig(encryptedTarget ? targetKey : null);
        var (client, target) = await rig.OpenProvenAsync(mode, stream);
        await Check(client, target);
        await Check(target, client);

        async Task Check(TestPeer from, TestPeer to)
        {
            var random = new Random(7);
            var sent = new List<(byte Flags, byte Compression, byte Chunk, byte[] Payload)>();
            foreach (var size in s_sizes)
            {
                var payload = new byte[size];
                random.NextBytes(payload);
                // Random data under a header with lz4, brotli, zlib or no compression: the gateway does not decode it.
                sent.Add(((byte)PacketEncoding.RencodePlus, 0, 0, payload));
                sent.Add(((byte)PacketEncoding.RencodePlus | PacketHeader.FlushFlag, 0x11, 0, payload));
                sent.Add(((byte)PacketEncoding.Rencode, 0x01, 0, payload));
                sent.Add((0, 0x40, (byte)(1 + size % 15), payload));
            }
            var sending = Task.Run(async () =>
            {
                foreach (var (flags, compression, chunk, payload) in sent)
                    await from.WriteRawAsync(flags, compression, chunk, payload);
            });
            foreach (var expected in sent)
            {
                var (header, payload) = await to.ReadRawAsync();
                Assert.Equal((expected.Flags, expected.Compression, expected.Chunk), ((byte)(header.Flags & ~PacketHeader.EncryptedFlag), header.Compression, header.ChunkIndex));
                Assert.Equal(to.Channel.Reader.Decryptor is not null, header.IsEncrypted);
                Assert.True(expected.Payload.AsSpan().SequenceEqual(payload), $"{expected.Payload.Length} bytes did not arrive as they were sent.");
            }
            await sending;
        }
    }

    [Fact]
    public async Task Packets_sent_byte_by_byte_arrive_whole()
    {
        await using var rig = new Rig();
        await using var client = await TestClient.ConnectAsync(rig.Listener, rig.Key, AesMode.CBC, wrap: stream => new TrickleStream(stream));
        await client.SendHelloAsync();
        await using var target = await rig.Target.AcceptAsync();
        var session = await client.EstablishAsync();
        for (var i = 0L; i < 20; i++)
            await session.SendAsync("number", i);
        for (var i = 0L; i < 20; i++)
            Assert.Equal(i, (await target.ReceiveAsync())![1]);
    }

    [Fact]
    public async Task A_packet_of_the_maximum_size_is_relayed_in_both_directions()
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync();
        target.Channel.Reader.MaxPayloadSize = client.Channel.Reader.MaxPayloadSize = Limits.Default.RelayedPacketSize;
        foreach (var (from, to, size) in new[] { (client, target, Limits.Default.PacketSize), (target, client, Limits.Default.RelayedPacketSize) })
        {
            var payload = new byte[size];
            Random.Shared.NextBytes(payload);
            var sending = from.WriteRawAsync((byte)PacketEncoding.RencodePlus, 0, 0, payload);
            Assert.Equal(SHA256.HashData(payload), SHA256.HashData((await to.ReadRawAsync()).Payload));
            await sending;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_session_that_alternates_between_idle_and_busy_loses_nothing(bool fromClient)
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync();
        var (from, to) = fromClient ? (client, target) : (target, client);
        var random = new Random(11);
        foreach (var size in Enumerable.Repeat(new[] { 60, 60, 60, 5_000, 60, 300_000 }, 20).SelectMany(sizes => sizes))
        {
            var payload = new byte[size];
            random.NextBytes(payload);
            // While the large one is in flight, a small one is sent the other way, as acknowledgements are.
            var sending = from.WriteRawAsync((byte)PacketEncoding.RencodePlus, 0, 0, payload);
            await to.WriteRawAsync((byte)PacketEncoding.RencodePlus, 0, 0, payload[..60]);
            Assert.Equal(payload, (await to.ReadRawAsync()).Payload);
            Assert.Equal(payload[..60], (await from.ReadRawAsync()).Payload);
            await sending;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_packet_above_its_legs_limit_ends_the_session_before_it_is_read(bool fromClient)
    {
        await using var rig = new Rig(limits: Limits.Default with { PacketSize = 1000, RelayedPacketSize = 2000 });
        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        await (fromClient ? client : target).WriteRawAsync((byte)PacketEncoding.RencodePlus, 0, 0, new byte[fromClient ? 1001 : 2001]);
        if (!fromClient)
            Assert.Contains("2000 are accepted", await client.ExpectDisconnectAsync(), StringComparison.Ordinal);
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(fromClient ? XpraErrorId.LimitReached : XpraErrorId.ConnectionLost, connection.CloseCause);
        Assert.Contains(nameof(XpraErrorId.LimitReached), connection.CloseReason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_peer_that_reads_nothing_for_the_idle_timeout_is_disconnected(bool clientIsStuck)
    {
        await using var rig = new Rig(limits: Limits.Default with { IdleTimeout = TimeSpan.FromSeconds(1), CloseGrace = TimeSpan.FromMilliseconds(200) });
        var (client, target) = await rig.OpenProvenAsync(receiveBuffer: 8 * 1024);
        var connection = rig.Listener.Connections[0];
        var busy = clientIsStuck ? target : client;
        var payload = new byte[64 * 1024];
        var sending = Task.Run(async () =>
        {
            while (true)
            {
                busy.Channel.Writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, payload);
                await busy.Channel.Writer.FlushAsync(default);
            }
        });
        await connection.Completion.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(XpraErrorId.ConnectionLost, connection.CloseCause);
        Assert.Contains("taken nothing", connection.CloseReason, StringComparison.Ordinal);
        Assert.Equal(!clientIsStuck, connection.CloseReason!.Contains("the target", StringComparison.Ordinal));
        await Assert.ThrowsAnyAsync<IOException>(() => sending);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_session_that_fails_of_itself_leaves_no_read_behind(bool holdUntilProven)
    {
        var cipher = CipherTestData.Parameters(AesMode.CTR);
        var key = CipherTestData.Bytes(32, seed: 6);
        var ((nearClient, farClient), (nearTarget, farTarget)) = (DuplexStream.CreatePair(), DuplexStream.CreatePair());
        var targetStream = new WatchedStream(nearTarget);
        PacketChannel client = new(nearClient, Limits.Default), target = new(targetStream, Limits.Default);
        client.Reader.Arm(PacketCipher.CreateDecryptor(cipher, key));
        await using PacketChannel clientPeer = new(farClient, Limits.Default), targetPeer = new(farTarget, Limits.Default);
        clientPeer.Writer.Arm(PacketCipher.CreateEncryptor(cipher, key));
        await using var relay = new RelaySession(
            client, CipherLeg.Of("client", null, cipher, cipher, null, client),
            target, CipherLeg.Of("target", null, null, null, null, target), toTarget: null, toClient: null, holdUntilProven, Limits.Default)
        { KeyProven = () => throw new InvalidOperationException("The log does not take it.") };
        var running = relay.RunAsync(default);
        await Loopback.Eventually(() => targetStream.IsReading);
        await clientPeer.SendAsync(["ping", 1L], default);
        await Assert.ThrowsAsync<InvalidOperationException>(() => running.WaitAsync(TestPeer.HelloTimeout));
        Assert.False(targetStream.IsReading);
    }
}
