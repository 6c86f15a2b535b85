using System.Buffers.Binary;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;
using Xunit;

namespace XpraAes.Tests.Packets;

public sealed class PacketReaderTests
{
    private static readonly byte[][] s_payloads = [.. new[] { 5, 1, 16, 31, 32, 70 }.Select(size => CipherTestData.Bytes(size, seed: size))];

    public static TheoryData<string> Kinds => [.. Frames.Kinds.Keys];

    public static TheoryData<string> UnknownUnits => ["CBC 16 unknown", "CBC 32 unknown"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Packets_are_reassembled_wherever_the_network_splits_them(string kind)
    {
        var (sent, known) = Frames.Kinds[kind];
        var bytes = Write(sent, s_payloads);
        for (var split = 0; split <= bytes.Length; split++)
            await AssertReadsAsync(new ScriptedStream([bytes[..split], bytes[split..]]), known, s_payloads);
        await AssertReadsAsync(new ScriptedStream(bytes, segmentSize: 1), known, s_payloads);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Packets_around_and_beyond_the_size_of_one_read_are_reassembled(string kind)
    {
        var (sent, known) = Frames.Kinds[kind];
        byte[][] payloads = [.. new[] { 3, 65_520, 65_527, 65_528, 65_529, 1, 70_000, 2, 300_000, 65_536, 4 }.Select(size => CipherTestData.Bytes(size, seed: size))];
        var bytes = Write(sent, payloads);
        foreach (var segmentSize in new[] { 1_000, 65_536, int.MaxValue })
            await AssertReadsAsync(new ScriptedStream(bytes, segmentSize), known, payloads);
    }

    [Theory]
    [MemberData(nameof(UnknownUnits))]
    public async Task An_unknown_padding_unit_is_detected_whatever_the_first_length(string kind)
    {
        var (sent, known) = Frames.Kinds[kind];
        for (var length = 1; length <= 130; length++)
        {
            // If the first packet is ambiguous, the second decides.
            byte[][] payloads = [CipherTestData.Bytes(length, seed: 1), CipherTestData.Bytes(5, seed: 2), CipherTestData.Bytes(length, seed: 3)];
            var bytes = Write(sent, payloads);
            foreach (var segmentSize in new[] { 1, 16, int.MaxValue })
            {
                using var reader = await AssertReadsAsync(new ScriptedStream(bytes, segmentSize), known, payloads);
                Assert.Equal(sent!.PaddingUnit, reader.Decryptor!.PaddingUnit);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Only_unencrypted_packets_can_be_had_as_they_arrived(string kind)
    {
        var (sent, known) = Frames.Kinds[kind];
        var bytes = Write(sent, s_payloads);
        using var reader = Frames.Reader(new ScriptedStream(bytes, segmentSize: 7), known);
        var arrived = new List<byte>();
        while (await reader.ReadAsync(default))
            arrived.AddRange(reader.AsArrived.AsSpan());
        Assert.Equal(0, reader.AsArrived.Count);
        Assert.Equal(sent is null ? bytes : [], arrived.ToArray());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_stream_may_only_end_between_two_packets(string kind)
    {
        var (sent, known) = Frames.Kinds[kind];
        byte[][] payloads = [CipherTestData.Bytes(20, seed: 1), CipherTestData.Bytes(40, seed: 2)];
        var first = Write(sent, payloads[..1]).Length;
        var bytes = Write(sent, payloads);
        for (var length = 0; length < bytes.Length; length++)
        {
            using var reader = Frames.Reader(new ScriptedStream(bytes[..length]), known);
            if (length >= first)
                Assert.True(await reader.ReadAsync(default));
            if (length == 0 || length == first)
            {
                Assert.False(await reader.ReadAsync(default));
                continue;
            }
            var lost = await Assert.ThrowsAsync<XpraAesException>(async () => await reader.ReadAsync(default));
            Assert.Equal(XpraErrorId.ConnectionLost, lost.Id);
        }
    }

    [Fact]
    public async Task A_packet_above_the_limit_is_rejected_at_its_header()
    {
        foreach (var (size, refused) in new[] { (999, false), (1000, false), (1001, true), (200_000_000, true) })
        {
            // No payload follows: a reader that waited for it would hang.
            using var reader = Frames.Reader(new ScriptedStream(Header(size, encrypted: false), staysOpen: true), maxPayloadSize: 1000);
            using var timeout = new CancellationTokenSource(refused ? TimeSpan.FromSeconds(20) : TimeSpan.FromMilliseconds(20));
            var reading = reader.ReadAsync(timeout.Token).AsTask();
            if (refused)
                Assert.Equal(XpraErrorId.LimitReached, (await Assert.ThrowsAsync<XpraAesException>(() => reading)).Id);
            else
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        }
    }

    [Fact]
    public async Task Memory_is_allocated_for_what_has_arrived_not_for_what_was_announced()
    {
        byte[] bytes = [.. Header(200 << 20, encrypted: false), .. new byte[1000]];
        await ReadAsync(); // so that the pool already has a buffer
        // Of this thread, as other tests allocate at the same time: nothing is waited for here, so all of it runs on this one.
        var (thread, before) = (Environment.CurrentManagedThreadId, GC.GetAllocatedBytesForCurrentThread());
        await ReadAsync();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        Assert.Equal(thread, Environment.CurrentManagedThreadId);

        async Task ReadAsync()
        {
            using var reader = Frames.Reader(new ScriptedStream(bytes), maxPayloadSize: 250 << 20);
            await Assert.ThrowsAsync<XpraAesException>(async () => await reader.ReadAsync(default));
        }
    }

    [Fact]
    public async Task A_plaintext_packet_is_rejected_once_a_cipher_is_set()
    {
        using var frames = new Frames();
        using var reader = Frames.Reader(new ScriptedStream(frames.Add(s_payloads[0]).ToArray()), Frames.Kinds["CTR"].Known);
        var refused = await Assert.ThrowsAsync<XpraAesException>(async () => await reader.ReadAsync(default));
        Assert.Equal(XpraErrorId.PlaintextPacket, refused.Id);
    }

    [Fact]
    public async Task A_plaintext_packet_is_read_if_the_caller_allows_it()
    {
        using var frames = new Frames();
        using var reader = Frames.Reader(new ScriptedStream(frames.Add(s_payloads[0]).ToArray()), Frames.Kinds["CTR"].Known);
        reader.AllowPlaintext = true;
        Assert.True(await reader.ReadAsync(default));
        Assert.False(reader.Header.IsEncrypted);
        Assert.Equal(s_payloads[0], reader.Payload.ToArray());
    }

    [Fact]
    public async Task An_encrypted_packet_is_rejected_while_no_cipher_is_set()
    {
        using var reader = Frames.Reader(new ScriptedStream(Write(Frames.Kinds["CTR"].Sent, s_payloads)));
        var refused = await Assert.ThrowsAsync<XpraAesException>(async () => await reader.ReadAsync(default));
        Assert.Equal(XpraErrorId.UnexpectedEncryption, refused.Id);
    }

    [Theory]
    [InlineData("CBC 16")]
    [InlineData("CBC 32")]
    [InlineData("CBC 16 unknown")]
    [InlineData("CBC 32 legacy")]
    [InlineData("CBC per packet")]
    public async Task With_another_key_the_padding_is_wrong(string kind)
    {
        var (sent, known) = Frames.Kinds[kind];
        using var reader = new PacketReader(new ScriptedStream(Write(sent, s_payloads)), ProtocolDefaults.MaxPacketSize);
        reader.Arm(PacketCipher.CreateDecryptor(known!, CipherTestData.Bytes(32, seed: 4)));
        var refused = await Assert.ThrowsAsync<MalformedPacketException>(async () => await reader.ReadAsync(default));
        Assert.Equal(XpraErrorId.KeyMismatch, refused.Id);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task A_payload_without_data_after_its_IV_is_malformed(int size)
    {
        byte[] bytes = [.. Header(size, encrypted: true), .. new byte[64]];
        using var reader = Frames.Reader(new ScriptedStream(bytes), Frames.Kinds["CFB per packet"].Known);
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await reader.ReadAsync(default));
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", XpraErrorId.PeerIsHttp)]
    [InlineData("HTTP/1.0 200 OK\r\n", XpraErrorId.PeerIsHttp)]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n", XpraErrorId.PeerIsHttp)]
    [InlineData("POST /login HTTP/1.1\r\nHost: x\r\n\r\n", XpraErrorId.PeerIsHttp)]
    [InlineData("PUT / HTTP/1.1\r\n\r\n", XpraErrorId.PeerIsHttp)]
    [InlineData("SSH-2.0-OpenSSH_9.2p1\r\n", XpraErrorId.PeerIsSsh)]
    [InlineData("RFB 003.008\n", XpraErrorId.PeerIsRfb)]
    [InlineData("\u0015\u0003\u0001\u0000\u0002\u0002\u0028", XpraErrorId.PeerIsTls)]
    [InlineData("\u0016\u0003\u0001\u0002\u0000\u0001", XpraErrorId.PeerIsTls)]
    [InlineData("disconnect: invalid packet format\n", XpraErrorId.PeerSentText)]
    [InlineData("disconnect server error\n", XpraErrorId.PeerSentText)]
    [InlineData("220 mail.example ESMTP\r\n", XpraErrorId.PeerSentText)]
    [InlineData("Permission denied\n", XpraErrorId.PeerSentText)]
    [InlineData("\u0000\u0001\u0002\u0003\u0004\u0005", XpraErrorId.NotXpra)]
    [InlineData("\u007fELF\u0002\u0001\u0001", XpraErrorId.NotXpra)]
    [InlineData("x", XpraErrorId.NotXpra)]
    [InlineData("\u00e9\u00e8\u00ea\u00eb", XpraErrorId.NotXpra)]
    public async Task Another_protocol_is_identified_by_its_greeting(string greeting, XpraErrorId id)
    {
        var bytes = Encoding.Latin1.GetBytes(greeting);
        foreach (var staysOpen in new[] { false, true })
        {
            // Also in small pieces, and from a peer that then waits for an answer.
            foreach (var segmentSize in new[] { 3, int.MaxValue })
            {
                using var reader = Frames.Reader(new ScriptedStream(bytes, segmentSize, staysOpen));
                var refused = await Assert.ThrowsAnyAsync<XpraAesException>(async () => await reader.ReadAsync(default));
                Assert.Equal(id, refused.Id);
            }
        }
    }

    [Fact]
    public async Task A_greeting_is_shown_in_one_line_of_limited_length()
    {
        using var reader = Frames.Reader(new ScriptedStream(Encoding.ASCII.GetBytes("go away\r\n" + new string('x', 1000))));
        var refused = await Assert.ThrowsAsync<XpraAesException>(async () => await reader.ReadAsync(default));
        Assert.Equal(XpraErrorId.PeerSentText, refused.Id);
        Assert.Contains("go away", refused.Message, StringComparison.Ordinal);
        Assert.InRange(refused.Message.Length, 0, 300);
        Assert.DoesNotContain(refused.Message, char.IsControl);
    }

    [Fact]
    public async Task Noise_that_happens_to_start_with_a_P_is_malformed()
    {
        using var reader = Frames.Reader(new ScriptedStream([(byte)'P', 0xff, 0, 0, 0, 0, 0, 1, 2, 3]));
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await reader.ReadAsync(default));
    }

    [Fact]
    public async Task After_a_packet_nothing_is_treated_as_a_greeting()
    {
        byte[] bytes = [.. Write(null, s_payloads[..1]), .. "GET / HTTP/1.1\r\n\r\n"u8];
        using var reader = Frames.Reader(new ScriptedStream(bytes, staysOpen: true));
        Assert.True(await reader.ReadAsync(default));
        var refused = await Assert.ThrowsAsync<MalformedPacketException>(async () => await reader.ReadAsync(default));
        Assert.Equal(XpraErrorId.MalformedPacket, refused.Id);
    }

    [Fact]
    public async Task Peeking_takes_nothing()
    {
        var bytes = Write(Frames.Kinds["CTR"].Sent, s_payloads);
        using var reader = Frames.Reader(new ScriptedStream(bytes, segmentSize: 3), Frames.Kinds["CTR"].Known);
        for (var count = 1; count <= bytes.Length; count++)
            Assert.Equal(bytes[..count], (await reader.PeekAsync(count, default)).ToArray());
        await AssertReadsAsync(reader, s_payloads);
    }

    [Fact]
    public async Task Bytes_are_counted_as_they_arrive()
    {
        var bytes = Write(Frames.Kinds["CBC 32"].Sent, s_payloads);
        using var reader = await AssertReadsAsync(new ScriptedStream(bytes), Frames.Kinds["CBC 32"].Known, s_payloads);
        Assert.Equal(bytes.Length, reader.BytesRead);
    }

    [Fact]
    public async Task A_cancelled_wait_loses_nothing()
    {
        var bytes = Write(null, s_payloads);
        var stream = new ScriptedStream(bytes[..20], staysOpen: true);
        using var reader = Frames.Reader(stream);
        Assert.True(await reader.ReadAsync(default));
        using var timeout = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reader.ReadAsync(timeout.Token));
        Assert.Equal(bytes[13..20], (await reader.PeekAsync(7, default)).ToArray());
    }

    private static byte[] Header(int size, bool encrypted)
    {
        byte[] header = [(byte)'P', (byte)(encrypted ? 0x12 : 0x10), 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), size);
        return header;
    }

    private static byte[] Write(CipherParameters? cipher, byte[][] payloads)
    {
        using var frames = new Frames(cipher);
        foreach (var payload in payloads)
            frames.Add(payload);
        return frames.ToArray();
    }

    private static async Task<PacketReader> AssertReadsAsync(Stream stream, CipherParameters? cipher, byte[][] payloads)
    {
        var reader = Frames.Reader(stream, cipher);
        await AssertReadsAsync(reader, payloads);
        return reader;
    }

    private static async Task AssertReadsAsync(PacketReader reader, byte[][] payloads)
    {
        foreach (var payload in payloads)
        {
            Assert.True(await reader.ReadAsync(default));
            Assert.True(payload.AsSpan().SequenceEqual(reader.Payload.Span));
        }
        Assert.False(await reader.ReadAsync(default));
    }
}
