using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace XpraAes.PowerShell;

/// <summary>What clients ask xpra servers for besides sessions (PROTOCOL section 4).</summary>
internal sealed class RequestCompleter : IArgumentCompleter
{
    private static readonly (string Name, string Meaning)[] Requests =
    [
        ("command", "xpra control: any command of the server's control channel"),
        ("detach", "xpra detach: sends the attached clients away"),
        ("event", "waits for an event of the server"),
        ("exit", "xpra exit: ends the server, and leaves its programs"),
        ("icon", "the session's icon"),
        ("print", "xpra print: prints a file"),
        ("run", "xpra run: starts a program"),
        ("screenshot", "xpra screenshot: a picture of the session"),
        ("start-new-session", "starts a session of a proxy server"),
        ("stop", "xpra stop: ends the server and its programs"),
    ];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
        => from request in Requests
           where request.Name.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase)
           select new CompletionResult(request.Name, request.Name, CompletionResultType.ParameterValue, request.Meaning);
}
