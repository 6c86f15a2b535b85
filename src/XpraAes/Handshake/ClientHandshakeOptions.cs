using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>What a client brings into a handshake.</summary>
internal sealed record ClientHandshakeOptions
{
    public required XpraKey Key { get; init; }
    public required AesMode Mode { get; init; }
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>Null: say nothing, so that a server of any generation streams.</summary>
    public bool? Stream { get; init; }

    /// <summary>How the first packet is encrypted where XPRA_ENCRYPT_FIRST_PACKET is in force; null sends it in clear.</summary>
    public FirstPacket? FirstPacket { get; init; }

    public string? UserName { get; init; }
    public SecretBuffer? Password { get; init; }
    public PacketEncoding Encoding { get; init; } = PacketEncoding.RencodePlus;
    public required string Uuid { get; init; }
    public required TimeSpan Timeout { get; init; }

    /// <summary>Further capabilities for the hello, such as a request.</summary>
    public XpraDictionary? Capabilities { get; init; }
}
