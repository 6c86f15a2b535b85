namespace XpraAes.Packets;

/// <summary>The names of packet types that differ between generations: the development tree has new ones with XPRA_BACKWARDS_COMPATIBLE=0, and then knows no others. In here the old ones stand for both.</summary>
internal static class PacketNames
{
    private static readonly (string Old, string New)[] s_names = [("disconnect", "connection-close"), ("ping_echo", "ping-echo")];

    /// <summary>The old name of a type; the name itself where there is no other.</summary>
    public static string Old(string name)
    {
        foreach (var (old, @new) in s_names)
        {
            if (name == @new)
                return old;
        }
        return name;
    }

    /// <summary>The same packet under the name that the peer knows.</summary>
    public static object?[] For(object?[] packet, bool saysNew)
    {
        foreach (var (old, @new) in s_names)
        {
            if (packet is [string name, ..] && name == (saysNew ? old : @new))
                return [saysNew ? @new : old, .. packet.AsSpan(1)];
        }
        return packet;
    }
}
