using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;

namespace XpraAes.Shell.StandIns;

/// <summary>Writes text for a person, past the pipeline.</summary>
[Cmdlet(VerbsCommunications.Write, "Host")]
public sealed class WriteHostCommand : PSCmdlet
{
    /// <summary>What to write; several are separated by a blank.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromRemainingArguments = true)]
    [SuppressMessage("Naming", "CA1720", Justification = "The parameter's name in PowerShell's own Write-Host.")]
    public object?[] Object { get; set; } = [];

    /// <summary>Nothing after it.</summary>
    [Parameter]
    public SwitchParameter NoNewline { get; set; }

    /// <summary>The colour of the text.</summary>
    [Parameter]
    public ConsoleColor? ForegroundColor { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        HostInformationMessage message = new()
        {
            Message = string.Join(' ', Object.Select(LanguagePrimitives.ConvertTo<string>)),
            NoNewLine = NoNewline,
            ForegroundColor = ForegroundColor,
        };

        // The engine shows what has this tag at once, and `6>` still redirects it.
        WriteInformation(message, ["PSHOST"]);
    }
}
