using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Listening;

/// <summary>
/// Keeps unauthenticated clients from flooding the log. Per minute, the first connections of each address, of the networks around it and
/// of all addresses together are logged in full. Of the rest only the first failure of each cause is logged, and at the end of the minute
/// one line counts them, for the narrowest of these prefixes whose budget is used up. Clients that prove the key are always logged and
/// cost no budget.
/// </summary>
/// <param name="log">Gets the counts.</param>
/// <param name="clock">Only its monotonic timestamps and its timers are used.</param>
internal sealed class LogThrottle(ILogger log, TimeProvider clock) : IDisposable
{
    /// <summary>How long connections are counted before the counts are written; arbitrary.</summary>
    internal static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Prefix lengths in bits, from all addresses to a single one, and how many connections of such a prefix are logged per window; arbitrary.
    /// IPv6 sources are tracked by /64.
    /// </summary>
    private static readonly (int V4Bits, int V6Bits, int Connections)[] s_budgets = [(0, 0, 128), (8, 16, 64), (16, 32, 32), (24, 48, 16), (32, 64, 4)];

    private readonly object _gate = new();
    private readonly Dictionary<Prefix, PrefixRecord> _prefixes = [];
    private long _since = clock.GetTimestamp();
    private ITimer? _timer;

    /// <summary>The number of addresses and networks with a record.</summary>
    internal int Remembered
    {
        get
        {
            lock (_gate)
                return _prefixes.Count;
        }
    }

    /// <summary>The log of one connection, which passes on to <paramref name="target"/> what is to be logged. Dispose of it when the connection has ended.</summary>
    public Connection Connect(ILogger target, IPAddress address)
    {
        WriteCounts(onlyIfDue: true);
        lock (_gate)
        {
            var records = new List<PrefixRecord>(s_budgets.Length);
            Prefix? exhausted = null;
            for (var level = 0; level < s_budgets.Length; level++)
            {
                var prefix = PrefixOf(address, level);
                // Below an exhausted prefix no records are added, which bounds the memory.
                if (exhausted is not null && !_prefixes.ContainsKey(prefix))
                    break;
                var record = RecordOf(prefix);
                if (record.Budget <= 0)
                    exhausted = prefix;
                records.Add(record);
            }
            if (exhausted is null)
                records.ForEach(record => record.Budget--);
            return new Connection(this, target, [.. records], exhausted);
        }
    }

    /// <summary>Writes the counts so far.</summary>
    public void Dispose() => WriteCounts(onlyIfDue: false);

