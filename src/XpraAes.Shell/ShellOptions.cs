namespace XpraAes.Shell;

/// <summary>The command line of xpra-aes.</summary>
/// <param name="Action">What to do.</param>
/// <param name="Text">The path of the script, or the text of the command.</param>
/// <param name="Arguments">What follows the path of the script.</param>
internal sealed record ShellOptions(ShellAction Action, string Text, IReadOnlyList<string> Arguments)
{
    public const string Usage = """
        xpra-aes: the PowerShell engine with the module XpraAes in it

          xpra-aes [-File] SCRIPT [ARGUMENT ...]   run a script
          xpra-aes -Command TEXT                   run what the text says
          xpra-aes                                 read commands from a prompt, or from standard input
          xpra-aes -Version | -Help

        It exits with 0, with 1 after a terminating error, with 130 after Ctrl+C, or with what the script gave to `exit`.
        It has the commands of the engine itself (Get-Command lists them), those of XpraAes, and small forms of Get-Content,
        Select-Object, Set-Content, Start-Sleep and Write-Host. Everything else (Get-ChildItem, Format-List, Import-Csv,
        `>`, profiles, ...) needs PowerShell 7.4 or later: https://aka.ms/powershell
        """;

    /// <summary>The options, or null and what is wrong with them.</summary>
    public static ShellOptions? Parse(string[] arguments, out string? problem)
    {
        problem = null;
        if (arguments.Length == 0)
        {
            return new ShellOptions(ShellAction.Prompt, "", []);
        }

        string first = arguments[0];
        string[] rest = arguments[1..];
        switch (first.ToLowerInvariant().TrimStart('-'))
        {
            case "version" or "v" when first.StartsWith('-'):
                return new ShellOptions(ShellAction.Version, "", []);
            case "help" or "h" or "?" when first.StartsWith('-'):
                return new ShellOptions(ShellAction.Help, "", []);
            case "command" or "c" when first.StartsWith('-') && rest.Length > 0:
                return new ShellOptions(ShellAction.Command, string.Join(' ', rest), []);
            case "file" or "f" when first.StartsWith('-') && rest.Length > 0:
                return new ShellOptions(ShellAction.File, rest[0], rest[1..]);
            case "command" or "c" or "file" or "f" when first.StartsWith('-'):
                problem = $"{first} needs a value.";
                return null;
        }

        if (first.StartsWith('-'))
        {
            problem = $"{first} is not an option of xpra-aes.";
            return null;
        }

        return new ShellOptions(ShellAction.File, first, rest);
    }
}
