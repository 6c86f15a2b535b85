using System.Buffers;
using System.Numerics;

namespace XpraAes.Transports;

/// <summary>
/// A buffer pool for what is in transit (packets, TLS records), in front of <see cref="ArrayPool{T}.Shared"/>. That one caches per thread, which keeps allocating
/// for loops that move from thread to thread. Buffers above 4 MB are not pooled, so that one 64 MB picture does not stay in memory.
/// </summary>
internal static class TransitBuffers
{
    /// <summary>Fits most of what xpra sends, including pictures; arbitrary.</summary>
    private const int MaxPooled = 4 * 1024 * 1024;

    private const int MinKept = 4 * 1024;
    private const int MaxKept = 1024 * 1024;

    /// <summary>Enough for four busy sessions; at most 32 MB over all sizes.</summary>
    private const int KeptPerSize = 16;

    // One for each power of two.
    private static readonly Stack<byte[]>[] s_kept = [.. Enumerable.Range(0, SizeClass(MaxKept) + 1).Select(_ => new Stack<byte[]>(KeptPerSize))];

    /// <summary>A buffer of at least this many bytes, not cleared.</summary>
    public static byte[] Rent(int size)
    {
        if (size > MaxPooled)
            return GC.AllocateUninitializedArray<byte>(size);
        size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(size, MinKept));
        if (size <= MaxKept)
        {
            var kept = s_kept[SizeClass(size)];
            lock (kept)
            {
                if (kept.TryPop(out var buffer))
                    return buffer;
            }
        }
        return ArrayPool<byte>.Shared.Rent(size);
    }

    /// <summary>Takes back a buffer from <see cref="Rent"/>; ignores an empty one.</summary>
    public static void Return(byte[] buffer)
    {
        if (buffer.Length is 0 or > MaxPooled)
            return;
        if (buffer.Length <= MaxKept)
        {
            var kept = s_kept[SizeClass(buffer.Length)];
            lock (kept)
            {
                if (kept.Count < KeptPerSize)
                {
                    kept.Push(buffer);
                    return;
                }
            }
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private static int SizeClass(int size) => BitOperations.Log2((uint)size / MinKept);
}