    private static Prefix PrefixOf(IPAddress address, int level)
    {
        var isV6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        var bits = isV6 ? s_budgets[level].V6Bits : s_budgets[level].V4Bits;
        if (bits == 0)
            return new Prefix(0, "other addresses");
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] &= (byte)(0xFF00 >> Math.Clamp(bits - 8 * i, 0, 8));
        var network = new IPAddress(bytes);
        return new Prefix(level, bits == 32 && !isV6 ? $"{network}" : $"{network}/{bits}");
    }

    private PrefixRecord RecordOf(Prefix prefix)
    {
        if (!_prefixes.TryGetValue(prefix, out var record))
            _prefixes[prefix] = record = new PrefixRecord { Budget = s_budgets[prefix.Level].Connections };
        return record;
    }

    /// <summary>Whether no such outcome of this prefix has been logged in this window; marks it as logged.</summary>
    private bool TryMarkLogged(Prefix prefix, string outcome)
    {
        lock (_gate)
            return RecordOf(prefix).Outcomes.TryAdd(outcome, 0);
    }

    private void MarkLogged(IEnumerable<PrefixRecord> records, string outcome)
    {
        lock (_gate)
        {
            foreach (var record in records)
                record.Outcomes.TryAdd(outcome, 0);
        }
    }

    private void ReturnBudget(IEnumerable<PrefixRecord> records)
    {
        lock (_gate)
        {
            foreach (var record in records)
                record.Budget++;
        }
    }

    private void Count(Prefix prefix, string outcome)
    {
        lock (_gate)
        {
            var outcomes = RecordOf(prefix).Outcomes;
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
            _timer ??= clock.CreateTimer(_ => WriteCounts(onlyIfDue: false), null, Window, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Logs the counts, single addresses first, and starts a new window.</summary>
    private void WriteCounts(bool onlyIfDue)
    {
        KeyValuePair<Prefix, PrefixRecord>[] counted;
        lock (_gate)
        {
            if (onlyIfDue && clock.GetElapsedTime(_since) < Window)
                return;
            counted = [.. _prefixes.Where(entry => entry.Value.Count > 0).OrderByDescending(entry => entry.Key.Level)];
            _prefixes.Clear();
            _since = clock.GetTimestamp();
            _timer?.Dispose();
            _timer = null;
        }
        foreach (var (prefix, record) in counted)
            Log.ConnectionsLeftOut(log, prefix.Name, record.Count, string.Join(", ", record.Outcomes.Where(entry => entry.Value > 0).OrderByDescending(entry => entry.Value).Select(entry => $"{entry.Value} {entry.Key}")));
    }

    /// <summary>An address, a network, or all addresses.</summary>
    internal readonly record struct Prefix(int Level, string Name);

    /// <summary>What is known about a prefix in the current window.</summary>
    internal sealed class PrefixRecord
    {
        /// <summary>How many more of its connections are logged in full.</summary>
        public int Budget { get; set; }

        /// <summary>Outcomes that have been logged, and how many connections with each were only counted.</summary>
        public Dictionary<string, int> Outcomes { get; } = [];

        /// <summary>Connections that were only counted.</summary>
        public int Count => Outcomes.Values.Sum();
    }

    /// <summary>The log of one connection: everything within the budget; otherwise its failure, if it is the first of its cause, and everything after the proof of the key.</summary>
    internal sealed class Connection : ILogger, IDisposable
    {
        private const string NoOutcome = "without an outcome";

        private readonly LogThrottle _owner;
        private readonly ILogger _target;
        private readonly PrefixRecord[] _records;
        private readonly Prefix? _exhausted;
        private readonly object _gate = new();
        private string? _outcome = NoOutcome; // null once it has been logged
        private Action? _withheld;
        private volatile bool _isProven;

        internal Connection(LogThrottle owner, ILogger target, PrefixRecord[] records, Prefix? exhausted)
            => (_owner, _target, _records, _exhausted) = (owner, target, records, exhausted);

        private bool LogsAll => _exhausted is null || _isProven;

        public bool IsEnabled(LogLevel logLevel) => (LogsAll || logLevel >= LogLevel.Information) && _target.IsEnabled(logLevel);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => _target.BeginScope(state);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            if (LogsAll && logLevel < LogLevel.Warning)
            {
                _target.Log(logLevel, eventId, state, exception, formatter);
                return;
            }
            lock (_gate)
            {
                var name = eventId.Name ?? $"event {eventId.Id}";
                if (!LogsAll && logLevel == LogLevel.Information)
                {
                    // A session has opened, or a request was answered.
                    if (_withheld is null)
                        (_outcome, _withheld) = (name, () => _target.Log(logLevel, eventId, state, exception, formatter));
                    return;
                }
                if (TryLogOutcome(name))
                    _target.Log(logLevel, eventId, state, exception, formatter);
            }
        }

        /// <summary>The client was refused.</summary>
        public void Refuse(string peer, XpraAesException cause)
        {
            lock (_gate)
            {
                if (TryLogOutcome($"{cause.Id}"))
                    Logging.Log.PeerRefused(_target, peer, cause.Id, cause.Message);
            }
        }

        /// <summary>The client has proven the key: logs what was withheld, or returns its budget to others.</summary>
        public void Prove()
        {
            lock (_gate)
            {
                if (_isProven)
                    return;
                _isProven = true;
                if (_exhausted is null)
                    _owner.ReturnBudget(_records);
                else
                    _withheld?.Invoke();
            }
        }

        /// <summary>The connection has ended.</summary>
        public void Dispose()
        {
            lock (_gate)
            {
                if (!LogsAll && _outcome is not null)
                    _owner.Count(_exhausted!.Value, _outcome);
                _outcome = null;
            }
        }

        /// <summary>Whether to log this outcome; if not, it is counted when the connection ends.</summary>
        private bool TryLogOutcome(string outcome)
        {
            if (LogsAll)
                _owner.MarkLogged(_records, outcome);
            else if (!_owner.TryMarkLogged(_exhausted!.Value, outcome))
                _outcome = outcome;
            else
                _outcome = null;
            return LogsAll || _outcome is null;
        }
    }
}
