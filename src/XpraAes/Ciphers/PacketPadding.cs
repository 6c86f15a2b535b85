namespace XpraAes.Ciphers;

/// <summary>CBC's padding (PROTOCOL section 7).</summary>
internal static class PacketPadding
{
    /// <summary>The largest unit, and so the longest padding, of any xpra version.</summary>
    public const int MaxUnit = 32;

    /// <summary>The padding's length: 1 to <paramref name="unit"/>, so that a packet that is aligned already gets a whole unit; 0 where the mode does not pad. The IV that stream=false puts into the payload counts.</summary>
    public static int Size(int payloadSize, int unit) => unit == 0 ? 0 : unit - payloadSize % unit;

    /// <summary>The value of every byte of a padding of this length.</summary>
    public static byte Value(PaddingScheme scheme, int size) => scheme == PaddingScheme.Legacy ? (byte)' ' : (byte)size;

    /// <summary>Whether every byte has this value, found out in a time that does not depend on the bytes: no way out before the last one.</summary>
    public static bool IsAll(ReadOnlySpan<byte> padding, byte value)
    {
        int difference = 0;
        foreach (byte one in padding)
            difference |= one ^ value;

        return difference == 0;
    }
}
