using System.Globalization;
using System.Text;
using Spectre.Console;

namespace XpraAes.PowerShell.Watching;

/// <summary>Text in terminal cells. Peers choose some of it (their user names, titles, addresses), so nothing that a terminal obeys, and nothing of unknown width, gets through.</summary>
internal static class CellText
{
    private const char Replacement = '\uFFFD', AsciiReplacement = '?';

    /// <summary>The text without control, format, private and unassigned characters, with at most one combining mark on each character, on one line.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isAscii">Replaces everything that is not ASCII.</param>
    public static string Clean(string text, bool isAscii)
    {
        if (IsPrintableAscii(text))
            return text;
        var clean = new StringBuilder(text.Length);
        var mayCombine = false;
        foreach (var rune in text.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (rune.Value is '\t' or '\n' or '\r')
            {
                clean.Append(' ');
                mayCombine = false;
            }
            else if (category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.SpacingCombiningMark)
            {
                // Variation selectors change the width of what they follow.
                if (mayCombine && !isAscii && category != UnicodeCategory.EnclosingMark && !IsVariationSelector(rune))
                    clean.Append(rune.ToString());
                mayCombine = false;
            }
            else if (isAscii ? rune.Value is < ' ' or > '~' : IsUnsafe(rune, category))
            {
                clean.Append(isAscii ? AsciiReplacement : Replacement);
                mayCombine = false;
            }
            else
            {
                clean.Append(rune.ToString());
                mayCombine = true;
            }
        }
        return clean.ToString();
    }

    /// <summary>The number of cells that clean text takes.</summary>
    public static int WidthOf(string text) => IsPrintableAscii(text) ? text.Length : WideWidthOf(text);

    /// <summary>Cleans the text and makes it exactly that wide, cut with an ellipsis or padded with spaces.</summary>
    public static string Fit(string text, int width, bool isAscii, bool alignRight = false)
    {
        if (width <= 0)
            return "";
        var clean = Clean(text, isAscii);
        var cells = WidthOf(clean);
        if (cells > width)
        {
            clean = Cut(clean, width - 1) + (isAscii ? '~' : '…');
            cells = WidthOf(clean);
        }
        return alignRight ? new string(' ', width - cells) + clean : clean + new string(' ', width - cells);
    }

    /// <summary>Cuts clean text at a whole character, to at most that many cells.</summary>
    public static string Cut(string text, int width)
    {
        if (IsPrintableAscii(text))
            return text.Length <= width ? text : text[..Math.Max(0, width)];
        var (end, cells) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            cells += WidthOf(rune.ToString());
            if (cells > width)
                break;
            end += rune.Utf16SequenceLength;
        }
        return text[..end];
    }

    /// <summary>Cuts clean text at a whole character, to at most that many of its last cells.</summary>
    public static string CutStart(string text, int width)
    {
        while (text.Length > 0 && WidthOf(text) > width)
            text = text[(char.IsHighSurrogate(text[0]) ? 2 : 1)..];
        return text;
    }

    /// <summary>Breaks clean text into lines of at most that many cells, at spaces where there are any.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        while (WidthOf(text) > width)
        {
            var line = Cut(text, width);
            if (line.Length == 0)
                yield break;
            var space = text[line.Length] == ' ' ? line.Length : line.LastIndexOf(' ');
            if (space > 0)
                line = line[..space];
            yield return line;
            text = text[line.Length..].TrimStart(' ');
        }
        yield return text;
    }

    // Apart, so that the library is loaded only for text that needs it.
    private static int WideWidthOf(string text) => text.GetCellWidth();

    private static bool IsPrintableAscii(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static bool IsUnsafe(Rune rune, UnicodeCategory category)
        => rune.Value == Replacement || category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
            || category == UnicodeCategory.SpaceSeparator && rune.Value != ' ' || IsInvisible(rune) || IsJoiningOrRegional(rune);

    /// <summary>Letters that show nothing: the fillers of Hangul, and the blank Braille pattern.</summary>
    private static bool IsInvisible(Rune rune) => rune.Value is 0x115F or 0x1160 or 0x3164 or 0xFFA0 or 0x2800;

    /// <summary>Characters that some terminals merge with their neighbours: conjoining Hangul, regional indicators, and skin tones.</summary>
    private static bool IsJoiningOrRegional(Rune rune) => rune.Value is (>= 0x1100 and <= 0x11FF) or (>= 0xA960 and <= 0xA97F) or (>= 0xD7B0 and <= 0xD7FF) or (>= 0x1F1E6 and <= 0x1F1FF) or (>= 0x1F3FB and <= 0x1F3FF);

    private static bool IsVariationSelector(Rune rune) => rune.Value is (>= 0xFE00 and <= 0xFE0F) or (>= 0x180B and <= 0x180F) or (>= 0xE0100 and <= 0xE01EF);
}
