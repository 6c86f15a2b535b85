using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;
using System.Text.Unicode;

namespace XpraAes.Encodings;

/// <summary>
/// A dictionary in a packet, in insertion order. Keys are mostly text or integers; UTF-8 bytes are the same key as their text.
/// The typed getters are lenient, since older encodings lose types (PROTOCOL section 2), and return null for absent or unsuitable values.
/// </summary>
[SuppressMessage("Naming", "CA1711", Justification = "It is what xpra calls a dictionary; lookups are by text, so it cannot be an IDictionary of its own pairs.")]
public sealed class XpraDictionary : IReadOnlyCollection<KeyValuePair<object, object?>>
{
    /// <summary>Up to this size a linear search is as fast as hashing, and saves the memory of a hash table.</summary>
    private const int MaxWithoutIndex = 8;

    private readonly List<KeyValuePair<object, object?>> _pairs;
    private Dictionary<object, int>? _index;

    /// <summary>Creates an empty dictionary.</summary>
    public XpraDictionary()
        : this(0)
    {
    }

    internal XpraDictionary(int capacity) => _pairs = new(capacity);

    /// <summary>The number of pairs.</summary>
    public int Count => _pairs.Count;

    /// <summary>The value of that key, null if absent. Setting an existing key keeps its position.</summary>
    public object? this[string key]
    {
        get => TryGetValue(key, out var value) ? value : null;
        set => Set(key, value);
    }

    /// <summary>Sets the value of a key: text, bytes, an integer, a boolean or a float. Throws <see cref="ArgumentException"/> for other types.</summary>
    public void Set(object key, object? value)
    {
        key = AsKey(key) ?? throw new ArgumentException("A key is text, bytes, an integer, a boolean or a float.", nameof(key));
        var place = IndexOf(key);
        if (place >= 0)
        {
            _pairs[place] = new(key, value);
            return;
        }
        _index?.Add(key, _pairs.Count);
        _pairs.Add(new(key, value));
        if (_index is null && _pairs.Count > MaxWithoutIndex)
            BuildIndex();
    }

    /// <summary>Gets the value of that key; false if absent.</summary>
    public bool TryGetValue(string key, out object? v)
    {
        var place = IndexOf(key);
        v = place < 0 ? null : _pairs[place].Value;
        return place >= 0;
    }

    /// <summary>Whether that key is present.</summary>
    public bool ContainsKey(string key) => IndexOf(key) >= 0;

    /// <summary>Removes a key; false if absent.</summary>
    public bool Remove(string key)
    {
        var place = IndexOf(key);
        if (place < 0)
            return false;
        _pairs.RemoveAt(place);
        if (_index is not null)
            BuildIndex();
        return true;
    }

    /// <summary>Removes every matching text key in a single pass, since an unauthenticated client's hello may have very many.</summary>
    internal void RemoveAll(Predicate<string> match)
    {
        if (_pairs.RemoveAll(pair => pair.Key is string key && match(key)) > 0 && _index is not null)
            BuildIndex();
    }

    /// <summary>Text, or bytes that are UTF-8.</summary>
    public string? GetString(string key) => AsText(this[key]);

    /// <summary>A 64-bit integer; a boolean reads as 0 or 1.</summary>
    public long? GetInteger(string key) => this[key] switch
    {
        long number => number,
        int number => number,
        bool flag => flag ? 1 : 0,
        _ => null,
    };

    /// <summary>A boolean; 0 and 1 read as false and true, since bencode has no booleans.</summary>
    public bool? GetBoolean(string key) => GetInteger(key) switch
    {
        0 => false,
        1 => true,
        _ => null,
    };

    /// <summary>Bytes; text is converted to Latin-1 if possible, else to UTF-8.</summary>
    public byte[]? GetBytes(string key) => this[key] switch
    {
        byte[] bytes => bytes,
        string text => (text.All(c => c <= 0xff) ? Encoding.Latin1 : Encoding.UTF8).GetBytes(text),
        _ => null,
    };

    /// <summary>The strings of a list, without its other items; a single string counts as a list. Empty if absent.</summary>
    public IReadOnlyList<string> GetStrings(string key)
    {
        var value = this[key];
        if (AsText(value) is { } lone)
            return [lone];
        return value is IEnumerable<object?> items ? items.Select(AsText).OfType<string>().ToArray() : [];
    }

    /// <summary>A nested dictionary.</summary>
    public XpraDictionary? GetDictionary(string key) => this[key] as XpraDictionary;

    /// <summary>A deep copy, which shares only byte arrays.</summary>
    public XpraDictionary Clone()
    {
        var copy = new XpraDictionary(Count);
        foreach (var (key, value) in _pairs)
            copy.Set(key, CloneValue(value));
        return copy;
    }

    /// <summary>The pairs in order.</summary>
    public IEnumerator<KeyValuePair<object, object?>> GetEnumerator() => _pairs.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The normalized form of a value as a key; null if it cannot be one.</summary>
    internal static object? AsKey(object? key) => key switch
    {
        byte[] bytes => Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : bytes,
        int number => (long)number,
        string or long or BigInteger or bool or double => key,
        _ => null,
    };

    private static string? AsText(object? value) => value switch
    {
        string text => text,
        byte[] bytes when Utf8.IsValid(bytes) => Encoding.UTF8.GetString(bytes),
        _ => null,
    };

    private static object? CloneValue(object? value) => value switch
    {
        XpraDictionary dictionary => dictionary.Clone(),
        object?[] items => Array.ConvertAll(items, CloneValue),
        _ => value,
    };

    private int IndexOf(object key)
    {
        if (_index is not null)
            return _index.TryGetValue(key, out var place) ? place : -1;
        for (var i = 0; i < _pairs.Count; i++)
        {
            if (KeyComparer.Instance.Equals(_pairs[i].Key, key))
                return i;
        }
        return -1;
    }

    private void BuildIndex()
    {
        _index = new(_pairs.Capacity, KeyComparer.Instance);
        foreach (var (key, _) in _pairs)
            _index.Add(key, _index.Count);
    }

    /// <summary>Compares byte arrays by content, and hashes numbers with the process's random seed, as .NET does for strings, so that a peer cannot provoke hash collisions.</summary>
    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static readonly KeyComparer Instance = new();

        public new bool Equals(object? x, object? y) =>
            x is byte[] left && y is byte[] right ? left.AsSpan().SequenceEqual(right) : object.Equals(x, y);

        public int GetHashCode([DisallowNull] object obj)
        {
            var hash = new HashCode();
            switch (obj)
            {
                case byte[] bytes: hash.AddBytes(bytes); break;
                case long number: hash.AddBytes(BitConverter.GetBytes(number)); break;
                case double number: hash.AddBytes(BitConverter.GetBytes(number)); break;
                default: return obj.GetHashCode();
            }
            return hash.ToHashCode();
        }
    }
}
