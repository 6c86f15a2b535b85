using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Tests.Replay;

/// <summary>One packet of a recorded session as our own code read it.</summary>
/// <param name="Number">Its place in the order of arrival, from 0.</param>
/// <param name="Direction">c2s or s2c.</param>
/// <param name="Offset">Where its header starts in the direction's stream.</param>
/// <param name="Header">Its header.</param>
/// <param name="Wire">Every byte of it, header, IV and padding included.</param>
/// <param name="Payload">What it holds, decrypted, without IV and padding.</param>
/// <param name="Items">What that decodes to.</param>
internal sealed record ReplayedPacket(int Number, string Direction, int Offset, PacketHeader Header, byte[] Wire, byte[] Payload, object?[] Items)
{
    public XpraDictionary? Dictionary(int index) => index < Items.Length ? Items[index] as XpraDictionary : null;

    /// <summary>By name. Only xpra's own hello has an alias in the recordings: 1, which 3.1 and 6.1 servers send.</summary>
    public string Type => new Packet(Items, Header).Type switch
    {
        "#1" => "hello",
        var type => type,
    };
}
