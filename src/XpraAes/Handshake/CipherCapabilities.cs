using System.Security.Cryptography;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Handshake;

/// <summary>
/// The cipher capabilities of a hello or challenge (PROTOCOL section 5): how packets to its sender must be encrypted.
/// Flat (<c>cipher</c>, <c>cipher.iv</c>, ...) up to xpra 5, nested in <c>encryption</c> from 5 on.
/// </summary>
internal sealed record CipherCapabilities
{
    private const string NestedKey = "encryption";
    private const string FlatPrefix = "cipher.";
    private const string SaltKey = "key_salt";
    private const string Aes = "AES";
    private const string Pbkdf2 = "PBKDF2";

    /// <summary>The accepted salt sizes in bytes; arbitrary, xpra's have 64.</summary>
    private const int MinSaltSize = 16, MaxSaltSize = 1024;

    // The characters of xpra's own IVs from 4.3 on, each one byte in every packet encoding.
    private const string IVAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    public required CipherParameters Parameters { get; init; }

    /// <summary>Whether the peer announced <c>stream</c> at all: only xpra 6.2 and later do, which pad to 16 bytes.</summary>
    public bool HasStream { get; init; }

    /// <summary>The paddings that the peer supports.</summary>
    public IReadOnlyList<PaddingScheme> PaddingOptions { get; init; } = [PaddingScheme.Pkcs7];

    /// <summary>New random salt and IV with the given parameters.</summary>
    public static CipherParameters Generate(AesMode mode, int keySize, KeyHash keyHash, int iterations, PaddingScheme padding, int paddingUnit, bool stream)
    {
        Span<char> iv = stackalloc char[ProtocolDefaults.BlockSize];
        RandomNumberGenerator.GetItems(IVAlphabet, iv);
        return new CipherParameters
        {
            Mode = mode,
            IV = Encoding.ASCII.GetBytes(iv.ToArray()),
            Salt = RandomNumberGenerator.GetBytes(ProtocolDefaults.SaltSize),
            KeySize = keySize,
            KeyHash = keyHash,
            Iterations = iterations,
            Padding = padding,
            PaddingUnit = paddingUnit,
            Stream = stream,
        };
    }

    /// <summary>Reads the capabilities of a hello, or of a challenge's third item. Null where there are none: the peer does not use AES.</summary>
    /// <exception cref="XpraAesException">CipherCapabilitiesInvalid, PaddingRejected, ModeRejected or IterationsRejected where they ask for something that xpra does not support.</exception>
    public static CipherCapabilities? Read(XpraDictionary? capabilities)
    {
        if (capabilities is null)
            return null;
        if (capabilities.GetDictionary(NestedKey) is { } nested && nested.ContainsKey("cipher"))
            return Read(nested, "");
        // The browser client uses the bare form in a challenge.
        if (capabilities.ContainsKey("cipher"))
            return Read(capabilities, capabilities.ContainsKey("iv") ? "" : FlatPrefix);
        return null;
    }

    /// <summary>Whether a hello asks for a cipher.</summary>
    public static bool IsIn(XpraDictionary capabilities)
        => !string.IsNullOrEmpty(capabilities.GetString("cipher")) || !string.IsNullOrEmpty(capabilities.GetDictionary(NestedKey)?.GetString("cipher"));

    /// <summary>Writes the flat and the nested form, for all xpra generations (PROTOCOL section 12).</summary>
    /// <param name="capabilities">The hello.</param>
    /// <param name="parameters">How the peer is to encrypt.</param>
    /// <param name="stream">The <c>stream</c> capability; null omits it: peers before 6.2 do not know it, and newer ones then stream.</param>
    public static void Write(XpraDictionary capabilities, CipherParameters parameters, bool? stream)
    {
        var nested = Describe(parameters, stream);
        foreach (var (name, value) in nested)
            capabilities[(string)name == "cipher" ? "cipher" : FlatPrefix + name] = value;
        capabilities[NestedKey] = nested;
    }

    /// <summary>The third item of a challenge: bare for the browser client, and flat and nested as in a hello.</summary>
    public static XpraDictionary ForChallenge(CipherParameters parameters, bool? stream)
    {
        var capabilities = Describe(parameters, stream);
        Write(capabilities, parameters, stream);
        return capabilities;
    }

    /// <summary>Removes every form from a hello.</summary>
    public static void Remove(XpraDictionary capabilities)
        => capabilities.RemoveAll(key => key is NestedKey or "cipher" || key.StartsWith(FlatPrefix, StringComparison.Ordinal));

    /// <summary>A copy of a hello without the salt in either form, which tagged salts are bound to.</summary>
    public static XpraDictionary WithoutSalt(XpraDictionary capabilities)
    {
        var copy = new XpraDictionary();
        foreach (var (name, value) in capabilities)
        {
            if (name is NestedKey && value is XpraDictionary nested)
                copy.Set(name, WithoutSalt(nested));
            else if (name is not (SaltKey or FlatPrefix + SaltKey))
                copy.Set(name, value);
        }
        return copy;
    }

