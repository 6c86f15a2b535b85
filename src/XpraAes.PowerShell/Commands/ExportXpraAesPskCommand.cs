using System.Management.Automation;
using XpraAes.Keys;

namespace XpraAes.PowerShell.Commands;

/// <summary>Writes the pre-shared keys that stunnel and openssl need for a sealed connection.</summary>
[Cmdlet(VerbsData.Export, "XpraAesPsk", DefaultParameterSetName = nameof(KeyFile), SupportsShouldProcess = true)]
[OutputType(typeof(TlsPskEntry))]
public sealed class ExportXpraAesPskCommand : XpraCmdlet
{
    private readonly List<XpraKey> _keys = [];

    /// <summary>The file to write, with mode 0600.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Key files.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(KeyFile), ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LiteralPath")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] KeyFile { get; set; } = [];

    /// <summary>A key's text; prefixed 0x, base64: or b64: its bytes.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(KeyData))]
    [ValidateNotNullOrEmpty]
    public string? KeyData { get; set; }

    /// <summary>A key from New-XpraAesKey, Get-XpraAesKey or Get-Secret.</summary>
    // Not mandatory: with two mandatory parameters for pipeline input, the engine binds only to that of the default set.
    [Parameter(ParameterSetName = nameof(Key), ValueFromPipeline = true)]
    [KeyTransformation]
    public XpraKey? Key { get; set; }

    /// <summary>Replaces an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        try
        {
            _keys.AddRange(ParameterSetName == nameof(KeyFile) ? KeyInput.ReadFiles(this, KeyFile) : new KeyInput(this) { Key = Key, KeyData = KeyData }.Resolve());
        }
        catch (XpraAesException e)
        {
            // A file without one of the keys would lock out those who have only that one.
            ThrowTerminatingError(ErrorRecords.From(e));
        }
        finally
        {
            Key?.Dispose();
        }
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        var path = FilePath.Resolve(this, Path);
        if (_keys.Count > 0 && ShouldProcess(path, $"Write the pre-shared keys of the keys {string.Join(", ", _keys.Select(key => key.Fingerprint).Distinct())}"))
            WriteObject(TlsPskFile.Write(path, _keys, Force), enumerateCollection: true);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var key in _keys)
                key.Dispose();
        }
        base.Dispose(disposing);
    }
}
