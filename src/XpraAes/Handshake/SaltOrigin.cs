namespace XpraAes.Handshake;

/// <summary>Who made a salt, as far as its tag tells.</summary>
internal enum SaltOrigin
{
    /// <summary>It carries no tag under this key: a stock program's, or a stranger's.</summary>
    Unknown,
    /// <summary>A client of ours announced it.</summary>
    Client,
    /// <summary>A listener of ours announced it.</summary>
    Listener,
}
