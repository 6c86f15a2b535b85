using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace XpraAes.PowerShell;

/// <summary>Completes the names of control commands: those that a server has told in this process, otherwise those of some version of xpra.</summary>
internal sealed class ControlNameCompleter : IArgumentCompleter
{
    // 3.1 to the development tree, as their `help` lists them.
    private static readonly string[] s_names =
        ("add-window-filter audio-output auto-refresh client client-property client-readonly clipboard-direction clipboard-limits close close-notification compression debug debug-memory delete encoder encoding focus " +
        "hello help idle-timeout image-filter key lock-batch-delay map max-quality max-speed min-quality min-speed move moveresize name open-url print quality readonly refresh remove-window-filters request-update " +
        "reset-video-region resize resume scaling scaling-control send-file send-notification server-idle-timeout set-lock set-sharing set-ui-driver show-all-windows sound-output speed start start-child start-env suspend " +
        "toggle-feature ungrab unlock-batch-delay unmap video-region video-region-detection video-region-enabled video-region-exclusion-zones workspace").Split(' ');

    private static volatile string[] s_told = [];

    /// <summary>Remembers the names in a server's answer to <c>help</c>: <c>control supports: name, name, …</c></summary>
    public static void Learn(string? help)
    {
        var colon = help?.IndexOf(':', StringComparison.Ordinal) ?? -1;
        if (colon > 0 && help![(colon + 1)..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is { Length: > 1 and < 1000 } names && names.All(IsName))
            s_told = names;
    }

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
        => from name in s_told is { Length: > 0 } told ? told : s_names
           where name.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase)
           orderby name
           select new CompletionResult(name, name, CompletionResultType.ParameterValue, name);

    // What is completed is then run: a server must not put anything else into a command line.
    private static bool IsName(string name) => name.Length <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');
}
