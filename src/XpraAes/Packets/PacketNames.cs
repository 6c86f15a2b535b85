namespace XpraAes.Packets;

/// <summary>Packet types that were renamed: xpra's development tree, with XPRA_BACKWARDS_COMPATIBLE=0, only knows the new names. XpraAes uses the old names internally.</summary>
internal static class PacketNames
{
    private static readonly (string Old, string New)[] s_names = [("disconnect", "connection-close"), ("ping_echo", "ping-echo"), ("command_request", "control-request"), ("start-command", "command-start"), ("screenshot", "display-screenshot")];

    /// <summary>The old name of a type; the name itself if it was not renamed.</summary>
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
    public static object?[] For(object?[] packet, bool usesNew)
    {
        foreach (var (old, @new) in s_names)
        {
            if (packet is [string name, ..] && name == (usesNew ? old : @new))
                return [usesNew ? @new : old, .. packet.AsSpan(1)];
        }
        return packet;
    }
}
