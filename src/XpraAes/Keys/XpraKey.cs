using System.Security.Cryptography;
using System.Text;
using XpraAes.Keys;

namespace XpraAes;

/// <summary>Key data: the password that PBKDF2 turns into AES keys (PROTOCOL section 5). Kept in pinned memory, zeroed on <see cref="Dispose"/>.</summary>
/// <remarks>
/// Background work takes a <see cref="Clone"/>, so that the original can be disposed of at any time.
/// Only <see cref="ToString"/> copies key data into an ordinary string.
/// </remarks>
public sealed class XpraKey : IDisposable
{
    private const string EnvironmentVariable = "XPRA_ENCRYPTION_KEY";
    private const int FingerprintIterations = 100_000;

    private readonly SecretBuffer _data;
    private string? _fingerprint;
    private bool _disposed;

    private XpraKey(SecretBuffer data, KeySource source, string? path = null, params KeyProblem[] problems)
    {
        _data = data;
        KeySource = source;
        Path = path;
        Format = KeyInspector.FormatOf(data.Span);
        Bits = KeyInspector.BitsOf(data.Span, Format);
        Problems = (KeyProblem[])[.. KeyInspector.ProblemsOf(data.Span, Format, Bits, source), .. problems];
    }

    private XpraKey(XpraKey other)
    {
        _data = new SecretBuffer(other.Data);
        _fingerprint = other._fingerprint;
        KeySource = other.KeySource;
        Path = other.Path;
        Format = other.Format;
        Bits = other.Bits;
        Problems = other.Problems;
    }

    /// <summary>What the key data looks like.</summary>
    public KeyFormat Format { get; }

    /// <summary>The strength in bits, assuming that the key is random for its format and, for text, the kinds of characters in it. A key that a person chose is weaker.</summary>
    public int Bits { get; }

    /// <summary>
    /// 16 hexadecimal digits in four groups, equal for equal key data; empty for an empty key. The first 64 bits of PBKDF2-HMAC-SHA256
    /// with a fixed salt and 100,000 iterations, more than xpra itself uses, so that guessing a key from its fingerprint is no cheaper than
    /// from captured packets. Computed once, on first use. Throws KeyDisposed.
    /// </summary>
    public string Fingerprint => _fingerprint ??= ComputeFingerprint();

    /// <summary>Where the key data came from.</summary>
    public KeySource KeySource { get; }

    /// <summary>The full path of the key file that it was read from or saved to; null if there is none.</summary>
    public string? Path { get; private set; }

    /// <summary>The key's problems. Only <see cref="KeyProblemId.Empty"/> prevents its use.</summary>
    public IReadOnlyList<KeyProblem> Problems { get; }

    /// <summary>The bytes. Throws KeyDisposed, KeyFileEmpty.</summary>
    internal ReadOnlySpan<byte> Data
    {
        get
        {
            if (_disposed)
                throw new XpraAesException(XpraErrorId.KeyDisposed, "The key was disposed of.", "Read or create the key again.");
            if (_data.Length == 0)
                throw new XpraAesException(XpraErrorId.KeyFileEmpty, $"The key file {Path} contains no key.", "Make a key with New-XpraAesKey -Path.") { Target = Path };
            return _data.Span;
        }
    }

    /// <summary>Generates a key with the system's random number generator: Hex or Base64 (256 bits by default; a multiple of 8 from 96 to 512) or Uuid (122 bits, RFC 9562 version 4). Throws InvalidOption.</summary>
    public static XpraKey Generate(KeyFormat format = KeyFormat.Hex, int? bits = null)
        => new(KeyGenerator.Generate(format, bits), KeySource.Generated);

