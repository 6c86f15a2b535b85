using XpraAes.Ciphers;

namespace XpraAes.Handshake;

/// <summary>How a client encrypts and asks to be encrypted to.</summary>
internal sealed record ClientCipherOptions
{
    /// <summary>The keys to try on the server's first packet; mostly one.</summary>
    public required IReadOnlyList<XpraKey> Keys { get; init; }

    public required AesMode Mode { get; init; }
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>Null: say nothing, so that a server of any generation streams.</summary>
    public bool? Stream { get; init; }

    /// <summary>A salt to announce in place of a new one with a tag: for finding out what a server makes of it.</summary>
    public byte[]? Salt { get; init; }

    /// <summary>How the first packet is encrypted where XPRA_ENCRYPT_FIRST_PACKET is in force; null sends it in clear.</summary>
    public FirstPacket? FirstPacket { get; init; }
}
