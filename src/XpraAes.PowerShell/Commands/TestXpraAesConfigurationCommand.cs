using System.Management.Automation;
using XpraAes.PowerShell.Configuration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Reports every mistake in a listener's configuration files at once, each with its line, without starting anything. No output: there is none.</summary>
[Cmdlet(VerbsDiagnostic.Test, "XpraAesConfiguration")]
[OutputType(typeof(ConfigurationProblem), typeof(bool))]
public sealed class TestXpraAesConfigurationCommand : XpraCmdlet
{
    /// <summary>The configuration files, .psd1 or .json.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "FullName", "ConfigurationPath")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Returns only whether each file can be used.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void Process() => this.ForEach(Path, path =>
    {
        var problems = ConfigurationCheck.Run(FilePath.Resolve(this, path), this);
        if (Quiet)
            WriteObject(problems.All(problem => problem.Severity != ConfigurationSeverity.Error));
        else
            WriteObject(problems, enumerateCollection: true);
    });
}
