using XpraAes.Ciphers;

namespace XpraAes.Connections;

/// <summary>The value of <c>encryption=</c>: <c>AES</c>, or <c>AES-</c> and a mode, not case-sensitive, as in xpra's servers (PROTOCOL section 10).</summary>
internal static class EncryptionName
{
    /// <summary>False where no xpra version supports the value. The mode is null for plain <c>AES</c>.</summary>
    internal static bool TryParse(string value, out AesMode? mode)
    {
        mode = value.ToUpperInvariant() switch
        {
            "AES-CBC" => AesMode.CBC,
            "AES-CTR" => AesMode.CTR,
            "AES-GCM" => AesMode.GCM,
            "AES-CFB" => AesMode.CFB,
            _ => null,
        };
        return mode is not null || value.Equals("AES", StringComparison.OrdinalIgnoreCase);
    }
}
