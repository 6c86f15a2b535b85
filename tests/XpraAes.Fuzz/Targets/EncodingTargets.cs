using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Packets;

namespace XpraAes.Fuzz.Targets;

/// <summary>The packet encodings, and the translation of one into another.</summary>
internal static class EncodingTargets
{
    private static readonly DecodeLimits s_limits = new(Limits.Default.EncodingDepth, Limits.Default.EncodingItems);

    public static void RencodePlus(byte[] input) => RoundTrip(PacketEncoding.RencodePlus, input);

    public static void Rencode(byte[] input) => RoundTrip(PacketEncoding.Rencode, input);

    public static void Bencode(byte[] input) => RoundTrip(PacketEncoding.Bencode, input);

    /// <summary>What a gateway translates decodes at the other side: byte 0 tells from which encoding, and whether compressed.</summary>
    public static void Translator(byte[] input)
    {
        if (input.Length == 0)
            return;
        var source = (input[0] % 3) switch { 0 => PacketEncoding.Rencode, 1 => PacketEncoding.Bencode, _ => PacketEncoding.RencodePlus };
        var target = source == PacketEncoding.RencodePlus ? PacketEncoding.Rencode : PacketEncoding.RencodePlus;
        var header = new PacketHeader((byte)source, (byte)(input[0] & 0xf0), 0, Math.Max(1, input.Length - 1));
        var translated = new PacketTranslator(target, Limits.Default).Translate(header, input.AsSpan(1));
        Expect.That(PacketCodec.Decode(target, translated, s_limits) is object?[] { Length: > 0 }, "A translated packet is none.");
    }

    /// <summary>What decodes encodes to something that decodes to the same, and memory stays in proportion.</summary>
    private static void RoundTrip(PacketEncoding encoding, byte[] input)
    {
        var value = Expect.WithinMemory(Allowance(input), () => Decode(encoding, input));
        var encoded = PacketCodec.Encode(encoding, value);
        var again = PacketCodec.Encode(encoding, Decode(encoding, encoded));
        Expect.That(encoded.AsSpan().SequenceEqual(again), "What was decoded comes back as something else after encoding.");
        // 32-bit floats grow to 64 bits; a dictionary keeps one of equal keys; nothing else changes its size by much.
        Expect.That(encoded.Length <= 2 * input.Length + 16, "It encodes to much more than it was decoded from.");
    }

    /// <summary>A byte can be an empty dictionary, the largest object that one byte can make; an exception has a trace.</summary>
    private static long Allowance(byte[] input) => 64 * 1024 + 256L * input.Length;

    private static object? Decode(PacketEncoding encoding, byte[] data)
    {
        try
        {
            return PacketCodec.Decode(encoding, data, s_limits);
        }
        catch (XpraAesException e)
        {
            Expect.That(e is MalformedPacketException, "A decoder throws something other than MalformedPacketException.");
            throw;
        }
    }
}
