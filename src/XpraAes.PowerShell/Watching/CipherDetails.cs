using System.Globalization;
using System.Text.Json;

namespace XpraAes.PowerShell.Watching;

/// <summary>The ciphers of a session, each property once where it is the same in both directions.</summary>
internal static class CipherDetails
{
    /// <summary>Arbitrary, twice as many as there are; what another process sends may be anything.</summary>
    private const int MaxProperties = 50, MaxTextLength = 512;

    /// <summary>The rows of Get-XpraCipherInfo, two for each leg.</summary>
    public static IEnumerable<DetailSection> Of(IReadOnlyList<CipherInfo> ciphers)
        => Of([.. ciphers.Select(cipher => typeof(CipherInfo).GetProperties().Select(property => (property.Name, Text(property.GetValue(cipher)))).ToArray())]);

    /// <summary>The same from another process.</summary>
    public static IEnumerable<DetailSection> Of(IReadOnlyList<JsonElement> ciphers)
        => Of([.. ciphers.Select(cipher => cipher.EnumerateObject().Take(MaxProperties).Select(property => (Cut(property.Name), Text(property.Value))).ToArray())]);

    private static IEnumerable<DetailSection> Of((string Name, string Value)[][] ciphers)
    {
        var legs = ciphers.Chunk(2).ToArray();
        for (var i = 0; i < legs.Length; i++)
        {
            List<(string, string)> rows = [];
            foreach (var name in legs[i][0].Select(property => property.Name).Where(name => name != nameof(CipherInfo.Direction)))
            {
                var values = legs[i].Select(cipher => (Direction: ValueOf(cipher, nameof(CipherInfo.Direction)), Value: ValueOf(cipher, name))).ToArray();
                if (values.Select(value => value.Value).Distinct().Count() == 1)
                    rows.Add((name, values[0].Value));
                else
                    rows.AddRange(values.Select(value => ($"{name}, {value.Direction.ToLowerInvariant()}", value.Value)));
            }
            yield return new DetailSection(legs.Length == 1 ? "Cipher" : i == 0 ? "Leg to the client" : "Leg to the target", rows);
        }
    }

    private static string ValueOf((string Name, string Value)[] cipher, string name) => Array.Find(cipher, property => property.Name == name).Value ?? "-";

    private static string Text(object? value) => value switch
    {
        null => "-",
        bool isSo => isSo ? "yes" : "no",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : "-",
    };

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Cut(Text(value.GetString())),
        JsonValueKind.True => Text(true),
        JsonValueKind.False => Text(false),
        JsonValueKind.Number => Cut(value.GetRawText()),
        _ => "-",
    };

    private static string Cut(string text) => text.Length <= MaxTextLength ? text : text[..MaxTextLength];
}
