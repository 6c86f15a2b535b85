namespace XpraAes.Ciphers;

/// <summary>The hash inside PBKDF2-HMAC, under xpra's names (PROTOCOL section 5).</summary>
public enum KeyHash
{
    /// <summary>SHA-1, every version's default.</summary>
    SHA1,
    /// <summary>SHA-224.</summary>
    SHA224,
    /// <summary>SHA-256.</summary>
    SHA256,
    /// <summary>SHA-384.</summary>
    SHA384,
    /// <summary>SHA-512.</summary>
    SHA512,
}
