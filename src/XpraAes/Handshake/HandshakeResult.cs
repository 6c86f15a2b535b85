using XpraAes.Ciphers;
using XpraAes.Encodings;

namespace XpraAes.Handshake;

/// <summary>The result of a completed handshake.</summary>
/// <param name="Send">The cipher for sending; null where the connection is unencrypted.</param>
/// <param name="Receive">The cipher for receiving; null where the connection is unencrypted.</param>
/// <param name="PeerHello">The peer's hello, including its cipher capabilities.</param>
/// <param name="KeyProven">Whether a packet from the peer has decrypted.</param>
internal sealed record HandshakeResult(CipherParameters? Send, CipherParameters? Receive, XpraDictionary PeerHello, bool KeyProven)
{
    /// <summary>The version that the peer announces; null where it announces none.</summary>
    public string? PeerVersion => Hello.VersionOf(PeerHello);

    /// <summary>The client's request; null for a session.</summary>
    public string? Request { get; init; }

    /// <summary>Whether a key holder made the client's hello recently: a packet from the client has decrypted, or its salt shows it. In the second case an attacker may have delayed the hello, or sent it to another listener with the same key.</summary>
    public bool IsFromKeyHolder { get; init; }

    /// <summary>Whether the server asked for a password and accepted it.</summary>
    public bool IsAuthenticated { get; init; }

    /// <summary>The encoding of the peer's hello.</summary>
    public PacketEncoding Encoding { get; init; }

    /// <summary>The shared key; null where the connection is unencrypted.</summary>
    public XpraKey? Key { get; init; }
}
