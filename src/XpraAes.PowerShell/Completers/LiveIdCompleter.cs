using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace XpraAes.PowerShell;

/// <summary>Completes the ids of live objects, each with a description.</summary>
internal abstract class LiveIdCompleter : IArgumentCompleter
{
    private protected abstract IEnumerable<(int Id, string Meaning)> Live { get; }

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
        => from item in Live
           let text = item.Id.ToString(CultureInfo.InvariantCulture)
           where text.StartsWith(wordToComplete, StringComparison.Ordinal)
           select new CompletionResult(text, item.Meaning, CompletionResultType.ParameterValue, item.Meaning);
}
