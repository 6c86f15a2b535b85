using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>What the two ends of a connection have in common: the key, in whichever form, and how it is stretched.</summary>
public abstract class EncryptionCommand : XpraCmdlet
{
    /// <summary>The key file, read as xpra reads it: CR and LF at the ends go, every other byte counts. Several, while a key is being replaced, where the peer shows which it has.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LiteralPath", "Path")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? KeyFile { get; set; }

    /// <summary>The key's text; prefixed 0x, base64: or b64: its bytes.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? KeyData { get; set; }

    /// <summary>The key itself: what New-XpraAesKey, Get-XpraAesKey or Get-Secret gives.</summary>
    [Parameter]
    [KeyTransformation]
    public XpraKey? Key { get; set; }

    /// <summary>The size in bits of the AES key that protects what we receive.</summary>
    [Parameter]
    [ValidateSet("128", "192", "256")]
    public int KeySize { get; set; } = 8 * ProtocolDefaults.KeySize;

    /// <summary>The PBKDF2 hash for what we receive.</summary>
    [Parameter]
    public KeyHash KeyHash { get; set; } = ProtocolDefaults.KeyHash;

    /// <summary>The PBKDF2 iterations for what we receive, 100 to 1,000,000.</summary>
    [Parameter]
    public int Iterations { get; set; } = ProtocolDefaults.Iterations;

    /// <summary>Encrypts the first packet too; the peer needs XPRA_ENCRYPT_FIRST_PACKET=1.</summary>
    [Parameter]
    public SwitchParameter EncryptFirstPacket { get; set; }

    /// <summary>The user name and password that the server asks for.</summary>
    [Parameter]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>A file with the password that the server asks for; every byte counts, a newline at the end too.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? PasswordFile { get; set; }

    /// <summary>The password of -Credential or -PasswordFile, from Start on; whoever inherits disposes of it when its work is done.</summary>
    private protected SecretBuffer? Password { get; private set; }

    /// <summary>The key as it was given with this input.</summary>
    private protected KeyInput KeyInput => new(this) { Key = Key, KeyData = KeyData, KeyFile = KeyFile };

    /// <inheritdoc/>
    protected override void Start()
    {
        KeyStretchingLimits.Require(KeySize / 8, Iterations);
        if (KeySize < 256)
            WriteWarning($"AES keys of {KeySize} bits are not recommended: every xpra version takes 256, and 256 alone before 4.3.");
        Password = PasswordInput.Resolve(this, Credential, PasswordFile);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Key?.Dispose();
        base.Dispose(disposing);
    }

    private protected void WarnOfFirstPacket(IEnumerable<AesMode> modes)
    {
        var exposed = string.Join(", ", modes.Where(mode => mode != AesMode.CBC));
        if (EncryptFirstPacket && exposed.Length > 0)
            WarnOnce($"The first packet is encrypted under a salt and an IV that never change: in {exposed} it has no secrecy, since two of them show each other's content. Use CBC, or leave -EncryptFirstPacket out.");
    }
}
