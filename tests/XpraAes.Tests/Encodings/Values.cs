using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Tests.Encodings;

/// <summary>Packet values for tests: read from the captures' JSON, random, and converted to text for comparison.</summary>
internal static class Values
{
    public static readonly DecodeLimits Limits = new(32, 500_000);

    /// <summary>The value given to a peer's encoder. A dictionary with non-text keys becomes an IDictionary, which keeps byte keys as bytes.</summary>
    public static object? FromJson(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Number when json.TryGetInt64(out var number) && !json.GetRawText().Contains('.') => number,
        JsonValueKind.Number => json.GetDouble(),
        JsonValueKind.Array => json.EnumerateArray().Select(FromJson).ToArray(),
        _ => FromObject(json),
    };

    private static object FromObject(JsonElement json)
    {
        if (json.TryGetProperty("$int", out var number))
        {
            var big = BigInteger.Parse(number.GetString()!, CultureInfo.InvariantCulture);
            return big >= long.MinValue && big <= long.MaxValue ? (object)(long)big : big;
        }
        if (json.TryGetProperty("$b", out var text))
            return Encoding.Latin1.GetBytes(text.GetString()!);
        if (json.TryGetProperty("$bx", out var hex))
            return Convert.FromHexString(hex.GetString()!);
        if (json.TryGetProperty("$dict", out var pairs))
            return pairs.EnumerateArray().ToDictionary(pair => FromJson(pair[0])!, pair => FromJson(pair[1]));
        var dictionary = new XpraDictionary();
        foreach (var property in json.EnumerateObject())
            dictionary[property.Name] = FromJson(property.Value);
        return dictionary;
    }

    /// <summary>What a value looks like after encoding and decoding.</summary>
    public static object? AfterDecoding(object? value, PacketEncoding encoding) => value switch
    {
        string text when encoding != PacketEncoding.RencodePlus => Encoding.UTF8.GetBytes(text),
        double number when encoding == PacketEncoding.Rencode => (double)(float)number,
        bool flag when encoding == PacketEncoding.Bencode => flag ? 1L : 0L,
        object?[] items => Array.ConvertAll(items, item => AfterDecoding(item, encoding)),
        XpraDictionary dictionary => Rebuild(dictionary, encoding),
        Dictionary<object, object?> dictionary => Rebuild(dictionary!, encoding),
        _ => value,
    };

    private static XpraDictionary Rebuild(IEnumerable<KeyValuePair<object, object?>> pairs, PacketEncoding encoding)
    {
        var rebuilt = new XpraDictionary();
        foreach (var (key, value) in pairs)
            rebuilt.Set(key, AfterDecoding(value, encoding));
        return rebuilt;
    }

    /// <summary>The value in one line, including types and order.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        BigInteger number => number.ToString(CultureInfo.InvariantCulture) + "n",
        double number => number.ToString("R", CultureInfo.InvariantCulture) + "d",
        string text => '"' + text + '"',
        byte[] bytes => '<' + Convert.ToHexString(bytes) + '>',
        object?[] items => '[' + string.Join(", ", items.Select(Describe)) + ']',
        XpraDictionary pairs => '{' + string.Join(", ", pairs.Select(pair => Describe(pair.Key) + ": " + Describe(pair.Value))) + '}',
        _ => throw new ArgumentException($"{value.GetType()} is no packet value."),
    };

    /// <summary>A random value that the encoding supports.</summary>
    public static object? Random(Random random, PacketEncoding encoding, int depth = 4)
    {
        var kind = random.Next(depth > 0 ? 10 : 6);
        switch (kind)
        {
            case 0 when encoding != PacketEncoding.Bencode: return null;
            case 1: return random.Next(2) == 0;
            case 2: return random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
            case 3 when encoding != PacketEncoding.Bencode: return random.Next(4) == 0 ? double.NegativeInfinity : (random.NextDouble() - 0.5) * 1e6;
            case 4: return RandomText(random);
            case 5: return RandomBytes(random);
            case 6 or 7: return Enumerable.Range(0, RandomCount(random, depth, 64)).Select(_ => Random(random, encoding, depth - 1)).ToArray();
            case 8 or 9:
                var dictionary = new XpraDictionary();
                for (var i = RandomCount(random, depth, 25); i > 0; i--)
                    dictionary.Set(random.Next(3) == 0 ? random.Next(1000) : RandomText(random), Random(random, encoding, depth - 1));
                return dictionary;
            default: return BigInteger.Pow(10, random.Next(19, 62)) * (random.Next(2) == 0 ? 1 : -1) + random.Next();
        }
    }

    /// <summary>A random count, mostly small, sometimes near where the layout changes.</summary>
    private static int RandomCount(Random random, int depth, int change) =>
        depth < 3 && random.Next(8) == 0 ? random.Next(change - 2, change + 3) : random.Next(6);

    private static string RandomText(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(8) == 0 ? random.Next(120) : random.Next(12)).Select(_ => random.Next(5) switch
        {
            0 => "é",
            1 => "€",
            2 => "\U0001F600",
            _ => ((char)random.Next(0x20, 0x7f)).ToString(),
        }));

    private static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[random.Next(8) == 0 ? random.Next(1000) : random.Next(70)];
        random.NextBytes(bytes);
        return bytes;
    }
}
