using XpraAes.Fuzz;

namespace XpraAes.Tests.Reliability;

/// <summary>A peer that says nothing and stays, until whoever reads from it gives up waiting: then it closes too.</summary>
internal sealed class SilentStream : PeerStream
{
    private bool _closed;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_closed)
            return 0;
        _closed = true;
        await Task.Delay(Timeout.Infinite, cancellationToken);
        return 0;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
}
