namespace XpraAes;

/// <summary>Text for a POSIX shell.</summary>
internal static class ShellText
{
    /// <summary>The text as one word: in single quotes where a shell would find a meaning in it. PowerShell would in a comma.</summary>
    public static string Quote(string text)
        => text.Length > 0 && text.All(static c => char.IsAsciiLetterOrDigit(c) || "/._-+:=%".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
