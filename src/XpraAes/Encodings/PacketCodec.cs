namespace XpraAes.Encodings;

/// <summary>
/// Encodes and decodes a packet's values (PROTOCOL section 2). Values are null, bool, long, <see cref="System.Numerics.BigInteger"/>
/// (only outside 64 bits), double, string, byte[], object?[] (lists and tuples) and <see cref="XpraDictionary"/>.
/// </summary>
public static class PacketCodec
{
    private static readonly RencodePlus s_rencodePlus = new();
    private static readonly Rencode s_rencode = new();
    private static readonly Bencode s_bencode = new();

    /// <summary>
    /// Encodes one value; also accepts the other integer types, float, any IDictionary, any IEnumerable as a list, and any sequence of bytes.
    /// Throws <see cref="XpraAesException"/> (InvalidOption) for values that the encoding does not have, such as null and float in bencode.
    /// </summary>
    public static byte[] Encode(PacketEncoding e, object? value) => Format(e).Encode(value);

    /// <summary>
    /// Decodes one value, which must be all of <paramref name="data"/>. Throws only <see cref="MalformedPacketException"/>, whatever the bytes.
    /// rencode and bencode do not distinguish text from bytes: strings are decoded as byte[], dictionary keys as string if they are UTF-8.
    /// </summary>
    public static object? Decode(PacketEncoding e, ReadOnlySpan<byte> data, DecodeLimits limits) => Format(e).Decode(data, limits);

    private static ValueFormat Format(PacketEncoding encoding) => encoding switch
    {
        PacketEncoding.RencodePlus => s_rencodePlus,
        PacketEncoding.Rencode => s_rencode,
        PacketEncoding.Bencode => s_bencode,
        PacketEncoding.Yaml => throw new MalformedPacketException(
            "The packet's encoding is yaml, which is not supported here. Start the peer with --packet-encoders=rencodeplus, or with rencode before xpra 4.3.",
            XpraErrorId.UnsupportedEncoding),
        _ => throw new MalformedPacketException($"The packet's encoding flags (0x{(int)encoding:x2}) name no encoding, or several."),
    };
}
