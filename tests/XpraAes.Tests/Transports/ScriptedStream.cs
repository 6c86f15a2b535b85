using XpraAes.Fuzz;

namespace XpraAes.Tests.Transports;

/// <summary>A stream with fixed input that ends after it, and records what is written.</summary>
/// <param name="input">What can be read.</param>
/// <param name="splits">Splits the input into random pieces, some of them delayed; null returns as much as each read asks for.</param>
internal sealed class ScriptedStream(byte[] input, Random? splits = null) : PeerStream
{
    private int _position;

    public MemoryStream Written { get; } = new();

    /// <summary>The size of every write.</summary>
    public List<int> Writes { get; } = [];

    /// <summary>Writes complete only once this has.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>How much has been read.</summary>
    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var count = Math.Min(buffer.Length, input.Length - _position);
        if (splits is not null && count > 0)
        {
            if (splits.Next(4) == 0)
                await Task.Yield();
            count = Math.Min(count, splits.Next(3) == 0 ? splits.Next(1, 4) : splits.Next(1, 5000));
        }
        input.AsSpan(_position, count).CopyTo(buffer.Span);
        _position += count;
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Written.Write(buffer.Span);
        Writes.Add(buffer.Length);
        await Gate.WaitAsync(cancellationToken);
    }

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();
}
