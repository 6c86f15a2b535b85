namespace XpraAes;

/// <summary>Text for a POSIX shell.</summary>
internal static class ShellText
{
    /// <summary>The text as one word, in single quotes if a shell would interpret any of it. A comma is quoted for PowerShell's sake.</summary>
    public static string Quote(string text)
        => text.Length > 0 && text.All(static c => char.IsAsciiLetterOrDigit(c) || "/._-+:=%".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
