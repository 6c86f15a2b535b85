using XpraAes.Fuzz;

namespace XpraAes.Tests.Reliability;

/// <summary>A connection on which one bit is flipped: of what is read if <paramref name="reads"/> is true, otherwise of what is written.</summary>
/// <param name="inner">The connection.</param>
/// <param name="bit">The bit's number, counted from the first byte of that direction.</param>
/// <param name="reads">The direction.</param>
internal sealed class FlippingStream(Stream inner, long bit, bool reads) : PeerStream
{
    private long _read;
    private long _written;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        if (reads)
            Flip(buffer.Span[..count], _read);
        _read += count;
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var copy = buffer.ToArray();
        if (!reads)
            Flip(copy, _written);
        _written += copy.Length;
        await inner.WriteAsync(copy, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private void Flip(Span<byte> bytes, long start)
    {
        var place = bit / 8 - start;
        if (place >= 0 && place < bytes.Length)
            bytes[(int)place] ^= (byte)(1 << (int)(bit % 8));
    }
}
