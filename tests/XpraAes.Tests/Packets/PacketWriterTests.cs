using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;
using Xunit;

namespace XpraAes.Tests.Packets;

public sealed class PacketWriterTests
{
    private const byte Flags = (byte)PacketEncoding.RencodePlus;

    [Fact]
    public async Task Buffered_packets_are_sent_in_one_write()
    {
        var stream = new ScriptedStream();
        using var writer = new PacketWriter(stream);
        var payloads = Enumerable.Range(1, 50).Select(size => CipherTestData.Bytes(size * 100, seed: size)).ToArray();
        foreach (var payload in payloads)
            writer.Append(Flags, compression: 0, chunkIndex: 0, payload);
        Assert.Empty(stream.Writes);
        Assert.Equal(payloads.Sum(payload => PacketHeader.Size + payload.Length), writer.Pending);

        await writer.FlushAsync(default);
        Assert.Single(stream.Writes);
        Assert.Equal(0, writer.Pending);
        Assert.Equal(stream.Writes[0].Length, writer.BytesWritten);
        await AssertReadsAsync(stream.Writes[0], null, payloads);

        await writer.FlushAsync(default);
        Assert.Single(stream.Writes);
    }

    [Fact]
    public async Task Packets_that_follow_each_other_in_memory_are_sent_from_there()
    {
        var stream = new ScriptedStream();
        using var writer = new PacketWriter(stream);
        var arrived = CipherTestData.Bytes(300, seed: 1);
        writer.Pass(new(arrived, 50, 100));
        writer.Pass(new(arrived, 150, 120));
        Assert.Equal(220, writer.Pending);
        arrived[200] ^= 1; // a copy would not notice
        await writer.FlushAsync(default);
        Assert.Equal(arrived[50..270], Assert.Single(stream.Writes));
        Assert.Equal((220, 2, 0), (writer.BytesWritten, writer.PacketsWritten, writer.Pending));

        writer.Pass(new(arrived, 0, 50));
        await writer.FlushAsync(default);
        Assert.Equal(arrived[..50], stream.Writes[1]);
    }

    [Fact]
    public async Task Packets_keep_their_order_wherever_they_lie()
    {
        var stream = new ScriptedStream();
        using var writer = new PacketWriter(stream);
        byte[] first = CipherTestData.Bytes(200, seed: 1), second = CipherTestData.Bytes(90, seed: 2), third = CipherTestData.Bytes(30, seed: 3);
        byte[] expected = [.. first[..100], .. second, .. first[100..], .. new Frames().Add(third).ToArray(), .. second];
        writer.Pass(new(first, 0, 100));
        writer.Pass(second);
        writer.Pass(new(first, 100, 100));
        writer.Append(Flags, compression: 0, chunkIndex: 0, third);
        writer.Pass(second);
        Array.Clear(first); // copied by now
        await writer.FlushAsync(default);
        Assert.Equal(expected, Assert.Single(stream.Writes));
        Assert.Equal(5, writer.PacketsWritten);
    }

    [Fact]
    public async Task What_was_passed_is_sent_before_what_is_appended()
    {
        var stream = new ScriptedStream();
        using var writer = new PacketWriter(stream);
        byte[] passed = CipherTestData.Bytes(100, seed: 1), appended = CipherTestData.Bytes(40, seed: 2);
        byte[] expected = [.. passed, .. new Frames().Add(appended).ToArray()];
        writer.Pass(passed);
        writer.Append(Flags, compression: 0, chunkIndex: 0, appended);
        Array.Clear(passed);
        await writer.FlushAsync(default);
        Assert.Equal(expected, Assert.Single(stream.Writes));
    }

    [Fact]
    public void Nothing_passes_where_packets_are_encrypted()
    {
        var writer = new PacketWriter(new MemoryStream());
        writer.Arm(PacketCipher.CreateEncryptor(Frames.Kinds["CTR"].Sent!, Frames.Key));
        Assert.Throws<InvalidOperationException>(() => writer.Pass(new byte[20]));
        writer.Dispose();
        Assert.Throws<InvalidOperationException>(() => writer.Pass(new byte[20]));
        Assert.Equal((0, 0), (writer.Pending, writer.PacketsWritten));
    }

    [Fact]
    public async Task A_cipher_applies_from_the_packet_after_it_was_set()
    {
        var stream = new ScriptedStream();
        using var writer = new PacketWriter(stream);
        var payload = CipherTestData.Bytes(100, seed: 1);
        writer.Append(Flags, compression: 0, chunkIndex: 0, payload);
        writer.Arm(PacketCipher.CreateEncryptor(Frames.Kinds["CTR"].Sent!, Frames.Key));
        writer.Append(Flags, compression: 0, chunkIndex: 0, payload);
        await writer.FlushAsync(default);

        using var reader = Frames.Reader(new MemoryStream(stream.Writes[0]));
        Assert.True(await reader.ReadAsync(default));
        Assert.False(reader.Header.IsEncrypted);
        reader.Arm(PacketCipher.CreateDecryptor(Frames.Kinds["CTR"].Known!, Frames.Key));
        Assert.True(await reader.ReadAsync(default));
        Assert.Equal(payload, reader.Payload.ToArray());
    }

    [Theory]
    [InlineData("clear", 0x1a, 0x18)]
    [InlineData("clear", 0x10, 0x10)]
    [InlineData("CBC 16", 0x18, 0x1a)]
    [InlineData("CBC 16", 0x12, 0x12)]
    public async Task The_cipher_decides_the_encrypted_flag_whatever_flags_are_given(string kind, byte given, byte written)
    {
        var (sent, known) = Frames.Kinds[kind];
        using var frames = new Frames(sent);
        using var reader = Frames.Reader(new MemoryStream(frames.Add([1, 2, 3], given, compression: 0x11, chunkIndex: 5).ToArray()), known);
        Assert.True(await reader.ReadAsync(default));
        Assert.Equal(new PacketHeader(written, 0x11, 5, 3), reader.Header);
    }

    [Fact]
    public void After_disposal_nothing_is_framed_unencrypted()
    {
        var stream = new ScriptedStream();
        var writer = new PacketWriter(stream);
        writer.Arm(PacketCipher.CreateEncryptor(Frames.Kinds["CBC 16"].Sent!, Frames.Key));
        writer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => writer.Append(Flags, compression: 0, chunkIndex: 0, [1, 2, 3]));
        Assert.Equal(0, writer.Pending);
    }

    [Fact]
    public async Task Large_packets_fit()
    {
        var stream = new ScriptedStream();
        using var writer = new PacketWriter(stream);
        writer.Arm(PacketCipher.CreateEncryptor(Frames.Kinds["CBC per packet"].Sent!, Frames.Key));
        byte[][] payloads = [CipherTestData.Bytes(3, seed: 1), CipherTestData.Bytes(5_000_000, seed: 2), CipherTestData.Bytes(70_000, seed: 3)];
        foreach (var payload in payloads)
            writer.Append(Flags, compression: 0, chunkIndex: 0, payload);
        await writer.FlushAsync(default);
        await AssertReadsAsync(stream.Writes[0], Frames.Kinds["CBC per packet"].Known, payloads);
    }

    private static async Task AssertReadsAsync(byte[] bytes, CipherParameters? cipher, byte[][] payloads)
    {
        using var reader = Frames.Reader(new MemoryStream(bytes), cipher);
        foreach (var payload in payloads)
        {
            Assert.True(await reader.ReadAsync(default));
            Assert.True(payload.AsSpan().SequenceEqual(reader.Payload.Span));
        }
        Assert.False(await reader.ReadAsync(default));
    }
}
