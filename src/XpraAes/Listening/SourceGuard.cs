using System.Net;

namespace XpraAes.Listening;

/// <summary>Counts, for each source address, the connections that have proven nothing and the failures of late, and says who may come in.</summary>
/// <param name="limits">The bounds.</param>
/// <param name="isTrusted">Addresses that no bound applies to: those of a proxy, behind which everyone is the same address.</param>
/// <param name="clock">Where the time comes from.</param>
internal sealed class SourceGuard(Limits limits, Func<IPAddress, bool> isTrusted, TimeProvider clock)
{
    private readonly object _gate = new();
    private readonly Dictionary<IPAddress, Source> _sources = [];
    private int _unproven;

    private sealed class Source
    {
        public int Unproven;
        public int Failures;
        public long LastFailure;
    }

    /// <summary>Takes a slot for a new connection; null: it must not come in. The slot is given back by <see cref="Slot.Dispose"/>, as soon as the key is proven.</summary>
    public Slot? TryEnter(IPAddress address)
    {
        if (isTrusted(address))
            return new Slot(this, null);
        lock (_gate)
        {
            var source = Find(address);
            if (_unproven >= limits.UnprovenConnections || source?.Unproven >= limits.UnprovenConnectionsPerSource || IsBlocked(source))
                return null;
            if (source is null)
                _sources[address] = source = new Source();
            source.Unproven++;
            _unproven++;
            return new Slot(this, address);
        }
    }

    /// <summary>How long to let this address wait before it is served: grows with its failures of late.</summary>
    public TimeSpan DelayFor(IPAddress address)
    {
        lock (_gate)
            return (Find(address)?.Failures ?? 0) * limits.DelayPerFailure;
    }

    /// <summary>Remembers a failure: a malformed or undecryptable packet, or a wrong response; never a plain close.</summary>
    public void RecordFailure(IPAddress address)
    {
        if (isTrusted(address))
            return;
        lock (_gate)
        {
            var source = Find(address);
            if (source is null)
            {
                if (_sources.Count >= limits.RememberedSources && !ForgetOne())
                    return;
                _sources[address] = source = new Source();
            }
            source.Failures++;
            source.LastFailure = clock.GetTimestamp();
        }
    }

    /// <summary>The entry of an address, brought up to date: old failures are forgotten.</summary>
    private Source? Find(IPAddress address)
    {
        if (!_sources.TryGetValue(address, out var source))
            return null;
        if (source.Failures > 0 && clock.GetElapsedTime(source.LastFailure) > limits.FailureWindow)
            source.Failures = 0;
        if (source is not { Failures: 0, Unproven: 0 })
            return source;
        _sources.Remove(address);
        return null;
    }

    private bool IsBlocked(Source? source) => source?.Failures >= limits.FailuresBeforeBlock;

    private bool ForgetOne()
    {
        foreach (var (address, source) in _sources)
        {
            if (source.Unproven == 0 && !IsBlocked(source))
                return _sources.Remove(address);
        }
        return false;
    }

    private void Leave(IPAddress address)
    {
        lock (_gate)
        {
            _unproven--;
            if (_sources.TryGetValue(address, out var source))
                source.Unproven--;
            Find(address);
        }
    }

    /// <summary>The place of one connection that has proven nothing yet.</summary>
    public sealed class Slot(SourceGuard guard, IPAddress? address) : IDisposable
    {
        private IPAddress? _address = address;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _address, null) is { } taken)
                guard.Leave(taken);
        }
    }
}
