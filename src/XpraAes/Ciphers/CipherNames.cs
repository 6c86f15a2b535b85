namespace XpraAes.Ciphers;

/// <summary>xpra's names for modes, hashes and paddings (PROTOCOL sections 5 and 10). Case does not matter when reading.</summary>
internal static class CipherNames
{
    /// <summary>As in the <c>mode</c> capability: <c>CBC</c>. <c>AES-CBC</c>, as in options, is <see cref="CipherName"/>.</summary>
    public static string ModeName(AesMode mode) => mode switch
    {
        AesMode.CBC => "CBC",
        AesMode.CTR => "CTR",
        AesMode.GCM => "GCM",
        AesMode.CFB => "CFB",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "There is no such AES mode."),
    };

    /// <summary>As in the <c>encryption</c> option: <c>AES-CBC</c>.</summary>
    public static string CipherName(AesMode mode) => "AES-" + ModeName(mode);

    /// <summary>Reads <c>CBC</c>, <c>AES-CBC</c>, or <c>AES</c>, which means CBC.</summary>
    public static bool TryParseMode(ReadOnlySpan<char> name, out AesMode mode)
    {
        mode = AesMode.CBC;
        if (name.Equals("AES", StringComparison.OrdinalIgnoreCase))
            return true;

        if (name.StartsWith("AES-", StringComparison.OrdinalIgnoreCase))
            name = name[4..];

        foreach (var candidate in Enum.GetValues<AesMode>())
        {
            if (!name.Equals(ModeName(candidate), StringComparison.OrdinalIgnoreCase))
                continue;

            mode = candidate;
            return true;
        }

        return false;
    }

    /// <summary>As in the <c>key_hash</c> capability: <c>SHA1</c>.</summary>
    public static string HashName(KeyHash hash) => hash switch
    {
        KeyHash.SHA1 => "SHA1",
        KeyHash.SHA224 => "SHA224",
        KeyHash.SHA256 => "SHA256",
        KeyHash.SHA384 => "SHA384",
        KeyHash.SHA512 => "SHA512",
        _ => throw new ArgumentOutOfRangeException(nameof(hash), hash, "There is no such key hash."),
    };

    /// <summary>Reads <c>SHA1</c> and the other hash names.</summary>
    public static bool TryParseHash(ReadOnlySpan<char> name, out KeyHash hash)
    {
        foreach (var candidate in Enum.GetValues<KeyHash>())
        {
            if (!name.Equals(HashName(candidate), StringComparison.OrdinalIgnoreCase))
                continue;

            hash = candidate;
            return true;
        }

        hash = default;
        return false;
    }

    /// <summary>As in the <c>padding</c> capability: <c>PKCS#7</c> or <c>legacy</c>.</summary>
    public static string PaddingName(PaddingScheme padding) => padding switch
    {
        PaddingScheme.Pkcs7 => "PKCS#7",
        PaddingScheme.Legacy => "legacy",
        _ => throw new ArgumentOutOfRangeException(nameof(padding), padding, "There is no such padding."),
    };

    /// <summary>Reads <c>PKCS#7</c> or <c>legacy</c>.</summary>
    public static bool TryParsePadding(ReadOnlySpan<char> name, out PaddingScheme padding)
    {
        padding = name.Equals("legacy", StringComparison.OrdinalIgnoreCase) ? PaddingScheme.Legacy : PaddingScheme.Pkcs7;
        return padding == PaddingScheme.Legacy || name.Equals("PKCS#7", StringComparison.OrdinalIgnoreCase);
    }
}
