namespace XpraAes.PowerShell.Watching;

/// <summary>What everything has transferred together since the first sample, from counters that are gone when what they count ends.</summary>
internal sealed class TrafficSum<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, (long In, long Out)> _last = [];

    /// <summary>Bytes received and sent.</summary>
    public (long In, long Out) Total { get; private set; }

    /// <summary>Adds what was transferred since the last sample.</summary>
    /// <param name="key">Whose counters these are.</param>
    /// <param name="bytesIn">Bytes received so far.</param>
    /// <param name="bytesOut">Bytes sent so far.</param>
    /// <param name="isNew">Whether one that was not seen before has begun since the last sample, so that all of its bytes count.</param>
    public void Add(TKey key, long bytesIn, long bytesOut, bool isNew)
    {
        var (lastIn, lastOut) = _last.TryGetValue(key, out var last) ? last : isNew ? default : (bytesIn, bytesOut);
        Total = (Total.In + Math.Max(0, bytesIn - lastIn), Total.Out + Math.Max(0, bytesOut - lastOut));
        _last[key] = (bytesIn, bytesOut);
    }

    /// <summary>Forgets the others.</summary>
    public void Keep(IEnumerable<TKey> live) => _last.Keep(live);
}
