using XpraAes.Packets;

namespace XpraAes.Tests.Replay;

/// <summary>One packet of a recorded session, as read by XpraAes.</summary>
/// <param name="Number">Its place in the order of arrival, from 0.</param>
/// <param name="Direction">c2s or s2c.</param>
/// <param name="Offset">Where its header starts in the direction's stream.</param>
/// <param name="Wire">Every byte of it, header, IV and padding included.</param>
/// <param name="Payload">What it holds, decrypted, without IV and padding.</param>
/// <param name="Packet">What that decodes to.</param>
internal sealed record ReplayedPacket(int Number, string Direction, int Offset, byte[] Wire, byte[] Payload, Packet Packet)
{
    public PacketHeader Header => Packet.Header;

    /// <summary>1 is the alias of hello in every recording that has aliases.</summary>
    public bool IsHello => Packet.Type is "hello" or "#1";

    public bool IsChallenge => Packet.Type == "challenge";
}
