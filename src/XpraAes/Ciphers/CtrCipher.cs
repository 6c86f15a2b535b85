using System.Buffers.Binary;

namespace XpraAes.Ciphers;

/// <summary>CTR, both directions (NIST SP 800-38A section 6.5): a 128-bit big endian counter that starts at the IV. The state is the next counter block and one batch of keystream.</summary>
internal sealed class CtrCipher : BlockModeCipher
{
    private readonly bool _carries;
    private int _used;

    /// <summary><paramref name="carries"/> is false for GCM, whose counter is only the last 32 bits.</summary>
    public CtrCipher(AesEngine engine, ReadOnlySpan<byte> iv, bool carries = true)
        : base(engine, ProtocolDefaults.BlockSize + engine.KeystreamBatch)
    {
        _carries = carries;
        Reset(iv);
    }

    public override void Transform(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var keystream = State[ProtocolDefaults.BlockSize..];
        int head = Math.Min(source.Length, keystream.Length - _used);
        Xor.Into(source[..head], keystream[_used..], destination);
        _used += head;
        if (head == source.Length)
            return;

        source = source[head..];
        destination = destination[head..];
        int rest = source.Length % keystream.Length;
        // A batch of keystream would mostly be used up at once.
        if (rest > keystream.Length / 2)
            rest %= ProtocolDefaults.BlockSize;
        int whole = source.Length - rest;
        XorCounter(source[..whole], destination[..whole]);
        if (whole == source.Length)
            return;

        source = source[whole..];
        keystream.Clear();
        XorCounter(keystream, keystream);
        Xor.Into(source, keystream, destination[whole..]);
        _used = source.Length;
    }

    public override void Reset(ReadOnlySpan<byte> iv)
    {
        iv.CopyTo(State);
        _used = Engine.KeystreamBatch;
    }

    private void XorCounter(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var counter = State[..ProtocolDefaults.BlockSize];
        while (!source.IsEmpty)
        {
            long toOverflow = ((1L << 32) - BinaryPrimitives.ReadUInt32BigEndian(counter[12..])) * ProtocolDefaults.BlockSize;
            int length = (int)Math.Min(source.Length, toOverflow);
            Engine.XorCounter32(source[..length], destination[..length], counter);
            if (length == toOverflow && _carries)
                IncrementHigh(counter);

            source = source[length..];
            destination = destination[length..];
        }
    }

    private static void IncrementHigh(Span<byte> counter)
    {
        for (int i = 11; i >= 0 && ++counter[i] == 0; i--)
        {
        }
    }
}
