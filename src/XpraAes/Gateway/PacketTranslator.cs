using System.Text;
using System.Text.Unicode;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Gateway;

/// <summary>
/// Re-encodes packets where the two ends of a gateway share no encoding: xpra 3.1 to 4.2 have no rencodeplus, 6.0 and later have
/// nothing else. rencode does not distinguish text from bytes: valid UTF-8 becomes text, except in <see cref="BinaryFields"/>.
/// </summary>
internal sealed class PacketTranslator(PacketEncoding target, Limits limits)
{
    private const string KeymapChanged = "keymap-changed";

    private readonly DecodeLimits _decodeLimits = new(limits.EncodingDepth, limits.EncodingItems);

    /// <summary>The encoding that packets are translated to.</summary>
    public PacketEncoding Target => target;

    /// <summary>Re-encodes a packet, uncompressed.</summary>
    /// <exception cref="MalformedPacketException">The packet does not decompress or decode.</exception>
    public byte[] Translate(PacketHeader header, ReadOnlySpan<byte> data)
    {
        if (header.Compression != 0)
            data = PacketCompression.Decompress(header.Compression, data, limits.DecompressedSize);
        if (PacketCodec.Decode(header.Encoding, data, _decodeLimits) is not object?[] { Length: > 0 } items)
            throw new MalformedPacketException("A packet is a list that starts with its type; this one is not.");
        if (target == PacketEncoding.RencodePlus)
            items = ToText(items);
        else if (items is [KeymapChanged, XpraDictionary properties, ..])
            Hello.AddFlatKeymap(properties);
        return PacketCodec.Encode(target, items);
    }

    /// <summary>Turns the byte strings of a packet in rencode or bencode into text where they are text.</summary>
    public static object?[] ToText(object?[] items)
    {
        var type = new Packet(items, default).Type;
        for (var i = 0; i < items.Length; i++)
        {
            if (!BinaryFields.IsBinary(type, i))
                items[i] = ToText(items[i]);
        }
        return items;
    }

    private static object? ToText(object? value)
    {
        switch (value)
        {
            case byte[] bytes:
                return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : bytes;
            case object?[] list:
                for (var i = 0; i < list.Length; i++)
                    list[i] = ToText(list[i]);
                return list;
            case XpraDictionary dictionary:
                foreach (var (key, item) in dictionary.ToArray())
                {
                    if (key is not string name || !BinaryFields.IsBinaryCapability(name))
                        dictionary.Set(key, ToText(item));
                }
                return dictionary;
            default:
                return value;
        }
    }
}
