using System.Text;
using System.Threading.Channels;

namespace XpraAes.Logging;

/// <summary>
/// Lines that are waiting to be written. Adding one never waits: lines that cannot be written are dropped, and their number is written later in their place.
/// </summary>
internal sealed class LineQueue : IDisposable
{
    /// <summary>Queued lines, about a megabyte; arbitrary.</summary>
    private const int MaxQueued = 10_000;

    /// <summary>Delay before writing is tried again after a failure; arbitrary.</summary>
    private static readonly TimeSpan s_retryDelay = TimeSpan.FromSeconds(1);

    /// <summary>Time to write the queued lines on disposal; arbitrary.</summary>
    private static readonly TimeSpan s_disposeTimeout = TimeSpan.FromSeconds(1);

    private readonly Func<string, CancellationToken, Task<bool>> _write;
    private readonly Func<long, string> _missing;
    private readonly Action? _failed;
    private readonly int _batchSize;
    private readonly Channel<string> _lines;
    private readonly Task _writing;
    private readonly CancellationTokenSource _stopping = new();
    private long _dropped;

    /// <param name="write">Writes whole lines, and returns whether it could. It does not throw.</param>
    /// <param name="missing">The line that tells how many are missing.</param>
    /// <param name="batchSize">Characters written at a time.</param>
    /// <param name="failed">Called when lines can no longer be written, once until they can again.</param>
    public LineQueue(Func<string, CancellationToken, Task<bool>> write, Func<long, string> missing, int batchSize, Action? failed = null)
    {
        (_write, _missing, _batchSize, _failed) = (write, missing, batchSize, failed);
        _lines = Channel.CreateBounded<string>(new BoundedChannelOptions(MaxQueued) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }, _ => Interlocked.Increment(ref _dropped));
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Adds a line, which ends in a newline.</summary>
    public void Add(string line) => _lines.Writer.TryWrite(line);

    /// <summary>Writes the queued lines, for at most a second. What is added later is dropped.</summary>
    public void Dispose()
    {
        _lines.Writer.TryComplete();
        _stopping.CancelAfter(s_disposeTimeout);
        if (_writing.Wait(2 * s_disposeTimeout))
            _stopping.Dispose();
    }

    private async Task WriteAsync()
    {
        var batch = new StringBuilder();
        var fails = false;
        while (await _lines.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var count = 0;
            for (batch.Clear(); batch.Length < _batchSize && _lines.Reader.TryRead(out var line); count++)
                batch.Append(line);
            var dropped = Interlocked.Exchange(ref _dropped, 0);
            if (dropped > 0)
                batch.Insert(0, "\n" + _missing(dropped)); // the newline ends a partly written line
            if (await _write(batch.ToString(), _stopping.Token).ConfigureAwait(false))
            {
                fails = false;
                continue;
            }
            if (!fails)
                _failed?.Invoke();
            fails = true;
            Interlocked.Add(ref _dropped, dropped + count);
            await Task.Delay(s_retryDelay, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
