namespace XpraAes.Ciphers;

/// <summary>How one direction of a connection is encrypted: one set of cipher capabilities (PROTOCOL section 5).</summary>
public sealed record CipherParameters
{
    /// <summary>The AES mode.</summary>
    public required AesMode Mode { get; init; }

    /// <summary>The initialization vector, 16 bytes; unused if <see cref="Stream"/> is false.</summary>
    public required ReadOnlyMemory<byte> IV { get; init; }

    /// <summary>The PBKDF2 salt; 64 bytes in every xpra version.</summary>
    public required ReadOnlyMemory<byte> Salt { get; init; }

    /// <summary>The AES key's size in bytes: 16, 24 or 32.</summary>
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;

    /// <summary>The hash inside PBKDF2.</summary>
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;

    /// <summary>The number of PBKDF2 iterations.</summary>
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>The content of the padding bytes; only used in CBC.</summary>
    public PaddingScheme Padding { get; init; } = PaddingScheme.Pkcs7;

    /// <summary>The block length in bytes that CBC pads to: 32 before xpra 6.2, 16 since; 0 to detect it from the peer's first packet (PROTOCOL section 12). Other modes do not pad.</summary>
    public int PaddingUnit { get; init; } = 16;

    /// <summary>True: one continuous cipher state for the whole direction. False: a new random IV before every packet (xpra 6.2 and later).</summary>
    public bool Stream { get; init; } = true;
}
