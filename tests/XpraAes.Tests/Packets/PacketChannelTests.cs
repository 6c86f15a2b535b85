using System.IO.Compression;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;
using XpraAes.Tests.Encodings;
using XpraAes.Tests.Listening;
using XpraAes.Tests.Transports;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Packets;

public sealed class PacketChannelTests
{
    private static readonly byte[] s_pixels = CipherTestData.Bytes(3000, seed: 9);

    [Theory]
    [InlineData(PacketEncoding.RencodePlus, "\"ping\"")]
    [InlineData(PacketEncoding.Rencode, "<70696E67>")]
    [InlineData(PacketEncoding.Bencode, "<70696E67>")]
    public async Task Packets_are_received_in_every_encoding(PacketEncoding encoding, string type)
    {
        using var frames = new Frames();
        await using var channel = Channel(frames.Add(["ping", 12345L], encoding));
        var packet = await channel.ReceiveAsync(default);
        Assert.Equal("ping", packet!.Type);
        Assert.Equal($"[{type}, 12345]", Values.Describe(packet.Items));
        Assert.Null(await channel.ReceiveAsync(default));
    }

    [Theory]
    [InlineData(0x11)]
    [InlineData(0x01)]
    [InlineData(0x45)]
    public async Task Compressed_packets_are_decompressed(byte compression)
    {
        var data = PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "hello", new string('x', 5000) });
        using var frames = new Frames(Frames.Kinds["CBC 16"].Sent);
        await using var channel = Channel(frames.Add(Compress(compression, data), compression: compression), "CBC 16");
        var packet = await channel.ReceiveAsync(default);
        Assert.Equal(new string('x', 5000), packet!.Items[1]);
    }

    [Fact]
    public async Task An_alias_is_a_numeric_type()
    {
        using var frames = new Frames();
        await using var channel = Channel(frames.Add([14L, 1L], PacketEncoding.Rencode));
        Assert.Equal("#14", (await channel.ReceiveAsync(default))!.Type);
    }

    [Theory]
    [InlineData("c0")]
    [InlineData("05")]
    [InlineData("6685")]
    [InlineData("84ping")]
    public async Task Anything_but_a_list_with_a_type_is_malformed(string content)
    {
        var bytes = content.EndsWith("ping", StringComparison.Ordinal) ? [0x84, .. "ping"u8] : Convert.FromHexString(content);
        using var frames = new Frames();
        await using var channel = Channel(frames.Add(bytes));
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await channel.ReceiveAsync(default));
    }

    [Theory]
    [InlineData("clear")]
    [InlineData("CBC 32")]
    [InlineData("CBC per packet")]
    [InlineData("GCM")]
    public async Task Chunks_replace_the_items_they_belong_to(string kind)
    {
        using var frames = new Frames(Frames.Kinds[kind].Sent);
        frames.AddChunk(3, s_pixels).AddChunk(1, [1, 2, 3]);
        frames.Add(PacketCompression.CompressLz4(s_pixels), flags: 0, compression: 0x11, chunkIndex: 15);
        frames.Add(["draw", "", 2L, "", .. Enumerable.Repeat<object?>(0L, 11), "", "end"]).Add(["next", "", ""]);
        await using var channel = Channel(frames, kind);

        var packet = await channel.ReceiveAsync(default);
        Assert.Equal("draw", packet!.Type);
        Assert.Equal([1, 2, 3], packet.Bytes(1));
        Assert.Equal(2L, packet[2]);
        Assert.Equal(s_pixels, packet.Bytes(3));
        Assert.Equal(s_pixels, packet.Bytes(15));
        Assert.Equal("end", packet[16]);
        Assert.Equal(["next", "", ""], (await channel.ReceiveAsync(default))!.Items);
    }

    [Fact]
    public async Task A_chunk_without_an_item_to_replace_is_malformed()
    {
        using var frames = new Frames();
        await using var channel = Channel(frames.AddChunk(3, s_pixels).Add(["draw", "", ""]));
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await channel.ReceiveAsync(default));
    }

    [Fact]
    public async Task A_repeated_chunk_is_malformed()
    {
        using var frames = new Frames();
        await using var channel = Channel(frames.AddChunk(2, s_pixels).AddChunk(2, s_pixels).Add(["draw", "", ""]));
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await channel.ReceiveAsync(default));
    }

    [Fact]
    public async Task Three_chunks_may_be_pending_but_not_four()
    {
        using var three = new Frames();
        await using var right = Channel(three.AddChunk(1, [1]).AddChunk(2, [2]).AddChunk(3, [3]).Add(["draw", "", "", "", ""]));
        Assert.Equal("draw", (await right.ReceiveAsync(default))!.Type);

        using var four = new Frames();
        await using var wrong = Channel(four.AddChunk(1, [1]).AddChunk(2, [2]).AddChunk(3, [3]).AddChunk(4, [4]).Add(["draw", "", "", "", ""]));
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await wrong.ReceiveAsync(default));
    }

    [Fact]
    public async Task A_plaintext_chunk_never_becomes_part_of_an_encrypted_packet()
    {
        // While the client waits for the server's first packet it accepts plaintext, to read refusals.
        using var clear = new Frames();
        using var encrypted = new Frames(Frames.Kinds["CTR"].Sent);
        byte[] bytes = [.. clear.AddChunk(3, "xor"u8.ToArray()).ToArray(), .. encrypted.Add(["challenge", "salt", "", "hmac+sha512", "hmac+sha512"]).ToArray()];
        await using var channel = new PacketChannel(new ScriptedStream(bytes), Limits.Default);
        channel.Reader.Arm(PacketCipher.CreateDecryptor(Frames.Kinds["CTR"].Known!, Frames.Key));
        channel.Reader.AllowPlaintext = true;
        var refused = await Assert.ThrowsAsync<XpraAesException>(async () => await channel.ReceiveAsync(default));
        Assert.Equal(XpraErrorId.PlaintextPacket, refused.Id);
    }

    [Fact]
    public async Task An_unauthenticated_peer_has_tighter_limits()
    {
        var limits = new Limits { FirstPacketItems = 100, FirstPacketDecompressedSize = 1000, FirstPacketSize = 2000 };
        object?[] many = ["hello", .. Enumerable.Repeat<object?>(1L, 100)];
        using var inflated = new Frames();
        inflated.Add(PacketCompression.CompressLz4(PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "hello", new string('x', 1000) })), compression: 0x11);
        using var items = new Frames();
        using var chunks = new Frames();
        using var large = new Frames();

        foreach (var frames in new[] { inflated, items.Add(many), chunks.AddChunk(1, [1]).AddChunk(2, [2]).Add(["hello", "", ""]), large.Add(["hello", new byte[2000]]) })
        {
            await using var unauthenticated = new PacketChannel(new ScriptedStream(frames.ToArray()), limits);
            var refused = await Assert.ThrowsAnyAsync<XpraAesException>(async () => await unauthenticated.ReceiveAsync(default));
            Assert.Equal(frames == large ? XpraErrorId.LimitReached : XpraErrorId.MalformedPacket, refused.Id);

            await using var trusted = new PacketChannel(new ScriptedStream(frames.ToArray()), limits);
            trusted.TrustPeer();
            Assert.Equal("hello", (await trusted.ReceiveAsync(default))!.Type);
        }
    }

    [Fact]
    public async Task Concurrent_sends_do_not_mix_their_packets()
    {
        var stream = new ScriptedStream();
        await using var channel = new PacketChannel(stream, Limits.Default);
        channel.Writer.Arm(PacketCipher.CreateEncryptor(Frames.Kinds["CBC 16"].Sent!, Frames.Key));
        await Task.WhenAll(Enumerable.Range(0, 200).Select(n => Task.Run(() => channel.SendAsync(["ping", (long)n, new byte[n]], default))));

        await using var receiver = new PacketChannel(new MemoryStream(stream.Writes.SelectMany(write => write).ToArray()), Limits.Default);
        receiver.Reader.Arm(PacketCipher.CreateDecryptor(Frames.Kinds["CBC 16"].Known!, Frames.Key));
        var numbers = new HashSet<long>();
        while (await receiver.ReceiveAsync(default) is { } packet)
        {
            numbers.Add((long)packet[1]!);
            Assert.Equal((long)packet[1]!, packet.Bytes(2)!.Length);
        }
        Assert.Equal(200, numbers.Count);
    }

    [Fact]
    public async Task A_send_cancelled_midway_ends_the_connection()
    {
        var stream = new ScriptedStream() { BlocksWrites = true };
        await using var channel = new PacketChannel(stream, Limits.Default);
        using var cancelling = new CancellationTokenSource();
        var sending = channel.SendAsync(["ping", 1L], cancelling.Token);
        await Loopback.Eventually(() => stream.Writes.Count == 1);
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);

        Assert.True(stream.IsDisposed);
        var lost = await Assert.ThrowsAsync<XpraAesException>(() => channel.SendAsync(["ping", 2L], default));
        Assert.Equal(XpraErrorId.ConnectionLost, lost.Id);
        Assert.Single(stream.Writes);
    }

    [Fact]
    public async Task A_send_cancelled_before_its_turn_sends_nothing()
    {
        var stream = new ScriptedStream();
        await using var channel = new PacketChannel(stream, Limits.Default);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => channel.SendAsync(["ping", 1L], new CancellationToken(canceled: true)));
        await channel.SendAsync(["ping", 2L], default);

        await using var receiver = new PacketChannel(new MemoryStream(Assert.Single(stream.Writes)), Limits.Default);
        Assert.Equal(2L, (await receiver.ReceiveAsync(default))![1]);
        Assert.Null(await receiver.ReceiveAsync(default));
    }

    [Fact]
    public async Task A_packet_that_cannot_be_encoded_is_not_sent_and_does_no_harm()
    {
        var stream = new ScriptedStream();
        await using var channel = new PacketChannel(stream, Limits.Default) { Encoding = PacketEncoding.Bencode };
        await Assert.ThrowsAsync<XpraAesException>(() => channel.SendAsync(["ping", 1.5], default));
        Assert.Empty(stream.Writes);
        await channel.SendAsync(["ping", 2L], default);
        Assert.Single(stream.Writes);
    }

    [Fact]
    public async Task A_closed_channel_sends_nothing_encrypted_or_not()
    {
        var stream = new ScriptedStream();
        var channel = new PacketChannel(stream, Limits.Default);
        channel.Writer.Arm(PacketCipher.CreateEncryptor(Frames.Kinds["CTR"].Sent!, Frames.Key));
        await channel.DisposeAsync();
        await channel.DisposeAsync();
        var lost = await Assert.ThrowsAsync<XpraAesException>(() => channel.SendAsync(["ping", 1L], default));
        Assert.Equal(XpraErrorId.ConnectionLost, lost.Id);
        Assert.Empty(stream.Writes);
    }

    private static PacketChannel Channel(Frames frames, string kind = "clear")
    {
        var channel = new PacketChannel(new ScriptedStream(frames.ToArray(), segmentSize: 1000), Limits.Default);
        if (Frames.Kinds[kind].Known is { } cipher)
            channel.Reader.Arm(PacketCipher.CreateDecryptor(cipher, Frames.Key));
        channel.TrustPeer();
        return channel;
    }

    private static byte[] Compress(byte compression, byte[] data)
    {
        switch (compression & 0xf0)
        {
            case 0x10: return PacketCompression.CompressLz4(data);
            case 0: return PacketCompression.CompressZlib(data);
            default:
                var output = new MemoryStream();
                using (var brotli = new BrotliStream(output, CompressionLevel.Fastest, leaveOpen: true))
                    brotli.Write(data);
                return output.ToArray();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_websockets_closing_frame_waits_until_the_peer_has_had_time_for_the_last_packet(bool peerCloses)
    {
        const byte ClosingFrame = 0x88;
        var (near, far) = DuplexStream.CreatePair();
        await using var peer = far;
        await using var channel = new PacketChannel(new WebSocketStream(near, masks: false), Limits.Default);
        await channel.SendAsync(["disconnect", "a reason"], default);
        var buffer = new byte[512];
        var size = await far.ReadAsync(buffer);
        Assert.Equal(2 + buffer[1], size); // the packet's frame alone

        var lingering = channel.LingerAsync(TimeSpan.FromSeconds(30), default);
        var next = far.ReadAsync(buffer).AsTask();
        Assert.False(next.IsCompleted);
        if (peerCloses)
            await far.WriteAsync(new byte[] { ClosingFrame, 0x80, 0, 0, 0, 0 });
        await next.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(ClosingFrame, buffer[0]);
        await far.DisposeAsync();
        await lingering.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_websocket_that_cannot_send_its_closing_frame_is_no_longer_read()
    {
        var (near, far) = DuplexStream.CreatePair();
        await using var peer = far;
        var stream = new WatchedStream(near) { FailsWrites = true };
        await using var channel = new PacketChannel(new WebSocketStream(stream, masks: false), Limits.Default);
        var lingering = channel.LingerAsync(TimeSpan.FromSeconds(30), default);
        Assert.True(stream.IsReading);
        await lingering.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(stream.IsReading);
    }
}