    /// <summary>Reads a key file as xpra does: CR and LF at both ends are stripped, every other byte counts. Up to 64 KB, from a regular file or an inherited pipe (/dev/stdin, /dev/fd/3). Throws KeyFileNotFound, KeyFileIsFolder, KeyFileUnreadable, LimitReached.</summary>
    public static XpraKey FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = System.IO.Path.GetFullPath(path);
        var data = KeyFile.Read(full, out var problems);
        return new XpraKey(data, KeySource.KeyFile, full, [.. problems]);
    }

    /// <summary>Key data as text: plain UTF-8 unless prefixed <c>0x</c>, <c>base64:</c> or <c>b64:</c>; CR and LF at both ends are stripped, as in a key file. Throws KeyTextInvalid, KeyMissing.</summary>
    public static XpraKey FromText(string keyData)
    {
        ArgumentNullException.ThrowIfNull(keyData);
        return FromText(keyData, KeySource.KeyData);
    }

    /// <summary>As <see cref="FromText(string)"/>, for text that must not become a string.</summary>
    internal static XpraKey FromText(ReadOnlySpan<char> keyData, KeySource source)
        => FromDecoded(KeyText.Read(keyData, out var skipped), skipped, source);

    /// <summary>Key data as xpra's parser reads the value of <c>keydata=</c>: prefixed, or else bare hexadecimal digits, or else bare base64 (PROTOCOL section 5). Throws KeyTextInvalid if xpra finds no key.</summary>
    public static XpraKey FromXpraText(string keyData)
    {
        ArgumentNullException.ThrowIfNull(keyData);
        return FromDecoded(KeyText.ReadAsXpra(keyData, out var skipped), skipped, KeySource.Uri);
    }

    /// <summary>A password's bytes as key data, as xpra's servers do if they have no other key (PROTOCOL section 5). Throws KeyMissing if it is empty.</summary>
    public static XpraKey FromPassword(ReadOnlySpan<byte> password) => FromBytes(password, KeySource.Password);

    /// <summary>The key in the environment variable XPRA_ENCRYPTION_KEY, without CR and LF at both ends; null if it is unset or empty.</summary>
    /// <remarks>As in xpra, the characters are encoded as Latin-1 if possible, else as UTF-8.</remarks>
    public static XpraKey? FromEnvironment()
    {
        var text = Environment.GetEnvironmentVariable(EnvironmentVariable).AsSpan().Trim("\r\n");
        if (text.IsEmpty)
            return null;
        if (text.ContainsAnyExceptInRange('\0', '\u00FF'))
            return new XpraKey(KeyText.ToUtf8(text), KeySource.Environment);
        var data = new SecretBuffer(text.Length);
        Encoding.Latin1.GetBytes(text, data.Span);
        return new XpraKey(data, KeySource.Environment);
    }

    /// <summary>A copy of these bytes as key data; every byte counts. Throws KeyMissing if there are none.</summary>
    public static XpraKey FromBytes(ReadOnlySpan<byte> data, KeySource source)
    {
        if (data.IsEmpty)
            throw new XpraAesException(XpraErrorId.KeyMissing, "The key data given is empty.", "Give a key that is not empty.");
        return new XpraKey(new SecretBuffer(data), source);
    }

    /// <summary>Writes the key file atomically, with mode 0600 from the start (except on Windows), without a newline or byte order mark. Throws KeyFileExists unless forced, KeyFileUnwritable.</summary>
    public void Save(string path, bool force = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Data[0] is (byte)'\r' or (byte)'\n' || Data[^1] is (byte)'\r' or (byte)'\n')
            throw new XpraAesException(XpraErrorId.KeyTextInvalid, "This key begins or ends with CR or LF, which xpra strips from a key file: the file would contain a different key.", "Use another key.");
        var full = System.IO.Path.GetFullPath(path);
        KeyFile.Write(full, Data, force);
        Path = full;
    }

    /// <summary>A copy with its own lifetime. Throws KeyDisposed.</summary>
    public XpraKey Clone() => new(this);

    /// <summary>Zeroes the key data.</summary>
    public void Dispose()
    {
        _disposed = true;
        _data.Dispose();
    }

    /// <summary>The key's text, as in a key file. For key data that is not text, <c>0x</c> and its hexadecimal digits, which -KeyData and <c>keydata=</c> understand but a key file does not. Throws KeyDisposed, KeyFileEmpty.</summary>
    public override string ToString() => KeyInspector.IsText(Data) ? Encoding.UTF8.GetString(Data) : KeyText.ToPrefixedHex(Data);

    private static XpraKey FromDecoded(SecretBuffer data, bool skipped, KeySource source)
        => skipped ? new XpraKey(data, source, null, KeyInspector.CharactersSkipped) : new XpraKey(data, source);

    private string ComputeFingerprint()
    {
        if (Format == KeyFormat.Empty)
            return "";
        Span<byte> print = stackalloc byte[8];
        Rfc2898DeriveBytes.Pbkdf2(Data, "XpraAes key fingerprint"u8, print, FingerprintIterations, HashAlgorithmName.SHA256);
        var hex = Convert.ToHexString(print).ToLowerInvariant();
        return $"{hex[..4]}-{hex[4..8]}-{hex[8..12]}-{hex[12..]}";
    }
}
