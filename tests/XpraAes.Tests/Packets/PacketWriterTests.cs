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
