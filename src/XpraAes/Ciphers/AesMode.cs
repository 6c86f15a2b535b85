namespace XpraAes.Ciphers;

/// <summary>The AES modes of xpra (PROTOCOL section 0). None has an integrity check, not even GCM.</summary>
public enum AesMode
{
    /// <summary>Cipher block chaining, padded: every version.</summary>
    CBC,
    /// <summary>Counter mode, 128 bit big endian counter: 4.3 and later.</summary>
    CTR,
    /// <summary>The keystream of GCM with a 16 byte IV, without a tag: 4.3 to 6.1.</summary>
    GCM,
    /// <summary>CFB128: 4.3 to 6.5.2.</summary>
    CFB,
}
