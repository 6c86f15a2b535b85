namespace XpraAes.Listening;

/// <summary>Checks of options that both roles have.</summary>
internal static class OptionChecks
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
}
