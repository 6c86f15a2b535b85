using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using XpraAes.Encodings;
using XpraAes.Packets;
using XpraAes.Tests.Encodings;
using Xunit;

namespace XpraAes.Tests.Packets;

public sealed class PacketCompressionTests
{
    private const byte Lz4 = 0x11, Brotli = 0x41, Zlib = 0x01;
    private const int Limit = 1 << 20;

    public static TheoryData<byte> Algorithms => [Lz4, Brotli, Zlib];

    [Fact]
    public void Every_unencrypted_first_packet_decompresses_and_decodes()
    {
        var algorithms = new HashSet<string>();
        foreach (var capture in Capture.All.Where(capture => !capture.IsWebSocket))
        {
            var packet = capture.Packets[0];
            if (packet.GetProperty("encrypted").GetBoolean())
                continue;
            var stream = capture.Stream(packet.GetProperty("dir").GetString()!);
            var header = packet.GetProperty("header");
            var compression = header.GetProperty("level").GetByte();
            var payload = stream.AsSpan(packet.GetProperty("offset").GetInt32() + 8, header.GetProperty("size").GetInt32());
            Assert.Equal(packet.GetProperty("plain_sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(payload)));
            Assert.Equal(packet.GetProperty("compression").GetString() ?? "none", PacketCompression.Name(compression));

            var encoding = (PacketEncoding)(header.GetProperty("flags").GetByte() & 0x15);
            var list = (object?[])PacketCodec.Decode(encoding, PacketCompression.Decompress(compression, payload, Limit), Values.Limits)!;
            Assert.Equal("hello", new XpraDictionary { ["type"] = list[0] }.GetString("type"));
            Assert.NotNull(((XpraDictionary)list[1]!).GetString("version"));
            algorithms.Add(PacketCompression.Name(compression));
        }
        Assert.Superset(new HashSet<string> { "lz4", "zlib" }, algorithms);
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Compressed_data_round_trips_with_a_limit_of_exactly_its_size(byte compression)
    {
        var random = new Random(4);
        foreach (var size in new[] { 1, 2, 63, 4095, 4096, 4097, 70_000, 300_001 })
        {
            var content = new byte[size];
            random.NextBytes(content.AsSpan(0, size / 3));
            var packed = Compress(compression, content);

            Assert.Equal(content, PacketCompression.Decompress(compression, packed, size));
            var thrown = Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(compression, packed, size - 1));
            Assert.Contains("limit", thrown.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void A_decompression_bomb_is_rejected_before_it_takes_memory(byte compression)
    {
        var bomb = Compress(compression, new byte[200 << 20]);
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(compression, bomb, Limit));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(compression, bomb, Limit));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, bomb.Length + 8 * Limit);
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Truncated_data_and_trailing_data_are_malformed(byte compression)
    {
        var packed = Compress(compression, Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 200).Select(n => "item" + n))));
        for (var length = 0; length < packed.Length; length++)
            Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(compression, packed.AsSpan(0, length), Limit));
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(compression, [.. packed, 0], Limit));
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Corrupt_data_gives_some_content_or_a_malformed_packet(byte compression)
    {
        var random = new Random(5);
        var packed = Compress(compression, Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 300).Select(n => "item" + n))));
        for (var i = 0; i < 5_000; i++)
        {
            var copy = packed.ToArray();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                copy[random.Next(copy.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                Assert.InRange(PacketCompression.Decompress(compression, copy, 65536).Length, 0, 65536);
            }
            catch (MalformedPacketException)
            {
                continue;
            }
        }
    }

    [Theory]
    [InlineData("78bb0000000100000000")] // the FDICT bit set, then a dictionary's checksum
    [InlineData("78f9000000010300000000")]
    public void Zlib_data_that_needs_a_preset_dictionary_is_malformed(string hex)
        => Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(PacketCompression.ZlibHeader, Convert.FromHexString(hex), Limit));

    [Theory]
    [InlineData(0u)]
    [InlineData(99u)]
    [InlineData(101u)]
    [InlineData(1048577u)]
    [InlineData(0x7fffffffu)]
    [InlineData(0x80000000u)]
    [InlineData(0xffffffffu)]
    public void An_lz4_size_that_does_not_match_the_content_is_malformed(uint announced)
    {
        var packed = PacketCompression.CompressLz4(new byte[100]);
        BinaryPrimitives.WriteUInt32LittleEndian(packed, announced);
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(Lz4, packed, Limit));
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(Lz4, packed, int.MaxValue));
    }

    [Fact]
    public void An_impossible_lz4_size_costs_no_memory()
    {
        byte[] packed = [0xff, 0xff, 0xff, 0x00, 0x1f, 0x00];
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(Lz4, packed, int.MaxValue));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(Lz4, packed, int.MaxValue));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Theory]
    [InlineData(0x21, "lzo")]
    [InlineData(0x81, "zstd")]
    public void Unsupported_algorithms_are_rejected_by_name(byte compression, string name)
    {
        var thrown = Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(compression, new byte[10], Limit));
        Assert.Equal(XpraErrorId.UnsupportedCompression, thrown.Id);
        Assert.Contains(name, thrown.Message, StringComparison.Ordinal);
        Assert.Equal(name, PacketCompression.Name(compression));
    }

    [Theory]
    [InlineData(0x31)]
    [InlineData(0x51)]
    [InlineData(0xf0)]
    public void Several_algorithms_at_once_are_malformed(byte compression)
    {
        var thrown = Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(compression, new byte[10], Limit));
        Assert.Equal(XpraErrorId.MalformedPacket, thrown.Id);
    }

    [Fact]
    public void Uncompressed_content_is_limited_too()
    {
        Assert.Equal([1, 2, 3], PacketCompression.Decompress(0, [1, 2, 3], 3));
        Assert.Throws<MalformedPacketException>(() => PacketCompression.Decompress(0, [1, 2, 3], 2));
    }

    [Theory]
    [InlineData(0x00, "none")]
    [InlineData(0x01, "zlib")]
    [InlineData(0x1a, "lz4")]
    [InlineData(0x10, "lz4")]
    [InlineData(0x45, "brotli")]
    public void The_header_byte_names_the_algorithm(byte compression, string name)
    {
        Assert.Equal(name, PacketCompression.Name(compression));
    }

    private static byte[] Compress(byte compression, byte[] content)
    {
        switch (compression)
        {
            case Lz4: return PacketCompression.CompressLz4(content);
            case Zlib: return PacketCompression.CompressZlib(content);
            default:
                var output = new MemoryStream();
                using (var brotli = new BrotliStream(output, CompressionLevel.Fastest, leaveOpen: true))
                    brotli.Write(content);
                return output.ToArray();
        }
    }
}
