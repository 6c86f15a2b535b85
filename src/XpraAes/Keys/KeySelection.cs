namespace XpraAes.Keys;

/// <summary>Every way to give a key, in xpra's order of precedence (PROTOCOL section 5). Not a record, whose ToString would print secrets.</summary>
internal sealed class KeySelection
{
    /// <summary>A key object, which takes precedence over everything else; xpra has nothing like it.</summary>
    public XpraKey? Key { get; init; }

    /// <summary>The key of a <c>keydata=</c> option, in a URI or in bind options.</summary>
    public XpraKey? OptionKey { get; init; }

    /// <summary>Text of -KeyData.</summary>
    public string? KeyData { get; init; }

    /// <summary>The path of a <c>keyfile=</c> option, in a URI or in bind options.</summary>
    public string? OptionKeyFile { get; init; }

    /// <summary>The path of -KeyFile.</summary>
    public string? KeyFile { get; init; }

    /// <summary>A password to use as key data if nothing else was given; null if it must not be.</summary>
    public SecretBuffer? Password { get; init; }

    /// <summary>
    /// The key to use, a copy that the caller disposes of. In order: the key object, <c>keydata=</c>, -KeyData, <c>keyfile=</c>, -KeyFile, XPRA_ENCRYPTION_KEY, the password.
    /// Unlike xpra, it does not fall back to the next one if the key file is missing or empty, but throws KeyFileNotFound, KeyFileEmpty and the others of <see cref="XpraKey.FromFile"/>.
    /// Throws KeyTextInvalid, and KeyMissing if no key was given.
    /// </summary>
    public XpraKey Resolve()
    {
        if ((Key ?? OptionKey) is { } key)
            return key.Clone();
        if (KeyData is not null)
            return XpraKey.FromText(KeyData);
        if ((OptionKeyFile ?? KeyFile) is { } path)
            return ReadFile(path);
        if (XpraKey.FromEnvironment() is { } fromEnvironment)
            return fromEnvironment;
        if (Password is { Length: > 0 })
            return XpraKey.FromPassword(Password.Span);
        throw new XpraAesException(
            XpraErrorId.KeyMissing,
            "AES needs a key, and none was given.",
            "Give -KeyFile, -KeyData or -Key, or keyfile= in the URI, or set XPRA_ENCRYPTION_KEY. New-XpraAesKey -Path makes a key file.");
    }

    private static XpraKey ReadFile(string path)
    {
        var key = XpraKey.FromFile(path);
        _ = key.Data;
        return key;
    }
}
