namespace XpraAes.PowerShell.Watching;

/// <summary>Asks somebody again and again, and keeps the last answer.</summary>
/// <param name="ask">Asks once. An <see cref="XpraAesException"/> is an answer too.</param>
internal sealed class Poll<T>(Func<CancellationToken, Task<T>> ask)
    where T : class
{
    private volatile TaskCompletionSource _hurry = new();
    private volatile Answer _last = new(0, TimeSpan.Zero, null, null);

    /// <summary>The last answer.</summary>
    public Answer Last => _last;

    /// <summary>Asks them all until it is cancelled; completes when no question is open.</summary>
    /// <param name="polls">Who is asked.</param>
    /// <param name="interval">Between an answer and the next question.</param>
    /// <param name="maxParallel">Questions at a time.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static Task RunAsync(IEnumerable<Poll<T>> polls, TimeSpan interval, int maxParallel, CancellationToken cancellationToken)
    {
        // Never disposed: a question may outlive the watch.
        var turns = new SemaphoreSlim(maxParallel);
        return Task.WhenAll([.. polls.Select(poll => Task.Run(() => poll.RunAsync(interval, turns, cancellationToken), CancellationToken.None))]);
    }

    /// <summary>Asks the next question now.</summary>
    public void Hurry() => _hurry.TrySetResult();

    private async Task RunAsync(TimeSpan interval, SemaphoreSlim turns, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                _hurry = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await turns.WaitAsync(cancellationToken);
                try
                {
                    var value = await ask(cancellationToken);
                    _last = new Answer(_last.Count + 1, WatchClock.Now, value, null);
                }
                catch (XpraAesException e)
                {
                    _last = new Answer(_last.Count + 1, WatchClock.Now, null, $"{e.Id}: {e.Message}");
                }
                finally
                {
                    turns.Release();
                }
                await Task.WhenAny(_hurry.Task, Task.Delay(interval, cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException && cancellationToken.IsCancellationRequested)
        {
            // The watch has ended.
        }
    }

    /// <summary>What was answered.</summary>
    /// <param name="Count">Its number, from 1; 0 before the first.</param>
    /// <param name="Time">When it came, by <see cref="WatchClock"/>.</param>
    /// <param name="Value">The answer; null if there was none.</param>
    /// <param name="Failure">Why there was none.</param>
    internal sealed record Answer(int Count, TimeSpan Time, T? Value, string? Failure);
}
