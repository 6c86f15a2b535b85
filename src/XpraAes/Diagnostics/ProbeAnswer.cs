using XpraAes.Handshake;

namespace XpraAes.Diagnostics;

/// <summary>What one hello on one connection came to.</summary>
internal sealed record ProbeAnswer
{
    /// <summary>What the server answered; null where something failed.</summary>
    public HandshakeResult? Hello { get; init; }

    /// <summary>What failed; null where nothing did.</summary>
    public XpraAesException? Failure { get; init; }

    /// <summary>How the answer was encrypted; null where it came in clear, or not at all.</summary>
    public EncryptedReply? Reply { get; init; }

    /// <summary>Whether whatever is there can be talked to at all: it answered with a packet or with words of xpra's.</summary>
    public bool IsXpra => Hello is not null || Reply is not null
        || Failure?.Id is XpraErrorId.PeerDisconnected or XpraErrorId.PlaintextPacket or XpraErrorId.CipherCapabilitiesMissing or XpraErrorId.ModeRejected
            or XpraErrorId.PaddingRejected or XpraErrorId.IterationsRejected or XpraErrorId.VersionRejected
            or XpraErrorId.AuthenticationRequired or XpraErrorId.AuthenticationFailed or XpraErrorId.AuthenticationUnsupported;
}
