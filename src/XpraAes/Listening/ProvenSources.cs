namespace XpraAes.Listening;

/// <summary>Sources that have proven the key, until <paramref name="memory"/> after their last session. Not thread-safe.</summary>
/// <remarks>Only clients that hold the key are added, so nobody else can push an entry out.</remarks>
/// <param name="memory">How long a source counts as proven after its last session.</param>
/// <param name="capacity">The most sources without a session; beyond that, the one whose last session ended longest ago is removed.</param>
/// <param name="clock">Only its monotonic timestamps are used.</param>
internal sealed class ProvenSources(TimeSpan memory, int capacity, TimeProvider clock)
{
    private readonly Dictionary<SourceKey, int> _sessions = []; // open sessions of each source
    private readonly Dictionary<SourceKey, long> _endedAt = []; // when its last session ended

    public int Count => _sessions.Count + _endedAt.Count;

    public bool Contains(SourceKey source)
    {
        if (_sessions.ContainsKey(source))
            return true;
        if (!_endedAt.TryGetValue(source, out var since))
            return false;
        if (clock.GetElapsedTime(since) <= memory)
            return true;
        _endedAt.Remove(source);
        return false;
    }

    /// <summary>A session of this source has proven the key.</summary>
    public void AddSession(SourceKey source)
    {
        _endedAt.Remove(source);
        _sessions[source] = _sessions.GetValueOrDefault(source) + 1;
    }

    /// <summary>A session that had proven the key has ended.</summary>
    public void RemoveSession(SourceKey source)
    {
        if (--_sessions[source] > 0)
            return;
        _sessions.Remove(source);
        if (_endedAt.Count >= capacity)
            _endedAt.Remove(_endedAt.MinBy(entry => entry.Value).Key);
        _endedAt[source] = clock.GetTimestamp();
    }
}
