namespace XpraAes.Ciphers;

/// <summary>The content of a CBC packet's padding bytes (PROTOCOL section 7).</summary>
public enum PaddingScheme
{
    /// <summary>p bytes of value p, 1 to 32. xpra's name: <c>PKCS#7</c>.</summary>
    Pkcs7,
    /// <summary>p spaces (0x20), versions before 6.2. xpra's name: <c>legacy</c>.</summary>
    Legacy,
}
