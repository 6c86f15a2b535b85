using System.Text;

namespace XpraAes.Administration;

/// <summary>Takes a command line apart as a POSIX shell does, without expanding anything, and puts one together.</summary>
internal static class CommandLine
{
    /// <summary>The words of a command line: separated by white space, with single quotes, double quotes and backslashes.</summary>
    /// <exception cref="XpraAesException">InvalidOption: a quote is not closed.</exception>
    public static IReadOnlyList<string> Split(string text)
    {
        var words = new List<string>();
        StringBuilder? word = null;
        var quote = '\0';
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\\' && quote != '\'' && i + 1 < text.Length && (quote == '\0' || text[i + 1] is '"' or '\\' or '$' or '`'))
                (word ??= new()).Append(text[++i]);
            else if (c == quote)
                quote = '\0';
            else if (quote == '\0' && c is '\'' or '"' && quote == '\0')
                (quote, word) = (c, word ?? new());
            else if (quote == '\0' && char.IsWhiteSpace(c))
                (word, _) = (null, Add(word));
            else
                (word ??= new()).Append(c);
        }
        if (quote != '\0')
            throw new XpraAesException(XpraErrorId.InvalidOption, $"The command has a {quote} that is not closed.", "Give program and arguments as separate strings: -Command 'program', 'first argument'.");
        Add(word);
        return words;

        bool Add(StringBuilder? complete)
        {
            if (complete is not null)
                words.Add(complete.ToString());
            return true;
        }
    }

    /// <summary>The words as one line for a POSIX shell, which replaces itself by the program.</summary>
    public static string ForShell(IEnumerable<string> words) => $"exec {string.Join(' ', words.Select(ShellText.Quote))}";
}
