namespace XpraAes.Ciphers;

/// <summary>Creates the cipher of one direction of a connection.</summary>
public static class PacketCipher
{
    /// <summary>The encryptor for what we send. The key is copied. Throws <see cref="XpraAesException"/> CipherCapabilitiesInvalid for a key size other than 16, 24 or 32 bytes, or an IV other than 16.</summary>
    public static PacketEncryptor CreateEncryptor(CipherParameters parameters, ReadOnlySpan<byte> derivedKey) => CreateEncryptor(parameters, derivedKey, portable: false);

    /// <summary>The decryptor for what we receive. The key is copied. Throws <see cref="XpraAesException"/> CipherCapabilitiesInvalid for a key size other than 16, 24 or 32 bytes, or an IV other than 16.</summary>
    public static PacketDecryptor CreateDecryptor(CipherParameters parameters, ReadOnlySpan<byte> derivedKey) => CreateDecryptor(parameters, derivedKey, portable: false);

    internal static PacketEncryptor CreateEncryptor(CipherParameters parameters, ReadOnlySpan<byte> derivedKey, bool portable)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        if (parameters is { Mode: AesMode.CBC, PaddingUnit: 0 })
            throw new ArgumentException("A sender must know the padding unit.", nameof(parameters));

        return new PacketEncryptor(parameters, CreateMode(parameters, derivedKey, encrypts: true, portable));
    }

    internal static PacketDecryptor CreateDecryptor(CipherParameters parameters, ReadOnlySpan<byte> derivedKey, bool portable)
        => new(parameters, CreateMode(parameters, derivedKey, encrypts: false, portable));

    internal static BlockModeCipher CreateMode(CipherParameters parameters, ReadOnlySpan<byte> derivedKey, bool encrypts, bool portable)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        CheckKeySize(parameters);
        if (derivedKey.Length != parameters.KeySize)
            throw new ArgumentException($"The derived key has {parameters.KeySize} bytes.", nameof(derivedKey));

        if (parameters.PaddingUnit is not (0 or 16 or PacketPadding.MaxUnit))
            throw new ArgumentException($"CBC pads to 16 or 32 bytes, not {parameters.PaddingUnit}.", nameof(parameters));

        if (parameters.Stream && parameters.IV.Length != ProtocolDefaults.BlockSize)
            throw Invalid($"The IV has {parameters.IV.Length} bytes, not {ProtocolDefaults.BlockSize}.");

        // Without stream, the negotiated IV is unused: each packet carries its own.
        var iv = parameters.Stream ? parameters.IV.Span : stackalloc byte[ProtocolDefaults.BlockSize];
        var engine = AesEngine.Create(derivedKey, portable);
        return parameters.Mode switch
        {
            AesMode.CBC => new CbcCipher(engine, iv, encrypts),
            AesMode.CTR => new CtrCipher(engine, iv),
            AesMode.GCM => new GcmCipher(engine, iv),
            AesMode.CFB => new CfbCipher(engine, iv, encrypts),
            _ => throw new ArgumentOutOfRangeException(nameof(parameters), parameters.Mode, "There is no such AES mode."),
        };
    }

    internal static void CheckKeySize(CipherParameters parameters)
    {
        if (parameters.KeySize is not (16 or 24 or 32))
            throw Invalid($"An AES key of {parameters.KeySize} bytes does not exist: 16, 24 and 32 do.");
    }

    private static XpraAesException Invalid(string message) => new(
        XpraErrorId.CipherCapabilitiesInvalid,
        message,
        "Look at the XPRA_CRYPTO_ environment variables of the peer: one of them asks for a cipher that no xpra version has.");
}
