using System.Management.Automation;

namespace XpraAes.Shell.StandIns;

/// <summary>The lines of text files, or with -Raw each file as one text.</summary>
[Cmdlet(VerbsCommon.Get, "Content")]
[OutputType(typeof(string))]
public sealed class GetContentCommand : PSCmdlet
{
    /// <summary>The files; wildcards are expanded.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    public string[] Path { get; set; } = [];

    /// <summary>Each file as one text, with its newlines.</summary>
    [Parameter]
    public SwitchParameter Raw { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string path in Path)
        {
            try
            {
                foreach (string file in GetResolvedProviderPathFromPSPath(path, out _))
                {
                    WriteObject(Raw ? File.ReadAllText(file) : File.ReadLines(file), enumerateCollection: !Raw);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                WriteError(new ErrorRecord(exception, "GetContentReadError", ErrorCategory.ReadError, path));
            }
            catch (ItemNotFoundException exception)
            {
                WriteError(exception.ErrorRecord);
            }
        }
    }
}
