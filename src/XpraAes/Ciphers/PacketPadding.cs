namespace XpraAes.Ciphers;

/// <summary>CBC's padding (PROTOCOL section 7).</summary>
internal static class PacketPadding
{
    /// <summary>The largest padding unit, and so the longest padding, of any xpra version.</summary>
    public const int MaxUnit = 32;

    /// <summary>The padding's length in bytes: 1 to <paramref name="unit"/> (an aligned packet gets a whole unit), or 0 if the mode does not pad. The payload size includes the IV of stream=false.</summary>
    public static int Size(int payloadSize, int unit) => unit == 0 ? 0 : unit - payloadSize % unit;

    /// <summary>The value of every padding byte, for padding of this length.</summary>
    public static byte Value(PaddingScheme scheme, int size) => scheme == PaddingScheme.Legacy ? (byte)' ' : (byte)size;

    /// <summary>Whether every byte has this value; takes constant time.</summary>
    public static bool IsAll(ReadOnlySpan<byte> padding, byte value)
    {
        int difference = 0;
        foreach (byte one in padding)
            difference |= one ^ value;

        return difference == 0;
    }
}
