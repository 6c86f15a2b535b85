using System.Management.Automation;

namespace XpraAes.Tests.Engine;

/// <summary>The output of a pipeline.</summary>
internal sealed record EngineResult(
    IReadOnlyList<PSObject> Output, IReadOnlyList<ErrorRecord> Errors, IReadOnlyList<string> Warnings, IReadOnlyList<string> Verbose)
{
    /// <summary>The output as text, one item per line.</summary>
    public string Text => string.Join('\n', Output);
}
