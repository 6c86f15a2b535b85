using System.Net;

namespace XpraAes.Listening;

/// <summary>How much of the pages each source may ask for within <see cref="Limits.FailureWindow"/>.</summary>
internal sealed class WebQuota(Limits limits, TimeProvider clock)
{
    private readonly Dictionary<SourceKey, (long Start, int Requests, long Bytes)> _used = [];

    /// <summary>Counts a request. False: the source has used up its requests or bytes.</summary>
    public bool TryAddRequest(IPAddress source)
    {
        lock (_used)
        {
            var (key, used) = Lookup(source);
            if (used.Requests >= limits.PageRequestsPerSource || used.Bytes >= limits.PageBytesPerSource)
                return false;
            // Whoever fills the table starts all over again with everyone else.
            if (_used.Count >= limits.RememberedSources && !_used.ContainsKey(key))
                _used.Clear();
            _used[key] = used with { Requests = used.Requests + 1 };
            return true;
        }
    }

    /// <summary>Counts bytes that were sent.</summary>
    public void AddBytes(IPAddress source, int count)
    {
        lock (_used)
        {
            var (key, used) = Lookup(source);
            if (used.Requests > 0)
                _used[key] = used with { Bytes = used.Bytes + count };
        }
    }

    private (SourceKey Key, (long Start, int Requests, long Bytes) Used) Lookup(IPAddress source)
    {
        var key = SourceKey.LevelsOf(source)[^1];
        return _used.TryGetValue(key, out var used) && clock.GetElapsedTime(used.Start) < limits.FailureWindow ? (key, used) : (key, (clock.GetTimestamp(), 0, 0));
    }
}
