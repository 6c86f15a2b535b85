using System.Management.Automation;
using XpraAes.Keys;

namespace XpraAes.PowerShell.Commands;

/// <summary>Generates a key with the platform's random number generator, and optionally writes it to a key file.</summary>
[Cmdlet(VerbsCommon.New, "XpraAesKey", SupportsShouldProcess = true)]
[OutputType(typeof(XpraKey))]
public sealed class NewXpraAesKeyCommand : XpraCmdlet
{
    /// <summary>The key file to write, readable only by its owner and without a newline.</summary>
    [Parameter(Position = 0)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>The format of the key's text.</summary>
    [Parameter]
    [ValidateSet(nameof(KeyFormat.Hex), nameof(KeyFormat.Base64), nameof(KeyFormat.Uuid))]
    public KeyFormat Format { get; set; } = KeyFormat.Hex;

    /// <summary>The random bits of a Hex or Base64 key: a multiple of 8 from 96 to 512, by default 256.</summary>
    [Parameter]
    public int? Bits { get; set; }

    /// <summary>Replaces an existing key file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        var key = XpraKey.Generate(Format, Bits);
        if (Path is null || Save(key, FilePath.Resolve(this, Path)))
            WriteObject(key);
        else
            key.Dispose();
    }

    private bool Save(XpraKey key, string path)
    {
        if (!ShouldProcess(path, $"Write a new key of {key.Bits} bits, fingerprint {key.Fingerprint}"))
            return false;
        key.Save(path, Force);
        return true;
    }
}
