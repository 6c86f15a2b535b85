using System.Buffers.Binary;
using XpraAes.Encodings;

namespace XpraAes.Packets;

/// <summary>
/// The 8 bytes before every payload (PROTOCOL section 1):
/// <code>
/// offset size
/// 0      1    0x50 'P'
/// 1      1    flags: 0x01 rencode, 0x02 encrypted, 0x04 yaml, 0x08 flush, 0x10 rencodeplus; no encoder flag = bencode
/// 2      1    compression: low nibble level, high nibble algorithm; 0 = none
/// 3      1    chunk index; 0 = main packet
/// 4      4    payload size, big endian: without padding, with the IV where stream is false
/// </code>
/// </summary>
internal readonly record struct PacketHeader(byte Flags, byte Compression, byte ChunkIndex, int PayloadSize)
{
    public const int Size = ProtocolDefaults.HeaderSize;
    public const byte Magic = (byte)'P';
    public const byte EncryptedFlag = 0x02;
    public const byte FlushFlag = 0x08;

    private const byte EncoderFlags = (byte)PacketEncoding.Rencode | (byte)PacketEncoding.Yaml | (byte)PacketEncoding.RencodePlus;
    private const byte KnownFlags = EncoderFlags | EncryptedFlag | FlushFlag;

    public bool IsEncrypted => (Flags & EncryptedFlag) != 0;

    public bool IsChunk => ChunkIndex != 0;

    public PacketEncoding Encoding => (PacketEncoding)(Flags & EncoderFlags);

    /// <summary>Reads 8 bytes, of which the first is <see cref="Magic"/>.</summary>
    /// <exception cref="MalformedPacketException">Unknown flags, two encoders, a chunk index above 15, a size of 0 or above 256 MiB.</exception>
    public static PacketHeader Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes[0] != Magic)
            throw new MalformedPacketException($"A packet starts with 0x50, this one with 0x{bytes[0]:x2}.");
        var flags = bytes[1];
        if ((flags & ~KnownFlags) != 0)
            throw new MalformedPacketException($"The packet header has unknown flags: 0x{flags:x2}.");
        // A power of two or none: chunks of older versions carry an encoder flag too, so only two at once are wrong.
        if (!IsSingleOrNone(flags & EncoderFlags))
            throw new MalformedPacketException($"The packet header names more than one encoder: 0x{flags:x2}.");
        if (bytes[3] > ProtocolDefaults.MaxChunkIndex)
            throw new MalformedPacketException($"The packet header has chunk index {bytes[3]}; the highest is {ProtocolDefaults.MaxChunkIndex}.");
        var size = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        if (size is 0 or > ProtocolDefaults.MaxHeaderPayload)
            throw new MalformedPacketException($"The packet header announces {size} bytes; 1 to {ProtocolDefaults.MaxHeaderPayload} are possible.");
        return new PacketHeader(flags, bytes[2], bytes[3], (int)size);
    }

    public void Write(Span<byte> destination)
    {
        destination[0] = Magic;
        destination[1] = Flags;
        destination[2] = Compression;
        destination[3] = ChunkIndex;
        BinaryPrimitives.WriteInt32BigEndian(destination[4..], PayloadSize);
    }

    private static bool IsSingleOrNone(int bits) => (bits & (bits - 1)) == 0;
}
