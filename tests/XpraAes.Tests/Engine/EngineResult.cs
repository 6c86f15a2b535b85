using System.Management.Automation;

namespace XpraAes.Tests.Engine;

/// <summary>What a pipeline said.</summary>
internal sealed record EngineResult(
    IReadOnlyList<PSObject> Output, IReadOnlyList<ErrorRecord> Errors, IReadOnlyList<string> Warnings, IReadOnlyList<string> Verbose)
{
    /// <summary>The output as text, an item a line.</summary>
    public string Text => string.Join('\n', Output);
}
