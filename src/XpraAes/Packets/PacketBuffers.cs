using System.Buffers;

namespace XpraAes.Packets;

/// <summary>
/// The buffers of packets under way. Those of common sizes come from the shared pool and go back to it; the pool would keep the
/// largest, of which one picture of two screens takes 64 MB, long after they were needed.
/// </summary>
internal static class PacketBuffers
{
    /// <summary>Most of what xpra sends, pictures included, fits; arbitrary.</summary>
    private const int MaxPooled = 4 * 1024 * 1024;

    public static byte[] Rent(int size)
        => size <= MaxPooled ? ArrayPool<byte>.Shared.Rent(size) : GC.AllocateUninitializedArray<byte>(size);

    public static void Return(byte[] buffer)
    {
        if (buffer.Length is > 0 and <= MaxPooled)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
