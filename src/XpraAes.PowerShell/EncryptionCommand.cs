using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Listening;

namespace XpraAes.PowerShell;

/// <summary>What the two ends of a connection have in common: the key, in whichever form, and how it is stretched.</summary>
public abstract class EncryptionCommand : XpraCmdlet
{
    private readonly HashSet<string> _warned = [];

    /// <summary>The key file, read as xpra reads it: CR and LF at the ends go, every other byte counts.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LiteralPath", "Path")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? KeyFile { get; set; }

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

    private protected bool IsKeyGiven => Key is not null || KeyData is not null || KeyFile is not null;

    /// <inheritdoc/>
    protected override void Start()
    {
        OptionChecks.Require(KeySize / 8, Iterations);
        if (KeySize < 256)
            WriteWarning($"AES keys of {KeySize} bits are not recommended: every xpra version takes 256, and 256 alone before 4.3.");
        if (Credential is not null && PasswordFile is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-Credential and -PasswordFile both give a password.", "Leave one of them out.");
        if (Credential is not null)
            Password = SecretText.ToUtf8(Credential.Password);
        else if (PasswordFile is not null)
            Password = ReadPasswordFile(PasswordFile);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Key?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>The key to use, a new one that the caller disposes of, with a warning for each of its problems.</summary>
    private protected XpraKey ResolveKey(XpraKey? optionKey = null, string? optionKeyFile = null, SecretBuffer? password = null)
    {
        var key = new KeySelection
        {
            Key = Key,
            OptionKey = optionKey,
            KeyData = KeyData,
            OptionKeyFile = optionKeyFile is null ? null : FilePath.Resolve(this, optionKeyFile),
            KeyFile = KeyFile is null ? null : FilePath.Resolve(this, KeyFile),
            Password = password,
        }.Resolve();
        foreach (var problem in key.Problems)
            WarnOnce($"{problem.Message} {problem.RecommendedAction}");
        if (key.KeySource == KeySource.KeyData && KeyText.XpraReadsDifferently(KeyData!) is { } difference)
            WarnOnce(difference);
        return key;
    }

    private protected SecretBuffer ReadPasswordFile(string path)
    {
        var full = FilePath.Resolve(this, path);
        var password = Keys.PasswordFile.Read(full);
        if (password.Span[^1] is (byte)'\n')
            WarnOnce($"The password in {full} ends in a newline, which xpra takes for part of it. Write the file without one.");
        return password;
    }

    private protected void WarnOfFirstPacket(IEnumerable<AesMode> modes)
    {
        var exposed = string.Join(", ", modes.Where(mode => mode != AesMode.CBC));
        if (EncryptFirstPacket && exposed.Length > 0)
            WarnOnce($"The first packet is encrypted under a salt and an IV that never change: in {exposed} it has no secrecy, since two of them show each other's content. Use CBC, or leave -EncryptFirstPacket out.");
    }

    /// <summary>Many inputs often share what there is to warn of.</summary>
    private protected void WarnOnce(string text)
    {
        if (_warned.Add(text))
            WriteWarning(text);
    }
}
