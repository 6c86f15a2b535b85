using XpraAes.Ciphers;
using XpraAes.Encodings;

namespace XpraAes.Handshake;

/// <summary>What a completed handshake agreed on.</summary>
/// <param name="Send">How we encrypt towards the peer; null where the connection is in clear.</param>
/// <param name="Receive">How the peer encrypts towards us; null where the connection is in clear.</param>
/// <param name="PeerHello">The peer's hello, its cipher capabilities included.</param>
/// <param name="KeyProven">Whether a packet of the peer's has decrypted yet.</param>
internal sealed record HandshakeResult(CipherParameters? Send, CipherParameters? Receive, XpraDictionary PeerHello, bool KeyProven)
{
    /// <summary>The version that the peer names; null where it names none.</summary>
    public string? PeerVersion => Hello.VersionOf(PeerHello);

    /// <summary>What the client asked for; null for a session.</summary>
    public string? Request { get; init; }

    /// <summary>Whether one who holds the key made the client's hello, for this moment: a packet of it has decrypted, or its salt says so. The second can be held back on the way, or brought to another listener with the same key.</summary>
    public bool IsFromKeyHolder { get; init; }

    /// <summary>Whether the server asked us for a password, and took it.</summary>
    public bool IsAuthenticated { get; init; }

    /// <summary>The encoding of the peer's hello.</summary>
    public PacketEncoding Encoding { get; init; }

    /// <summary>The key that both sides hold; null where the connection is in clear.</summary>
    public XpraKey? Key { get; init; }
}
