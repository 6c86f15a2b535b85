using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>A server refused the connection, with this packet.</summary>
internal sealed class RefusedException(XpraErrorId id, string message, string? recommendedAction, Packet disconnect)
    : XpraAesException(id, message, recommendedAction)
{
    public Packet Disconnect => disconnect;
}
