using System.Management.Automation;
using XpraAes.Keys;

namespace XpraAes.PowerShell.Commands;

/// <summary>Reads keys as xpra does, and shows their fingerprints and problems.</summary>
[Cmdlet(VerbsCommon.Get, "XpraAesKey", DefaultParameterSetName = nameof(KeyFile))]
[OutputType(typeof(XpraKey))]
public sealed class GetXpraAesKeyCommand : XpraCmdlet
{
    /// <summary>Key files; wildcards are expanded.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(KeyFile), ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Path")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] KeyFile { get; set; } = [];

    /// <summary>Key files; wildcards are taken literally.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(LiteralPath), ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>A key's text; prefixed 0x, base64: or b64: its bytes.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(KeyData))]
    public string KeyData { get; set; } = "";

    /// <summary>A key from New-XpraAesKey or Get-Secret.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Key))]
    [KeyTransformation]
    public XpraKey? Key { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case nameof(KeyData):
                WriteObject(XpraKey.FromText(KeyData));
                break;
            case nameof(Key):
                WriteObject(Key);
                break;
            case nameof(LiteralPath):
                this.ForEach(LiteralPath, Read);
                break;
            default:
                this.ForEach(KeyFile, ReadAll);
                break;
        }
    }

    // A name without wildcards must exist; a pattern may match nothing.
    private void ReadAll(string path)
    {
        if (WildcardPattern.ContainsWildcardCharacters(path))
            this.ForEach(FilePath.Expand(this, path), Read);
        else
            Read(path);
    }

    private void Read(string path) => WriteObject(XpraKey.FromFile(FilePath.Resolve(this, path)));
}
