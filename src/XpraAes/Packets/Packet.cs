using System.Buffers;
using System.Text;
using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Packets;

/// <summary>One decoded packet: a list whose first item names its type (PROTOCOL section 2).</summary>
internal sealed record Packet(object?[] Items, PacketHeader Header)
{
    private static readonly SearchValues<char> s_nameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    /// <summary>The type's name, the old one if there are two. Aliases (integers, xpra 3.1) become <c>#n</c>; we never announce any.</summary>
    public string Type { get; } = Items.Length == 0 ? "" : Items[0] switch
    {
        string s => PacketNames.Old(s),
        byte[] b => PacketNames.Old(Encoding.Latin1.GetString(b)),
        long n => $"#{n}",
        _ => "",
    };

    /// <summary>Whether it starts with a plausible type name, and so is not just noise that happened to decode. False for aliases.</summary>
    public bool HasName => Type.Length > 2 && !Type.AsSpan().ContainsAnyExcept(s_nameCharacters);

    public object? this[int index] => index < Items.Length ? Items[index] : null;

    public XpraDictionary? Dictionary(int index) => this[index] as XpraDictionary;

    public byte[]? Bytes(int index) => this[index] switch
    {
        byte[] b => b,
        string s => Encoding.UTF8.GetBytes(s),
        _ => null,
    };

    /// <summary>A text item, sanitized for display; empty if there is none.</summary>
    public string Text(int index) => this[index] switch
    {
        string s => PeerIdentification.Sanitize(s),
        byte[] b => PeerIdentification.Sanitize(Encoding.UTF8.GetString(b)),
        long n => n.ToString(System.Globalization.CultureInfo.InvariantCulture),
        _ => "",
    };
}
