namespace XpraAes.Handshake;

/// <summary>Who created a salt, according to its tag.</summary>
internal enum SaltOrigin
{
    /// <summary>It has no valid tag: made by a stock xpra program, or by someone without the key.</summary>
    Unknown,
    /// <summary>An XpraAes client with this key.</summary>
    Client,
    /// <summary>An XpraAes listener with this key.</summary>
    Listener,
}
