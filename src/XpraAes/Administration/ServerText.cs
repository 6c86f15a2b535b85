using System.Globalization;
using System.Text;
using System.Text.Unicode;
using XpraAes.Encodings;

namespace XpraAes.Administration;

/// <summary>Text from a server for display: a title or an answer must not drive the terminal that shows it.</summary>
internal static class ServerText
{
    /// <summary>Text or UTF-8 bytes on one line of at most <paramref name="maxLength"/> characters; null for other values and for nothing.</summary>
    public static string? Line(object? value, int maxLength = 1024)
        => Of(value) is { } text && Clean(text.Length > maxLength ? text[..maxLength] : text, keepLines: false).Trim() is { Length: > 0 } line ? line : null;

    /// <summary>Text or UTF-8 bytes, line breaks and tabs kept; null for other values.</summary>
    public static string? Lines(object? value) => Of(value) is { } text ? Clean(text, keepLines: true) : null;

    /// <summary>
    /// Replaces what a terminal obeys or hides: control characters, and the format characters that reorder or hide text. The rest stays, in any script.
    /// </summary>
    public static string Clean(string text, bool keepLines)
    {
        var first = 0;
        while (first < text.Length && !IsUnsafe(text, first, keepLines))
            first++;
        if (first == text.Length)
            return text;
        var clean = new StringBuilder(text, 0, first, text.Length);
        for (var i = first; i < text.Length; i++)
            clean.Append(!IsUnsafe(text, i, keepLines) ? text[i] : char.IsControl(text[i]) && text[i] < ' ' && char.IsWhiteSpace(text[i]) ? ' ' : '\uFFFD');
        return clean.ToString();
    }

    private static string? Of(object? value) => value switch
    {
        string text => text,
        byte[] bytes when Utf8.IsValid(bytes) => Encoding.UTF8.GetString(bytes),
        _ => null,
    };

    private static bool IsUnsafe(string text, int index, bool keepLines)
    {
        var c = text[index];
        if (c is >= ' ' and < '\u007f')
            return false;
        if (c is '\n' or '\t')
            return !keepLines;
        if (char.IsHighSurrogate(c))
            return index + 1 == text.Length || !char.IsLowSurrogate(text[index + 1]);
        if (char.IsLowSurrogate(c))
            return index == 0 || !char.IsHighSurrogate(text[index - 1]);
        return char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
    }
}
