using XpraAes.Fuzz;

namespace XpraAes.Tests.Reliability;

/// <summary>A peer that stays silent until its reader gives up; then it closes too.</summary>
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
