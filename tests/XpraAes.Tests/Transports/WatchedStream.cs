using XpraAes.Fuzz;

namespace XpraAes.Tests.Transports;

/// <summary>Shows whether a read from another stream is pending, and can fail to write to it.</summary>
internal sealed class WatchedStream(Stream inner) : PeerStream
{
    private int _reads;

    public bool FailsWrites { get; init; }

    public bool IsReading => Volatile.Read(ref _reads) > 0;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Assert.Equal(1, Interlocked.Increment(ref _reads));
        try
        {
            return await inner.ReadAsync(buffer, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _reads);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        => FailsWrites ? throw new IOException("It takes nothing.") : inner.WriteAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
