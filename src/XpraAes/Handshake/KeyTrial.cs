using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>Finds the key that decrypts the next packet, without consuming it.</summary>
internal static class KeyTrial
{
    /// <summary>The first key under which the next packet decrypts and decodes. Null where none does, or where the packet is unencrypted.</summary>
    public static async Task<XpraKey?> FindAsync(PacketChannel channel, IEnumerable<XpraKey> keys, CipherParameters parameters, Limits limits, CancellationToken cancellationToken)
    {
        var header = await channel.PeekHeaderAsync(cancellationToken).ConfigureAwait(false);
        if (!header.IsEncrypted || header.PayloadSize > channel.Reader.MaxPayloadSize)
            return null;
        foreach (var key in keys)
        {
            using var decryptor = SessionCiphers.CreateDecryptor(key, parameters);
            var wire = (await channel.PeekAsync(PacketHeader.Size + decryptor.WireSize(header.PayloadSize), cancellationToken).ConfigureAwait(false))[PacketHeader.Size..];
            var plain = wire.ToArray();
            // MoreNeeded means that the padding is right so far, from a peer that pads to 32 bytes.
            if (decryptor.Decrypt(plain, header.PayloadSize) != DecryptStatus.WrongPadding
                && DecodesToPacket(plain.AsSpan(decryptor.DataOffset..header.PayloadSize), header, limits))
            {
                return key;
            }
        }
        return null;
    }

    /// <summary>Whether decrypted data decompresses and decodes to a packet with a name.</summary>
    public static bool DecodesToPacket(ReadOnlySpan<byte> data, PacketHeader header, Limits limits)
    {
        try
        {
            if (header.Compression != 0)
                data = PacketCompression.Decompress(header.Compression, data, limits.DecompressedSize);
            return PacketCodec.Decode(header.Encoding, data, new DecodeLimits(limits.EncodingDepth, limits.EncodingItems)) is object?[] items
                && new Packet(items, header).HasName;
        }
        catch (MalformedPacketException)
        {
            return false;
        }
    }
}
