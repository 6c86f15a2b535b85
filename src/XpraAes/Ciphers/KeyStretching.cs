using System.Security.Cryptography;

namespace XpraAes.Ciphers;

/// <summary>From key data to the AES key of one direction: PBKDF2-HMAC (RFC 8018 section 5.2; PROTOCOL section 5).</summary>
public static class KeyStretching
{
    /// <summary>Fills <paramref name="derivedKey"/>, of <see cref="CipherParameters.KeySize"/> bytes. Throws <see cref="XpraAesException"/>: CipherCapabilitiesInvalid for a key size other than 16, 24 or 32, IterationsRejected for iterations outside 1 to <see cref="ProtocolDefaults.MaxIterations"/>.</summary>
    public static void Derive(ReadOnlySpan<byte> keyData, CipherParameters parameters, Span<byte> derivedKey)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        PacketCipher.CheckKeySize(parameters);
        if (parameters.Iterations is < 1 or > ProtocolDefaults.MaxIterations)
        {
            throw new XpraAesException(
                XpraErrorId.IterationsRejected,
                $"{parameters.Iterations} PBKDF2 iterations are outside 1 to {ProtocolDefaults.MaxIterations}.",
                "Set the peer's XPRA_CRYPTO_DEFAULT_ITERATIONS to 10000, which every xpra version accepts.");
        }

        if (derivedKey.Length != parameters.KeySize)
            throw new ArgumentException($"The derived key has {parameters.KeySize} bytes.", nameof(derivedKey));

        if (parameters.KeyHash == KeyHash.SHA224)
            Sha224KeyStretching.Derive(keyData, parameters.Salt.Span, parameters.Iterations, derivedKey);
        else
            Rfc2898DeriveBytes.Pbkdf2(keyData, parameters.Salt.Span, derivedKey, parameters.Iterations, PlatformHash(parameters.KeyHash));
    }

    /// <summary>The work of deriving a key, in PBKDF2-SHA1 iterations for a 32-byte key: PBKDF2 runs all iterations for each hash-sized block of the key.</summary>
    /// <remarks>
    /// Times per block relative to SHA1's 50, measured on an AMD EPYC with SHA instructions and rounded up (.NET 10, OpenSSL 3; SHA224 is
    /// BouncyCastle's). An iteration for 32 bytes took 0.6 to 1.0 µs with SHA1, 2.1 µs with SHA224, 0.3 µs with SHA256, 0.7 µs with SHA384 and SHA512.
    /// </remarks>
    internal static long Cost(KeyHash hash, int keySize, int iterations)
    {
        var (size, time) = hash switch
        {
            KeyHash.SHA1 => (20, 50),
            KeyHash.SHA224 => (28, 175),
            KeyHash.SHA256 => (32, 55),
            KeyHash.SHA384 => (48, 120),
            KeyHash.SHA512 => (64, 120),
            _ => throw NoSuchHash(hash),
        };
        var blocks = (keySize + size - 1) / size;
        return (long)iterations * blocks * time / 100;
    }

    private static HashAlgorithmName PlatformHash(KeyHash hash) => hash switch
    {
        KeyHash.SHA1 => HashAlgorithmName.SHA1,
        KeyHash.SHA256 => HashAlgorithmName.SHA256,
        KeyHash.SHA384 => HashAlgorithmName.SHA384,
        KeyHash.SHA512 => HashAlgorithmName.SHA512,
        _ => throw NoSuchHash(hash),
    };

    private static ArgumentOutOfRangeException NoSuchHash(KeyHash hash) => new(nameof(hash), hash, "There is no such key hash.");
}
