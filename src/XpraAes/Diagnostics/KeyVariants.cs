using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using XpraAes.Keys;

namespace XpraAes.Diagnostics;

/// <summary>Forms that a key takes when editors, shells and encoders change it, and that the other side may hold instead. At most 16, the likeliest first.</summary>
internal sealed class KeyVariants : IDisposable
{
    /// <summary>The form of a server that has no key and uses the password instead.</summary>
    public const string Password = "not at all, but the password in its place";

    private const int Limit = 16;
    private const byte CaseBit = 0x20;

    private readonly List<(string Form, SecretBuffer Data)> _items = [];

    /// <summary>Creates the forms of this key data, excluding the data itself.</summary>
    public KeyVariants(ReadOnlySpan<byte> key, SecretBuffer? password)
    {
        Add(key, Password, password?.Clone());
        Add(key, "with a newline at its end", key, "\n"u8);
        Add(key, "with CR and LF at its end", key, "\r\n"u8);
        Add(key, "without the byte order mark before it", key.StartsWith("\uFEFF"u8) ? key[3..] : []);
        Add(key, "without the white space around it", key.Trim(" \t\r\n\v\f"u8));
        Add(key, "without the NUL at its end", key.TrimEnd((byte)0));
        Add(key, "with a UTF-8 byte order mark before it", "\uFEFF"u8, key);
        Add(key, "as the bytes that its digits or its base64 text stand for", Decode(key));
        Add(key, "as the hexadecimal digits of its bytes", KeyGenerator.ToHex(key));
        Add(key, "as the base64 text of its bytes", KeyGenerator.ToBase64(key));
        Add(key, "as UTF-16 text with a byte order mark, CR and LF, as Windows PowerShell's > writes it", ToUtf16(key, "\uFEFF", "\r\n"));
        Add(key, "as UTF-16 text with a byte order mark", ToUtf16(key, "\uFEFF", ""));
        Add(key, "as UTF-16 text", ToUtf16(key, "", ""));
        Add(key, "as UTF-8 text in place of UTF-16", FromUtf16(key));
        Add(key, "with its hexadecimal digits in the other case", SwapCase(key));
        Add(key, "with a space at its end", key, " "u8);
        Add(key, "with a NUL at its end", key, "\0"u8);
        Add(key, "as 0x and the hexadecimal digits of its bytes, taken as text", WithPrefix(key));
        Add(key, "as Latin-1 text", ToLatin1(key));
    }

    /// <summary>The forms, each with a description that completes "the server holds the key", and its data.</summary>
    public IReadOnlyList<(string Form, SecretBuffer Data)> Items => _items;

    /// <summary>Zeroes all forms.</summary>
    public void Dispose()
    {
        foreach (var (_, data) in _items)
            data.Dispose();
    }

    private void Add(ReadOnlySpan<byte> key, string form, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end = default)
    {
        var data = new SecretBuffer(start.Length + end.Length);
        start.CopyTo(data.Span);
        end.CopyTo(data.Span[start.Length..]);
        Add(key, form, data);
    }

    private void Add(ReadOnlySpan<byte> key, string form, SecretBuffer? data)
    {
        if (data is null)
            return;
        if (_items.Count == Limit || data.Length == 0 || IsKnown(key, data.Span))
            data.Dispose();
        else
            _items.Add((form, data));
    }

    private bool IsKnown(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual(key))
            return true;
        foreach (var (_, known) in _items)
        {
            if (data.SequenceEqual(known.Span))
                return true;
        }
        return false;
    }

    /// <summary>As xpra reads <c>keydata=</c>: removes the prefixes 0x and base64:, decodes hex digits and base64.</summary>
    private static SecretBuffer? Decode(ReadOnlySpan<byte> key)
        => WithText(key, static text =>
        {
            try
            {
                return KeyText.ReadAsXpra(text, out _);
            }
            catch (XpraAesException)
            {
                return null;
            }
        });

    private static SecretBuffer? ToUtf16(ReadOnlySpan<byte> key, string start, string end)
    {
        if (!Utf8.IsValid(key))
            return null;
        var startBytes = MemoryMarshal.AsBytes<char>(start);
        var endBytes = MemoryMarshal.AsBytes<char>(end);
        var data = new SecretBuffer(startBytes.Length + 2 * Encoding.UTF8.GetCharCount(key) + endBytes.Length);
        startBytes.CopyTo(data.Span);
        Encoding.UTF8.GetChars(key, MemoryMarshal.Cast<byte, char>(data.Span[startBytes.Length..]));
        endBytes.CopyTo(data.Span[^endBytes.Length..]);
        return data;
    }

    private static SecretBuffer? FromUtf16(ReadOnlySpan<byte> key)
    {
        // If LF was stripped as a single byte, the other half of the character is left over.
        if (key.Length % 2 != 0 && key[^1] == 0)
            key = key[..^1];
        if (key.Length % 2 != 0 || !key.Contains((byte)0))
            return null;
        var text = MemoryMarshal.Cast<byte, char>(key).TrimStart('\uFEFF').TrimEnd("\r\n");
        try
        {
            return KeyText.ToUtf8(text);
        }
        catch (XpraAesException)
        {
            return null;
        }
    }

    private static SecretBuffer? SwapCase(ReadOnlySpan<byte> key)
    {
        if (KeyInspector.FormatOf(key) is not (KeyFormat.Hex or KeyFormat.Uuid))
            return null;
        var data = new SecretBuffer(key);
        foreach (ref var digit in data.Span)
        {
            if (char.IsAsciiLetter((char)digit))
                digit ^= CaseBit;
        }
        return data;
    }

    private static SecretBuffer WithPrefix(ReadOnlySpan<byte> key)
    {
        using var digits = KeyGenerator.ToHex(key);
        var data = new SecretBuffer(2 + digits.Length);
        "0x"u8.CopyTo(data.Span);
        digits.Span.CopyTo(data.Span[2..]);
        return data;
    }

    private static SecretBuffer? ToLatin1(ReadOnlySpan<byte> key)
        => !key.ContainsAnyInRange((byte)0x80, (byte)0xff) || !Utf8.IsValid(key)
            ? null
            : WithText(key, static text =>
            {
                if (text.ContainsAnyExceptInRange('\0', '\u00ff'))
                    return null;
                var data = new SecretBuffer(text.Length);
                Encoding.Latin1.GetBytes(text, data.Span);
                return data;
            });

    /// <summary>Calls <paramref name="work"/> with the key as text, in memory that is cleared afterwards. Null if it is not text.</summary>
    private static SecretBuffer? WithText(ReadOnlySpan<byte> key, Func<char[], SecretBuffer?> work)
    {
        if (!Utf8.IsValid(key))
            return null;
        var text = GC.AllocateUninitializedArray<char>(Encoding.UTF8.GetCharCount(key), pinned: true);
        Encoding.UTF8.GetChars(key, text);
        try
        {
            return work(text);
        }
        finally
        {
            Array.Clear(text);
        }
    }
}
