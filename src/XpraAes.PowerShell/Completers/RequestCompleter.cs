using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace XpraAes.PowerShell;

/// <summary>Completes the requests that clients send to xpra servers besides sessions (PROTOCOL section 4).</summary>
internal sealed class RequestCompleter : IArgumentCompleter
{
    private static readonly (string Name, string Meaning)[] Requests =
    [
        ("command", "xpra control: any command of the server's control channel"),
        ("detach", "xpra detach: disconnects the attached clients"),
        ("event", "waits for an event of the server"),
        ("exit", "xpra exit: ends the server, but not its programs"),
        ("icon", "the session's icon"),
        ("print", "xpra print: prints a file"),
        ("run", "xpra run: starts a program"),
        ("screenshot", "xpra screenshot: a picture of the session"),
        ("start-new-session", "starts a session on a proxy server"),
        ("stop", "xpra stop: ends the server and its programs"),
    ];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
        => from request in Requests
           where request.Name.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase)
           select new CompletionResult(request.Name, request.Name, CompletionResultType.ParameterValue, request.Meaning);
}
