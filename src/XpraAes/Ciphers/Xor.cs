using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace XpraAes.Ciphers;

/// <summary>Vectorized XOR of bytes.</summary>
internal static class Xor
{
    /// <summary><paramref name="target"/> ^= <paramref name="other"/>, as many bytes as <paramref name="target"/> has.</summary>
    public static void Into(Span<byte> target, ReadOnlySpan<byte> other) => Into(target, other, target);

    /// <summary><paramref name="destination"/> = <paramref name="source"/> ^ <paramref name="other"/>, as many bytes as <paramref name="source"/> has. The two may be the same memory.</summary>
    public static void Into(ReadOnlySpan<byte> source, ReadOnlySpan<byte> other, Span<byte> destination)
    {
        int length = source.Length;
        ref byte left = ref MemoryMarshal.GetReference(source);
        ref byte right = ref MemoryMarshal.GetReference(other[..length]);
        ref byte result = ref MemoryMarshal.GetReference(destination[..length]);
        int at = 0;
        for (; at <= length - Vector256<byte>.Count; at += Vector256<byte>.Count)
            (Vector256.LoadUnsafe(ref left, (nuint)at) ^ Vector256.LoadUnsafe(ref right, (nuint)at)).StoreUnsafe(ref result, (nuint)at);

        for (; at <= length - sizeof(ulong); at += sizeof(ulong))
        {
            ulong value = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref left, at)) ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref right, at));
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref result, at), value);
        }

        for (; at < length; at++)
            Unsafe.Add(ref result, at) = (byte)(Unsafe.Add(ref left, at) ^ Unsafe.Add(ref right, at));
    }
}
