using System.Security.Cryptography;
using System.Text;

namespace XpraAes.Keys;

/// <summary>
/// The pre-shared keys of TLS 1.3 that key data stands for, one for each hash of a cipher suite, and the identities that name them on the
/// wire (docs/sealed.md). Key data is stretched once per key and process; an identity is no cheaper to guess from than that.
/// </summary>
internal sealed class TlsPskSecrets
{
    /// <summary>PBKDF2-SHA256 iterations: what OWASP asks for since 2023.</summary>
    public const int Iterations = 600_000;

    /// <summary>What every identity begins with, in ASCII.</summary>
    public static ReadOnlySpan<byte> IdentityPrefix => "xpra-aes-sha"u8;

    private const int StretchedSize = 32, IdentitySize = 16;

    private static readonly byte[] s_salt = "XpraAes TLS-PSK v1"u8.ToArray();
    private static readonly PerKey<TlsPskSecrets> s_perKey = new(key => new TlsPskSecrets(key.Data));

    private TlsPskSecrets(ReadOnlySpan<byte> keyData)
    {
        Span<byte> stretched = stackalloc byte[StretchedSize];
        Rfc2898DeriveBytes.Pbkdf2(keyData, s_salt, stretched, Iterations, HashAlgorithmName.SHA256);
        Sha256 = new PskSecret(Identity(stretched, "sha256"), Expand(stretched, "psk sha256", 32));
        Sha384 = new PskSecret(Identity(stretched, "sha384"), Expand(stretched, "psk sha384", 48));
        CryptographicOperations.ZeroMemory(stretched);
    }

    /// <summary>For TLS_AES_128_GCM_SHA256, which openssl's and stunnel's PSKs are bound to.</summary>
    public PskSecret Sha256 { get; }

    /// <summary>For TLS_AES_256_GCM_SHA384.</summary>
    public PskSecret Sha384 { get; }

    /// <summary>The secrets of a key. The first time for each key it takes some 200 ms.</summary>
    public static TlsPskSecrets Of(XpraKey key) => s_perKey.Of(key);

    private static string Identity(ReadOnlySpan<byte> stretched, string hash)
    {
        using var bytes = Expand(stretched, $"identity {hash}", IdentitySize);
        return $"xpra-aes-{hash}-{Convert.ToHexString(bytes.Span).ToLowerInvariant()}";
    }

    private static SecretBuffer Expand(ReadOnlySpan<byte> stretched, string label, int size)
    {
        var expanded = new SecretBuffer(size);
        HKDF.Expand(HashAlgorithmName.SHA256, stretched, expanded.Span, Encoding.ASCII.GetBytes(label));
        return expanded;
    }
}

/// <summary>One external pre-shared key of TLS 1.3 and its identity.</summary>
/// <param name="Identity">What names it on the wire, in ASCII.</param>
/// <param name="Key">The key, as long as its hash.</param>
internal sealed record PskSecret(string Identity, SecretBuffer Key);
