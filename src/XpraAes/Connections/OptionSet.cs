using System.Net;
using XpraAes.Keys;

namespace XpraAes.Connections;

/// <summary>The <c>name=value</c> options of a URI or a bind option, taken out one by one. Error messages name options, never values.</summary>
internal sealed class OptionSet(XpraErrorId errorId)
{
    private readonly Dictionary<string, List<string>> _values = [];

    /// <summary>Adds the options of a URI's query: separated by <c>&amp;</c>, percent-encoded, <c>+</c> for a space; empty values are ignored.</summary>
    internal void AddQuery(string query)
    {
        foreach (var pair in query.Split('&'))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals >= 0 && equals < pair.Length - 1)
                Add(WebUtility.UrlDecode(pair[..equals]), WebUtility.UrlDecode(pair[(equals + 1)..]));
        }
    }

    internal void Add(string name, string value)
    {
        if (!_values.TryGetValue(name, out var values))
            _values[name] = values = [];
        values.Add(value);
    }

    /// <summary>Takes out an option that may be given once, under the first of these names that has a value; null where none does.</summary>
    internal string? Take(params string[] names)
    {
        string? taken = null;
        foreach (var name in names)
        {
            var values = TakeAll(name);
            if (values.Count > 1)
                throw new XpraAesException(errorId, $"The option {name}= is given {values.Count} times.", "Give it once.");
            if (values.Count == 1 && values[0].Length > 0)
                taken ??= values[0];
        }
        return taken;
    }

    /// <summary>Takes out an option that may be repeated.</summary>
    internal IReadOnlyList<string> TakeAll(string name) => _values.Remove(name, out var values) ? values : [];

    /// <summary>Takes out <c>keyfile=</c> and <c>keydata=</c>, under either of xpra's names for each. Throws KeyTextInvalid.</summary>
    internal (string? KeyFile, XpraKey? Key) TakeKey()
    {
        var keyData = Take("encryption-keydata", "keydata");
        return (Take("encryption-keyfile", "keyfile"), keyData is null ? null : XpraKey.FromXpraText(keyData));
    }

    /// <summary>The remaining options, without passwords; of a repeated one, the last value.</summary>
    internal IReadOnlyDictionary<string, string> Rest()
        => _values.Where(option => !option.Key.Contains("password", StringComparison.OrdinalIgnoreCase)).ToDictionary(option => option.Key, option => option.Value[^1]);
}
