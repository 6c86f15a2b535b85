namespace XpraAes.Listening;

/// <summary>The sources that have proven the key, from then on until <paramref name="memory"/> after the last of their sessions. Not for several threads at once.</summary>
/// <remarks>Only who holds the key gets in here, and only such a one, with that many sources, could push another out.</remarks>
/// <param name="memory">How long a source counts as proven.</param>
/// <param name="capacity">Sources without a session that are remembered; beyond that the one that has been gone for longest is forgotten.</param>
/// <param name="clock">Where the time comes from: its monotonic part.</param>
internal sealed class ProvenSources(TimeSpan memory, int capacity, TimeProvider clock)
{
    private readonly Dictionary<SourceKey, int> _present = []; // their sessions
    private readonly Dictionary<SourceKey, long> _gone = []; // since when

    public int Count => _present.Count + _gone.Count;

    public bool Contains(SourceKey source)
    {
        if (_present.ContainsKey(source))
            return true;
        if (!_gone.TryGetValue(source, out var since))
            return false;
        if (clock.GetElapsedTime(since) <= memory)
            return true;
        _gone.Remove(source);
        return false;
    }

    /// <summary>A session of this source has proven the key.</summary>
    public void Enter(SourceKey source)
    {
        _gone.Remove(source);
        _present[source] = _present.GetValueOrDefault(source) + 1;
    }

    /// <summary>A session that had proven the key has ended.</summary>
    public void Leave(SourceKey source)
    {
        if (--_present[source] > 0)
            return;
        _present.Remove(source);
        if (_gone.Count >= capacity)
            _gone.Remove(_gone.MinBy(entry => entry.Value).Key);
        _gone[source] = clock.GetTimestamp();
    }
}
