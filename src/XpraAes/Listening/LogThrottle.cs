using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Listening;

/// <summary>
/// Keeps strangers from filling the log. In each minute the first few connections of an address, of the networks around it, and of all
/// addresses together are told of step by step. Of the others only the first failure of each cause is, and at the end of the minute one
/// line counts them, for the narrowest of these whose share is used up. Whoever proves the key is told of in any case, and uses up nothing.
/// </summary>
/// <param name="log">Where the counts go.</param>
/// <param name="clock">Where the time comes from: its monotonic part, and its timers.</param>
internal sealed class LogThrottle(ILogger log, TimeProvider clock) : IDisposable
{
    /// <summary>How long connections are counted before the counts are written; arbitrary, short enough to be waited for.</summary>
    internal static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The bits of a network, and how many of its connections are told of in a window, from all addresses to a single one; arbitrary.
    /// Of IPv6 a network of 64 bits counts as one address: its clients as a rule have all of it.
    /// </summary>
    private static readonly (int V4Bits, int V6Bits, int Connections)[] s_shares = [(0, 0, 128), (8, 16, 64), (16, 32, 32), (24, 48, 16), (32, 64, 4)];

    private readonly object _gate = new();
    private readonly Dictionary<Place, Source> _sources = [];
    private long _since = clock.GetTimestamp();
    private ITimer? _timer;

    /// <summary>Addresses and networks that something is counted of.</summary>
    internal int Remembered
    {
        get
        {
            lock (_gate)
                return _sources.Count;
        }
    }

    /// <summary>The log of one connection: what is told of it goes to <paramref name="target"/>. To be disposed of when it is over.</summary>
    public Connection Connect(ILogger target, IPAddress address)
    {
        WriteCounts(onlyIfDue: true);
        lock (_gate)
        {
            var share = new List<Source>(s_shares.Length);
            Place? spent = null;
            for (var level = 0; level < s_shares.Length; level++)
            {
                var place = PlaceOf(address, level);
                // Below what is used up, nothing new is remembered: so strangers cannot take much memory either.
                if (spent is not null && !_sources.ContainsKey(place))
                    break;
                var source = SourceAt(place);
                if (source.Left <= 0)
                    spent = place;
                share.Add(source);
            }
            if (spent is null)
                share.ForEach(source => source.Left--);
            return new Connection(this, target, [.. share], spent);
        }
    }

    /// <summary>Writes the counts so far.</summary>
    public void Dispose() => WriteCounts(onlyIfDue: false);

