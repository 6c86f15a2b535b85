namespace XpraAes;

/// <summary>Text for shells.</summary>
internal static class ShellText
{
    // PowerShell takes the typographic ones for the same.
    private const string SingleQuotes = "'\u2018\u2019\u201A\u201B";

    /// <summary>The text as one word for PowerShell, in single quotes if it would interpret any of it.</summary>
    public static string QuoteForPowerShell(string text)
        => text.Length > 0 && text.All(static c => char.IsAsciiLetterOrDigit(c) || @"\:._".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{string.Concat(text.Select(static c => SingleQuotes.Contains(c, StringComparison.Ordinal) ? $"{c}{c}" : $"{c}"))}'";

    /// <summary>The text as one word for a POSIX shell, in single quotes if one would interpret any of it. A comma is quoted for PowerShell's sake.</summary>
    public static string Quote(string text)
        => text.Length > 0 && text.All(static c => char.IsAsciiLetterOrDigit(c) || "/._-+:=%".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
