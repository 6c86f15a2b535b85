using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using XpraAes.Connections;

namespace XpraAes.PowerShell;

/// <summary>Completes xpra's release lines.</summary>
internal sealed class XpraVersionCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
        => from version in XpraRelease.Known
           where version.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase)
           select new CompletionResult(version);
}