    private static XpraDictionary Describe(CipherParameters parameters, bool? stream)
    {
        var caps = new XpraDictionary
        {
            ["cipher"] = Aes,
            ["mode"] = parameters.Mode.ToString(),
            ["iv"] = Encoding.Latin1.GetString(parameters.IV.Span),
            [SaltKey] = parameters.Salt.ToArray(),
            ["key_size"] = (long)parameters.KeySize,
            ["key_hash"] = parameters.KeyHash.ToString(),
            ["key_stretch"] = Pbkdf2,
            ["key_stretch_iterations"] = (long)parameters.Iterations,
            ["padding"] = CipherNames.PaddingName(parameters.Padding),
            ["padding.options"] = new object?[] { CipherNames.PaddingName(PaddingScheme.Pkcs7) },
        };
        if (stream is { } value)
            caps["stream"] = value;
        return caps;
    }

    private static CipherCapabilities Read(XpraDictionary caps, string prefix)
    {
        var cipher = caps.GetString("cipher");
        if (!string.Equals(cipher, Aes, StringComparison.OrdinalIgnoreCase))
            throw Invalid("ask for a cipher other than AES");
        if (caps.GetString(prefix + "key_stretch") is { } stretch && stretch != Pbkdf2)
            throw Invalid("ask for a key stretching other than PBKDF2");
        var salt = caps.GetBytes(prefix + SaltKey);
        if (salt is not { Length: >= MinSaltSize and <= MaxSaltSize })
            throw Invalid($"lack a salt of {MinSaltSize} to {MaxSaltSize} bytes");
        if (caps.GetInteger(prefix + "key_stretch_iterations") is not { } iterations)
            throw Invalid("lack the number of iterations");
        if (iterations is < ProtocolDefaults.MinIterations or > ProtocolDefaults.MaxIterations)
        {
            throw new XpraAesException(XpraErrorId.IterationsRejected,
                $"The peer asks for {iterations} PBKDF2 iterations; xpra allows {ProtocolDefaults.MinIterations} to {ProtocolDefaults.MaxIterations}.",
                "Have the peer ask for 1,000 to 10,000, which every version accepts (its XPRA_CRYPTO_DEFAULT_ITERATIONS).");
        }
        var keySize = caps.GetInteger(prefix + "key_size") ?? ProtocolDefaults.KeySize;
        if (keySize is not (16 or 24 or 32))
            throw Invalid($"ask for a key of {keySize} bytes; AES keys have 16, 24 or 32");
        var hasStream = caps.GetBoolean(prefix + "stream");
        return new CipherCapabilities
        {
            HasStream = hasStream is not null,
            PaddingOptions = ReadPaddingOptions(caps.GetStrings(prefix + "padding.options")),
            Parameters = new CipherParameters
            {
                Mode = ReadMode(caps.GetString(prefix + "mode")),
                IV = ReadIV(caps.GetBytes(prefix + "iv")),
                Salt = salt,
                KeySize = (int)keySize,
                KeyHash = ReadHash(caps.GetString(prefix + "key_hash")),
                Iterations = (int)iterations,
                Padding = ReadPadding(caps.GetString(prefix + "padding"), prefix),
                PaddingUnit = hasStream is null ? 32 : 16,
                Stream = hasStream ?? true,
            },
        };
    }

    private static AesMode ReadMode(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return AesMode.CBC; // xpra up to 4.2 has no other mode and does not announce one
        return CipherNames.TryParseMode(name, out var mode)
            ? mode
            : throw new XpraAesException(XpraErrorId.ModeRejected, $"The peer asks for the AES mode '{PeerIdentification.Sanitize(name)}', which xpra does not have.");
    }

    private static KeyHash ReadHash(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return KeyHash.SHA1;
        return CipherNames.TryParseHash(name, out var hash) ? hash : throw Invalid("ask for a key hash that xpra does not have");
    }

    private static byte[] ReadIV(byte[]? iv)
    {
        // 16 characters, some above 127, that arrived as UTF-8.
        if (iv is { Length: > ProtocolDefaults.BlockSize } && Encoding.UTF8.GetString(iv) is var text && text.All(c => c <= 0xff))
            iv = Encoding.Latin1.GetBytes(text);
        return iv is { Length: ProtocolDefaults.BlockSize } ? iv : throw Invalid("lack an IV of 16 bytes");
    }

    private static PaddingScheme ReadPadding(string? name, string prefix)
    {
        if (string.IsNullOrEmpty(name)) // the default of each generation: PROTOCOL section 0
            return prefix.Length > 0 ? PaddingScheme.Legacy : PaddingScheme.Pkcs7;
        return CipherNames.TryParsePadding(name, out var padding)
            ? padding
            : throw new XpraAesException(XpraErrorId.PaddingRejected, $"The peer asks for the padding '{PeerIdentification.Sanitize(name)}', which xpra does not have.");
    }

    private static PaddingScheme[] ReadPaddingOptions(IReadOnlyList<string> names)
    {
        var options = new List<PaddingScheme>();
        foreach (var name in names)
        {
            if (CipherNames.TryParsePadding(name, out var padding))
                options.Add(padding);
        }
        return options.Count > 0 ? [.. options] : [PaddingScheme.Pkcs7];
    }

    private static XpraAesException Invalid(string what)
        => new(XpraErrorId.CipherCapabilitiesInvalid, $"The peer's cipher capabilities {what}.");
}
