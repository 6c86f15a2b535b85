using XpraAes.Fuzz;

namespace XpraAes.Tests.Packets;

/// <summary>A stream whose reads return the test's segments, at most one at a time, and whose writes are recorded.</summary>
internal sealed class ScriptedStream(IEnumerable<byte[]> segments, bool staysOpen = false) : PeerStream
{
    private readonly Queue<ReadOnlyMemory<byte>> _segments = new(segments.Where(segment => segment.Length > 0).Select(segment => (ReadOnlyMemory<byte>)segment));

    public ScriptedStream(byte[] content, int segmentSize = int.MaxValue, bool staysOpen = false)
        : this(content.Chunk(segmentSize), staysOpen)
    {
    }

    public ScriptedStream()
        : this(Enumerable.Empty<byte[]>())
    {
    }

    /// <summary>The data of each write.</summary>
    public List<byte[]> Writes { get; } = [];

    /// <summary>Makes writes hang until they are cancelled or the stream is closed, as with a peer that does not read.</summary>
    public bool BlocksWrites { get; init; }

    public bool IsDisposed { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (_segments.Count == 0)
        {
            if (staysOpen)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }
        if (buffer.IsEmpty)
            return 0;
        var next = _segments.Peek();
        var count = Math.Min(next.Length, buffer.Length);
        next[..count].CopyTo(buffer);
        _segments.Dequeue();
        if (count < next.Length)
            PutBack(next[count..]);
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Writes.Add(buffer.ToArray());
        if (BlocksWrites)
            await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
    }

    private void PutBack(ReadOnlyMemory<byte> rest)
    {
        var others = _segments.ToArray();
        _segments.Clear();
        _segments.Enqueue(rest);
        foreach (var other in others)
            _segments.Enqueue(other);
    }
}
