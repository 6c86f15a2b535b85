using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>A server sent us away, with this packet.</summary>
internal sealed class RefusedException(XpraErrorId id, string message, string? recommendedAction, Packet disconnect)
    : XpraAesException(id, message, recommendedAction)
{
    public Packet Disconnect => disconnect;
}
