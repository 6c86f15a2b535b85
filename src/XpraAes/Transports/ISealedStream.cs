namespace XpraAes.Transports;

/// <summary>A stream whose both ends have proven the key to each other, and that nobody without it can read or alter.</summary>
internal interface ISealedStream
{
    /// <summary>The key that both ends hold.</summary>
    XpraKey Key { get; }

    /// <summary>The size in bits of the AES keys that protect its records.</summary>
    int KeySize { get; }
}
