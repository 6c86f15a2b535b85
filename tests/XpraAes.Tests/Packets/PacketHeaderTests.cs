using System.Buffers.Binary;
using XpraAes.Encodings;
using XpraAes.Packets;
using Xunit;

namespace XpraAes.Tests.Packets;

/// <summary>The limits of PROTOCOL section 1.</summary>
public sealed class PacketHeaderTests
{
    [Fact]
    public void Only_known_flags_with_at_most_one_encoder_are_accepted()
    {
        byte[] encoders = [0, 0x01, 0x04, 0x10];
        byte[] others = [0, 0x02, 0x08, 0x0a];
        var valid = encoders.SelectMany(encoder => others.Select(other => (byte)(encoder | other))).ToHashSet();
        for (var flags = 0; flags <= 0xff; flags++)
        {
            var bytes = Bytes(flags: (byte)flags);
            if (valid.Contains((byte)flags))
                Assert.Equal((byte)flags, PacketHeader.Parse(bytes).Flags);
            else
                Assert.Throws<MalformedPacketException>(() => PacketHeader.Parse(bytes));
        }
    }

    [Theory]
    [InlineData(0x00, PacketEncoding.Bencode, false)]
    [InlineData(0x01, PacketEncoding.Rencode, false)]
    [InlineData(0x0a, PacketEncoding.Bencode, true)]
    [InlineData(0x04, PacketEncoding.Yaml, false)]
    [InlineData(0x10, PacketEncoding.RencodePlus, false)]
    [InlineData(0x1a, PacketEncoding.RencodePlus, true)]
    public void Flags_give_the_encoder_and_whether_it_is_encrypted(byte flags, PacketEncoding encoding, bool encrypted)
    {
        var header = PacketHeader.Parse(Bytes(flags));
        Assert.Equal(encoding, header.Encoding);
        Assert.Equal(encrypted, header.IsEncrypted);
    }

    [Fact]
    public void Every_packet_must_start_with_a_P()
    {
        for (var first = 0; first <= 0xff; first++)
        {
            var bytes = Bytes();
            bytes[0] = (byte)first;
            if (first == 'P')
                PacketHeader.Parse(bytes);
            else
                Assert.Throws<MalformedPacketException>(() => PacketHeader.Parse(bytes));
        }
    }

    [Fact]
    public void Chunk_indexes_end_at_15_and_0_is_the_main_packet()
    {
        for (var index = 0; index <= 0xff; index++)
        {
            var bytes = Bytes(chunkIndex: (byte)index);
            if (index > 15)
                Assert.Throws<MalformedPacketException>(() => PacketHeader.Parse(bytes));
            else
                Assert.Equal(index != 0, PacketHeader.Parse(bytes).IsChunk);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0x01020304)]
    [InlineData(256 * 1024 * 1024)]
    public void Sizes_up_to_256_MiB_are_accepted(uint size)
        => Assert.Equal((int)size, PacketHeader.Parse(Bytes(size: size)).PayloadSize);

    [Theory]
    [InlineData(0)]
    [InlineData(256 * 1024 * 1024 + 1)]
    [InlineData(0x80000000)]
    [InlineData(0xffffffff)]
    public void Zero_and_more_than_256_MiB_are_malformed(uint size)
        => Assert.Throws<MalformedPacketException>(() => PacketHeader.Parse(Bytes(size: size)));

    [Fact]
    public void What_is_written_is_read_back()
    {
        var header = new PacketHeader(0x1a, 0x11, 7, 0x00a1b2c3);
        Span<byte> bytes = stackalloc byte[PacketHeader.Size];
        header.Write(bytes);
        Assert.Equal("501A110700A1B2C3", Convert.ToHexString(bytes));
        Assert.Equal(header, PacketHeader.Parse(bytes));
    }

    private static byte[] Bytes(byte flags = 0x10, byte compression = 0, byte chunkIndex = 0, uint size = 100)
    {
        byte[] bytes = [(byte)'P', flags, compression, chunkIndex, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), size);
        return bytes;
    }
}
