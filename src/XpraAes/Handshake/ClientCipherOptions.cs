using XpraAes.Ciphers;

namespace XpraAes.Handshake;

/// <summary>The cipher settings of a client.</summary>
internal sealed record ClientCipherOptions
{
    /// <summary>The keys to try on the server's first packet; usually one.</summary>
    public required IReadOnlyList<XpraKey> Keys { get; init; }

    public required AesMode Mode { get; init; }
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>The <c>stream</c> capability; null omits it, so that servers of every generation stream.</summary>
    public bool? Stream { get; init; }

    /// <summary>A salt to announce instead of a new tagged one, to probe how a server reacts.</summary>
    public byte[]? Salt { get; init; }

    /// <summary>How to encrypt the first packet, for XPRA_ENCRYPT_FIRST_PACKET; null sends it in plaintext.</summary>
    public FirstPacket? FirstPacket { get; init; }
}
