using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using K4os.Compression.LZ4;

namespace XpraAes.Packets;

/// <summary>Byte 2 of the packet header (PROTOCOL section 1): the level in the low nibble, one bit per algorithm in the high nibble; only a level means zlib, 0 uncompressed.</summary>
internal static class PacketCompression
{
    private const byte Lz4 = 0x10, Lzo = 0x20, Brotli = 0x40, Zstd = 0x80, AlgorithmBits = 0xf0;

    /// <summary>Header byte 2 of what <see cref="CompressLz4"/> returns, with the level that xpra uses most.</summary>
    public const byte Lz4Header = Lz4 | 1;

    /// <summary>Header byte 2 of what <see cref="CompressZlib"/> returns.</summary>
    public const byte ZlibHeader = 1;

    private const int SizeSize = 4, ChecksumSize = 4;

    /// <summary>An LZ4 block has at least one byte for every 255 bytes of output.</summary>
    private const int MaxLz4Ratio = 255;

    /// <summary>The algorithm's name, for messages and logs.</summary>
    public static string Name(byte compression) => (compression & AlgorithmBits) switch
    {
        0 => compression == 0 ? "none" : "zlib",
        Lz4 => "lz4",
        Lzo => "lzo",
        Brotli => "brotli",
        Zstd => "zstd",
        _ => FormattableString.Invariant($"0x{compression:x2}"),
    };

    /// <summary>
    /// The content, of at most <paramref name="maxSize"/> bytes; the limit is enforced while decompressing, not afterwards.
    /// Throws <see cref="MalformedPacketException"/>, with id UnsupportedCompression for lzo and zstd.
    /// </summary>
    public static byte[] Decompress(byte compression, ReadOnlySpan<byte> data, int maxSize)
    {
        switch (compression & AlgorithmBits)
        {
            case 0 when compression == 0: return data.Length <= maxSize ? data.ToArray() : throw TooLarge(compression, maxSize);
            case 0: return DecompressZlib(compression, data, maxSize);
            case Lz4: return DecompressLz4(compression, data, maxSize);
            case Brotli: return DecompressBrotli(compression, data, maxSize);
            case Lzo or Zstd:
                throw new MalformedPacketException(
                    $"The packet is compressed with {Name(compression)}, which is not supported here. Start the peer with --compressors=lz4.",
                    XpraErrorId.UnsupportedCompression);
            default:
                throw new MalformedPacketException(FormattableString.Invariant($"The packet's compression byte (0x{compression:x2}) names several algorithms."));
        }
    }

    /// <summary>4-byte size, little endian, then one raw LZ4 block.</summary>
    public static byte[] CompressLz4(ReadOnlySpan<byte> data)
    {
        var output = new byte[SizeSize + LZ4Codec.MaximumOutputSize(data.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(output, data.Length);
        return output[..(SizeSize + LZ4Codec.Encode(data, output.AsSpan(SizeSize)))];
    }

    /// <summary>One zlib stream (RFC 1950).</summary>
    public static byte[] CompressZlib(ReadOnlySpan<byte> data)
    {
        var output = new MemoryStream();
        using (var zlib = new ZLibStream(output, CompressionLevel.Fastest, leaveOpen: true))
            zlib.Write(data);
        return output.ToArray();
    }

    private static byte[] DecompressLz4(byte compression, ReadOnlySpan<byte> data, int maxSize)
    {
        if (data.Length <= SizeSize)
            throw Corrupt(compression);
        var size = BinaryPrimitives.ReadUInt32LittleEndian(data);
        var block = data[SizeSize..];
        if (size > maxSize)
            throw TooLarge(compression, maxSize);
        if (size == 0 || size > (long)block.Length * MaxLz4Ratio)
            throw Corrupt(compression);
        var output = new byte[size];
        return LZ4Codec.Decode(block, output) == output.Length ? output : throw Corrupt(compression);
    }

    private static byte[] DecompressBrotli(byte compression, ReadOnlySpan<byte> data, int maxSize)
    {
        var output = new ArrayBufferWriter<byte>();
        using var decoder = new BrotliDecoder();
        OperationStatus status;
        do
        {
            status = decoder.Decompress(data, Room(output, maxSize), out var consumed, out var written);
            data = data[consumed..];
            output.Advance(written);
            if (output.WrittenCount > maxSize)
                throw TooLarge(compression, maxSize);
        }
        while (status == OperationStatus.DestinationTooSmall);
        return status == OperationStatus.Done && data.IsEmpty ? output.WrittenSpan.ToArray() : throw Corrupt(compression);
    }

    private static byte[] DecompressZlib(byte compression, ReadOnlySpan<byte> data, int maxSize)
    {
        if (data.Length <= ChecksumSize)
            throw Corrupt(compression);
        var output = new ArrayBufferWriter<byte>();
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(data.ToArray()), CompressionMode.Decompress);
            while (zlib.Read(Room(output, maxSize)) is var read and > 0)
            {
                output.Advance(read);
                if (output.WrittenCount > maxSize)
                    throw TooLarge(compression, maxSize);
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            // IOException: the stream needs a preset dictionary.
            throw Corrupt(compression, e);
        }

        // .NET accepts a stream that is truncated or followed by other data; the checksum at the end detects both.
        var content = output.WrittenSpan.ToArray();
        return BinaryPrimitives.ReadUInt32BigEndian(data[^ChecksumSize..]) == Adler32(content) ? content : throw Corrupt(compression);
    }

    /// <summary>Space for the next piece, up to one byte over the limit, to detect that it is exceeded.</summary>
    private static Span<byte> Room(ArrayBufferWriter<byte> output, int maxSize)
    {
        var room = output.GetSpan(4096);
        return room[..(int)Math.Min(room.Length, maxSize + 1L - output.WrittenCount)];
    }

    /// <summary>RFC 1950 section 9.</summary>
    private static uint Adler32(ReadOnlySpan<byte> data)
    {
        const uint Modulus = 65521;
        uint a = 1, b = 0;
        foreach (var value in data)
        {
            a = (a + value) % Modulus;
            b = (b + a) % Modulus;
        }
        return (b << 16) | a;
    }

    private static MalformedPacketException Corrupt(byte compression, Exception? cause = null) =>
        new($"The packet's {Name(compression)} data is corrupt.", innerException: cause);

    private static MalformedPacketException TooLarge(byte compression, int maxSize) =>
        new(FormattableString.Invariant($"The packet ({Name(compression)}) decompresses to more than the {maxSize} bytes that the limit allows."));
}
