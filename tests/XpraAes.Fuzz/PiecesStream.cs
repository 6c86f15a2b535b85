namespace XpraAes.Fuzz;

/// <summary>A peer whose bytes arrive at once or in pieces, and which then closes the connection. Never waits.</summary>
/// <param name="content">What can be read.</param>
/// <param name="seed">Seed for splitting the content into pieces; 0 leaves it whole.</param>
internal sealed class PiecesStream(ReadOnlyMemory<byte> content, int seed = 0) : PeerStream
{
    private ReadOnlyMemory<byte> _rest = content;
    private uint _random = (uint)seed;

    /// <summary>What was written to the peer.</summary>
    public MemoryStream Written { get; } = new();

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = Math.Min(buffer.Length, _rest.Length);
        if (seed != 0 && count > 0)
        {
            _random = _random * 1664525 + 1013904223;
            // Single bytes as often as longer pieces.
            count = Math.Min(count, (_random >> 16) % 2 == 0 ? 1 : 1 + (int)(_random >> 20) % 40);
        }
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return new(count);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Written.Write(buffer.Span);
        return ValueTask.CompletedTask;
    }
}
