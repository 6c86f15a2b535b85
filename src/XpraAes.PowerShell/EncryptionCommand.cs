using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>Parameters that both ends of a connection share: the key in its various forms, and its stretching.</summary>
public abstract class EncryptionCommand : XpraCmdlet
{
    /// <summary>The key file, read as xpra does: CR and LF at the ends are stripped, every other byte counts. Several while a key is being replaced, if the peer shows which one it has.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LiteralPath", "Path")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public virtual string[]? KeyFile { get; set; }

    /// <summary>The key's text; prefixed 0x, base64: or b64: its bytes.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? KeyData { get; set; }

    /// <summary>The key as an object from New-XpraAesKey, Get-XpraAesKey or Get-Secret.</summary>
    [Parameter]
    [KeyTransformation]
    public XpraKey? Key { get; set; }

    /// <summary>The size in bits of the AES key for what this end receives.</summary>
    [Parameter]
    [ValidateSet("128", "192", "256")]
    public int KeySize { get; set; } = 8 * ProtocolDefaults.KeySize;

    /// <summary>The PBKDF2 hash for what this end receives.</summary>
    [Parameter]
    public KeyHash KeyHash { get; set; } = ProtocolDefaults.KeyHash;

    /// <summary>The PBKDF2 iterations for what this end receives, 100 to 1,000,000.</summary>
    [Parameter]
    public int Iterations { get; set; } = ProtocolDefaults.Iterations;

    /// <summary>Encrypts the first packet too; the peer needs XPRA_ENCRYPT_FIRST_PACKET=1.</summary>
    [Parameter]
    public SwitchParameter EncryptFirstPacket { get; set; }

    /// <summary>The user name and password for the server's challenge.</summary>
    [Parameter]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>A file with the password for the server's challenge; every byte counts, including a newline at the end.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? PasswordFile { get; set; }

    /// <summary>The password of -Credential or -PasswordFile, set by Start; the derived class disposes of it.</summary>
    private protected SecretBuffer? Password { get; private set; }

    /// <summary>The key parameters of the current pipeline input.</summary>
    private protected KeyInput KeyInput => new(this) { Key = Key, KeyData = KeyData, KeyFile = KeyFile };

    /// <inheritdoc/>
    protected override void Start()
    {
        KeyStretchingLimits.Require(KeySize / 8, Iterations);
        if (KeySize < 256)
            WarnOnce($"AES keys of {KeySize} bits are not recommended: every xpra version supports 256, and those before 4.3 nothing else.");
        Password = PasswordInput.Resolve(this, Credential, PasswordFile);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Key?.Dispose();
        base.Dispose(disposing);
    }

    private protected void WarnAboutFirstPacket(IEnumerable<AesMode> modes)
    {
        var exposed = string.Join(", ", modes.Where(mode => mode != AesMode.CBC));
        if (EncryptFirstPacket && exposed.Length > 0)
            WarnOnce($"The first packet is encrypted under a fixed salt and IV: in {exposed} it is not secret, since two such packets reveal each other's content. Use CBC, or omit -EncryptFirstPacket.");
    }
}