    private static Place PlaceOf(IPAddress address, int level)
    {
        var isV6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        var bits = isV6 ? s_shares[level].V6Bits : s_shares[level].V4Bits;
        if (bits == 0)
            return new Place(0, "other addresses");
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] &= (byte)(0xFF00 >> Math.Clamp(bits - 8 * i, 0, 8));
        var network = new IPAddress(bytes);
        return new Place(level, bits == 32 && !isV6 ? $"{network}" : $"{network}/{bits}");
    }

    private Source SourceAt(Place place)
    {
        if (!_sources.TryGetValue(place, out var source))
            _sources[place] = source = new Source { Left = s_shares[place.Level].Connections };
        return source;
    }

    /// <summary>Whether nothing of that kind has been told of there in this window. It has from here on.</summary>
    private bool IsNew(Place place, string outcome)
    {
        lock (_gate)
            return SourceAt(place).Outcomes.TryAdd(outcome, 0);
    }

    private void Told(IEnumerable<Source> sources, string outcome)
    {
        lock (_gate)
        {
            foreach (var source in sources)
                source.Outcomes.TryAdd(outcome, 0);
        }
    }

    private void Return(IEnumerable<Source> sources)
    {
        lock (_gate)
        {
            foreach (var source in sources)
                source.Left++;
        }
    }

    private void LeaveOut(Place place, string outcome)
    {
        lock (_gate)
        {
            var outcomes = SourceAt(place).Outcomes;
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
            _timer ??= clock.CreateTimer(_ => WriteCounts(onlyIfDue: false), null, Window, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Counts what was left out, addresses first, and begins anew.</summary>
    private void WriteCounts(bool onlyIfDue)
    {
        KeyValuePair<Place, Source>[] counted;
        lock (_gate)
        {
            if (onlyIfDue && clock.GetElapsedTime(_since) < Window)
                return;
            counted = [.. _sources.Where(entry => entry.Value.Count > 0).OrderByDescending(entry => entry.Key.Level)];
            _sources.Clear();
            _since = clock.GetTimestamp();
            _timer?.Dispose();
            _timer = null;
        }
        foreach (var (place, source) in counted)
            Log.ConnectionsLeftOut(log, place.Name, source.Count, string.Join(", ", source.Outcomes.Where(entry => entry.Value > 0).OrderByDescending(entry => entry.Value).Select(entry => $"{entry.Value} {entry.Key}")));
    }

    /// <summary>An address, a network, or all of them.</summary>
    internal readonly record struct Place(int Level, string Name);

    /// <summary>What is known of a place, in one window.</summary>
    internal sealed class Source
    {
        /// <summary>How many of its connections may still be told of.</summary>
        public int Left { get; set; }

        /// <summary>Ends that have been told of, and how many connections with each were left out.</summary>
        public Dictionary<string, int> Outcomes { get; } = [];

        /// <summary>Connections that were left out.</summary>
        public int Count => Outcomes.Values.Sum();
    }

    /// <summary>What is told of one connection: every step; or its failure, where none like it has been told of, and all that follows the proof of the key.</summary>
    internal sealed class Connection : ILogger, IDisposable
    {
        private const string Nothing = "without a word";

        private readonly LogThrottle _owner;
        private readonly ILogger _target;
        private readonly Source[] _share;
        private readonly Place? _spent;
        private readonly object _gate = new();
        private string? _outcome = Nothing; // null: it has been told
        private Action? _withheld;
        private volatile bool _isProven;

        internal Connection(LogThrottle owner, ILogger target, Source[] share, Place? spent)
            => (_owner, _target, _share, _spent) = (owner, target, share, spent);

        private bool IsTold => _spent is null || _isProven;

        public bool IsEnabled(LogLevel logLevel) => (IsTold || logLevel >= LogLevel.Information) && _target.IsEnabled(logLevel);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => _target.BeginScope(state);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            if (IsTold && logLevel < LogLevel.Warning)
            {
                _target.Log(logLevel, eventId, state, exception, formatter);
                return;
            }
            lock (_gate)
            {
                var name = eventId.Name ?? $"event {eventId.Id}";
                if (!IsTold && logLevel == LogLevel.Information)
                {
                    // That a session has opened, or a request was answered.
                    if (_withheld is null)
                        (_outcome, _withheld) = (name, () => _target.Log(logLevel, eventId, state, exception, formatter));
                    return;
                }
                if (Tell(name))
                    _target.Log(logLevel, eventId, state, exception, formatter);
            }
        }

        /// <summary>The client was refused.</summary>
        public void Refuse(string peer, XpraAesException cause)
        {
            lock (_gate)
            {
                if (Tell($"{cause.Id}"))
                    Logging.Log.PeerRefused(_target, peer, cause.Id, cause.Message);
            }
        }

        /// <summary>The client has the key: what was withheld is told now, and its share is free for others.</summary>
        public void Prove()
        {
            lock (_gate)
            {
                if (_isProven)
                    return;
                _isProven = true;
                if (_spent is null)
                    _owner.Return(_share);
                else
                    _withheld?.Invoke();
            }
        }

        /// <summary>The connection is over.</summary>
        public void Dispose()
        {
            lock (_gate)
            {
                if (!IsTold && _outcome is not null)
                    _owner.LeaveOut(_spent!.Value, _outcome);
                _outcome = null;
            }
        }

        private bool Tell(string outcome)
        {
            if (IsTold)
                _owner.Told(_share, outcome);
            else if (!_owner.IsNew(_spent!.Value, outcome))
                _outcome = outcome;
            else
                _outcome = null;
            return IsTold || _outcome is null;
        }
    }
}
