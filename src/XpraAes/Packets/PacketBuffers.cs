using System.Buffers;
using System.Numerics;

namespace XpraAes.Packets;

/// <summary>
/// The buffers of packets under way. Those of common sizes come from the shared pool and go back to it; the pool would keep the
/// largest, of which one picture of two screens takes 64 MB, long after they were needed. A few are kept before the shared pool,
/// which has some for each thread: a session's loops go from thread to thread, and threads come and go, so that a new one was
/// allocated now and then for ever.
/// </summary>
internal static class PacketBuffers
{
    /// <summary>Most of what xpra sends, pictures included, fits; arbitrary.</summary>
    private const int MaxPooled = 4 * 1024 * 1024;

    private const int MinKept = 4 * 1024;
    private const int MaxKept = 1024 * 1024;

    /// <summary>Of each size: what four busy sessions use at a time, and 32 MB in all at the very most.</summary>
    private const int KeptOfEach = 16;

    // One for each power of two.
    private static readonly Stack<byte[]>[] s_kept = [.. Enumerable.Range(0, Class(MaxKept) + 1).Select(_ => new Stack<byte[]>(KeptOfEach))];

    /// <summary>A buffer of at least this many bytes, with whatever is in it.</summary>
    public static byte[] Rent(int size)
    {
        if (size > MaxPooled)
            return GC.AllocateUninitializedArray<byte>(size);
        size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(size, MinKept));
        if (size <= MaxKept)
        {
            var kept = s_kept[Class(size)];
            lock (kept)
            {
                if (kept.TryPop(out var buffer))
                    return buffer;
            }
        }
        return ArrayPool<byte>.Shared.Rent(size);
    }

    /// <summary>Takes back a buffer that <see cref="Rent"/> gave; one of no bytes is none.</summary>
    public static void Return(byte[] buffer)
    {
        if (buffer.Length is 0 or > MaxPooled)
            return;
        if (buffer.Length <= MaxKept)
        {
            var kept = s_kept[Class(buffer.Length)];
            lock (kept)
            {
                if (kept.Count < KeptOfEach)
                {
                    kept.Push(buffer);
                    return;
                }
            }
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private static int Class(int size) => BitOperations.Log2((uint)size / MinKept);
}
