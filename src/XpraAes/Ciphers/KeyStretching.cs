using System.Security.Cryptography;

namespace XpraAes.Ciphers;

/// <summary>From key data to the AES key of one direction: PBKDF2-HMAC (RFC 8018 section 5.2; PROTOCOL section 5).</summary>
public static class KeyStretching
{
    /// <summary>Fills <paramref name="derivedKey"/>, which is <see cref="CipherParameters.KeySize"/> bytes long. Throws <see cref="XpraAesException"/>: CipherCapabilitiesInvalid for a key size other than 16, 24 or 32, IterationsRejected for iterations outside 1 to <see cref="ProtocolDefaults.MaxIterations"/>.</summary>
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

    /// <summary>What it takes to derive a key, in rounds of SHA1 for a key of 32 bytes: PBKDF2 makes as many blocks of the hash's size as the key needs, each in all its rounds.</summary>
    /// <remarks>
    /// The time of a block, SHA1's being 50, as measured on an AMD EPYC with the SHA instructions, rounded up (.NET 10, OpenSSL 3; SHA224 is
    /// BouncyCastle's). SHA1 took 0.6 to 1.0 µs a round for 32 bytes there, SHA224 2.1 µs, SHA256 0.3 µs, SHA384 and SHA512 0.7 µs.
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
