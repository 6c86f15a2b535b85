namespace XpraAes.Keys;

/// <summary>What key data looks like. It makes no difference to xpra, which takes the digits in a key file literally (PROTOCOL section 5).</summary>
public enum KeyFormat
{
    /// <summary>No bytes at all.</summary>
    Empty,
    /// <summary>An even number of hexadecimal digits, 4 bits each.</summary>
    Hex,
    /// <summary>Base64 text of 16 characters or more, 6 bits each.</summary>
    Base64,
    /// <summary>A UUID of 36 characters (RFC 9562); 122 bits where it is random.</summary>
    Uuid,
    /// <summary>Any other text, such as a password.</summary>
    Text,
    /// <summary>Bytes that are not text.</summary>
    Binary,
}
