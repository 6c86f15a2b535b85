using System.Management.Automation;
using System.Text;

namespace XpraAes.Shell.StandIns;

/// <summary>Writes a text file, one line an object: UTF-8 without a byte order mark.</summary>
[Cmdlet(VerbsCommon.Set, "Content", SupportsShouldProcess = true)]
public sealed class SetContentCommand : PSCmdlet
{
    private readonly StringBuilder _text = new();

    /// <summary>The file; there are no wildcards.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public string Path { get; set; } = "";

    /// <summary>What to write.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true)]
    [AllowNull]
    [AllowEmptyCollection]
    public object?[] Value { get; set; } = [];

    /// <summary>Nothing between the objects and nothing after them.</summary>
    [Parameter]
    public SwitchParameter NoNewline { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (object? value in Value ?? [])
        {
            _text.Append(LanguagePrimitives.ConvertTo<string>(value));
            if (!NoNewline)
            {
                _text.Append(Environment.NewLine);
            }
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        string file = GetUnresolvedProviderPathFromPSPath(Path);
        if (!ShouldProcess(file))
        {
            return;
        }

        try
        {
            File.WriteAllText(file, _text.ToString());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            WriteError(new ErrorRecord(exception, "SetContentWriteError", ErrorCategory.WriteError, file));
        }
    }
}
