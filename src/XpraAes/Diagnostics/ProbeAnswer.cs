using XpraAes.Handshake;

namespace XpraAes.Diagnostics;

/// <summary>The outcome of one hello on one connection.</summary>
internal sealed record ProbeAnswer
{
    /// <summary>The server's answer; null if something failed.</summary>
    public HandshakeResult? Hello { get; init; }

    /// <summary>The failure, or null.</summary>
    public XpraAesException? Failure { get; init; }

    /// <summary>How the answer was encrypted; null if it was not encrypted or there was none.</summary>
    public EncryptedReply? Reply { get; init; }

    /// <summary>Whether the peer is an xpra server: it answered with a packet, or with text that xpra sends.</summary>
    public bool IsXpra => Hello is not null || Reply is not null
        || Failure?.Id is XpraErrorId.PeerDisconnected or XpraErrorId.PlaintextPacket or XpraErrorId.CipherCapabilitiesMissing or XpraErrorId.ModeRejected
            or XpraErrorId.PaddingRejected or XpraErrorId.IterationsRejected or XpraErrorId.VersionRejected
            or XpraErrorId.AuthenticationRequired or XpraErrorId.AuthenticationFailed or XpraErrorId.AuthenticationUnsupported;
}
