namespace XpraAes.Ciphers;

/// <summary>Key stretching limits that both roles check, for their own options and for what the peer asks for.</summary>
internal static class KeyStretchingLimits
{
    /// <exception cref="XpraAesException">InvalidOption.</exception>
    public static void Require(int keySize, int iterations)
    {
        if (keySize is not (16 or 24 or 32))
            throw new XpraAesException(XpraErrorId.InvalidOption, $"AES has no key of {keySize * 8} bits.", "-KeySize takes 128, 192 or 256.");
        if (iterations is < ProtocolDefaults.MinIterations or > ProtocolDefaults.MaxIterations)
        {
            throw new XpraAesException(XpraErrorId.IterationsRejected,
                $"No xpra accepts {iterations} PBKDF2 iterations.",
                $"-Iterations takes {ProtocolDefaults.MinIterations} to {ProtocolDefaults.MaxIterations}; 1,000 to 10,000 suit every version.");
        }
    }

    /// <summary>Whether a key that a peer asks us to derive takes too much work. The peer also chooses hash and key size, which can make the same iterations up to 3.5 times as expensive.</summary>
    public static bool IsTooExpensive(CipherParameters asked, Limits limits) => IsTooExpensive(asked.KeyHash, asked.KeySize, asked.Iterations, limits);

    /// <summary>As <see cref="IsTooExpensive(CipherParameters, Limits)"/>.</summary>
    public static bool IsTooExpensive(KeyHash hash, int keySize, int iterations, Limits limits) => KeyStretching.Cost(hash, keySize, iterations) > limits.MaxIterations;
}
