using XpraAes.Fuzz;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Records what is read from a connection.</summary>
internal sealed class RecordingStream(Stream inner) : PeerStream
{
    private readonly MemoryStream _read = new();

    /// <summary>Every byte read so far.</summary>
    public byte[] Bytes
    {
        get
        {
            lock (_read)
                return _read.ToArray();
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        lock (_read)
            _read.Write(buffer.Span[..count]);
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

    public override void Flush() => inner.Flush();

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
