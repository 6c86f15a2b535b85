namespace XpraAes.PowerShell.Watching;

/// <summary>How often each cause led to a refusal in the last minute, from counters that only grow.</summary>
internal sealed class RefusalHistory
{
    private readonly Queue<(TimeSpan Time, IReadOnlyDictionary<string, long> Totals)> _samples = new();

    /// <summary>Adds what the counters show at a time, and returns the refusals since a minute before that, or since the first sample; the most frequent first.</summary>
    public IReadOnlyList<(string Cause, long Count)> Add(TimeSpan time, IReadOnlyDictionary<string, long> totals)
    {
        _samples.Enqueue((time, totals));
        while (_samples.Count > 2 && _samples.ElementAt(1).Time <= time - RateHistory.Length)
            _samples.Dequeue();
        var before = _samples.Peek().Totals;
        return [.. totals.Select(total => (Cause: total.Key, Count: total.Value - before.GetValueOrDefault(total.Key)))
            .Where(cause => cause.Count > 0).OrderByDescending(cause => cause.Count).ThenBy(cause => cause.Cause, StringComparer.Ordinal)];
    }
}
