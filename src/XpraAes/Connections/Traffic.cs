using XpraAes.Packets;

namespace XpraAes.Connections;

/// <summary>A connection's traffic counters, including headers and the handshake; each chunk counts as a packet.</summary>
internal readonly record struct Traffic(long BytesIn, long BytesOut, long PacketsIn, long PacketsOut)
{
    public static Traffic Of(PacketChannel channel)
        => new(channel.Reader.BytesRead, channel.Writer.BytesWritten, channel.Reader.PacketsRead, channel.Writer.PacketsWritten);

    public static Traffic operator +(Traffic left, Traffic right)
        => new(left.BytesIn + right.BytesIn, left.BytesOut + right.BytesOut, left.PacketsIn + right.PacketsIn, left.PacketsOut + right.PacketsOut);
}
