using XpraAes.Management;

namespace XpraAes.PowerShell.Watching;

/// <summary>Rows with rates from the counters of a process, one sample after the other.</summary>
internal sealed class ProcessHistory
{
    private readonly Dictionary<int, RateHistory> _sessions = [];
    private readonly Dictionary<int, ListenerHistory> _listeners = [];
    private readonly TrafficSum<int> _sum = new();
    private (TimeSpan Time, long Completed)? _derivations;
    private bool _isKnown;

    /// <summary>What all sessions have transferred since the first sample.</summary>
    public RateHistory Traffic { get; } = new();

    /// <summary>The same, in bytes.</summary>
    public (long In, long Out) Total => _sum.Total;

    /// <summary>The listeners at the last sample.</summary>
    public IReadOnlyList<PlaceRow> Places { get; private set; } = [];

    /// <summary>The sessions at the last sample, without what can be done with them; empty where they are not told.</summary>
    public IReadOnlyList<SessionRow> Sessions { get; private set; } = [];

    /// <summary>The refusals of the last minute by their cause, the most frequent first.</summary>
    public IReadOnlyList<(string Cause, long Count)> Refusals { get; private set; } = [];

    /// <summary>Key derivations a second.</summary>
    public double DerivationRate { get; private set; }

    /// <summary>Takes up a sample.</summary>
    /// <param name="time">When its counters were read, by a clock that never goes back.</param>
    /// <param name="status">The counters.</param>
    public void Add(TimeSpan time, ProcessStatus status)
    {
        // Without sessions, those of a listener are one.
        foreach (var (id, bytesIn, bytesOut) in status.Sessions?.Select(session => (session.Id, session.BytesIn, session.BytesOut)) ?? status.Listeners.Select(listener => (listener.Id, listener.BytesIn, listener.BytesOut)))
            _sum.Add(id, bytesIn, bytesOut, _isKnown);
        _isKnown = true;
        Sessions = [.. (status.Sessions ?? []).Select(session => RowOf(session, time, status.Time))];
        List<(string, long)> refusals = [];
        Places = [.. status.Listeners.Select(listener => RowOf(listener, time, status.Sessions is null, refusals))];
        Refusals = Merge(refusals);
        Traffic.Add(time, _sum.Total.In, _sum.Total.Out);
        var sessions = Sessions.Select(session => session.Id).ToArray();
        var listeners = Places.Select(listener => listener.Id).ToArray();
        _sessions.Keep(sessions);
        _listeners.Keep(listeners);
        _sum.Keep(status.Sessions is null ? listeners : sessions);
        DerivationRate = _derivations is { } last && time > last.Time ? Math.Max(0, status.DerivationsCompleted - last.Completed) / (time - last.Time).TotalSeconds : 0;
        _derivations = (time, status.DerivationsCompleted);
    }

    /// <summary>The sums of each cause, the most frequent first.</summary>
    public static IReadOnlyList<(string Cause, long Count)> Merge(IEnumerable<(string Cause, long Count)> refusals)
        => [.. refusals.GroupBy(refusal => refusal.Cause, refusal => refusal.Count).Select(cause => (Cause: cause.Key, Count: cause.Total(count => count))).OrderByDescending(cause => cause.Count).ThenBy(cause => cause.Cause, StringComparer.Ordinal)];

    /// <summary>Key derivations and memory, of all these processes together.</summary>
    public static IReadOnlyList<string> FactsOf(IReadOnlyList<ProcessStatus> processes, double derivationRate) =>
    [
        $"derivations {Units.Amount(derivationRate)}/s, {processes.Sum(process => (long)process.DerivationsRunning)} running, {processes.Sum(process => (long)process.DerivationsWaiting)} waiting",
        $"memory {Units.Bytes(processes.Sum(process => (double)process.Memory))}, heap {Units.Bytes(processes.Sum(process => (double)process.Heap))}",
    ];

    private SessionRow RowOf(SessionStatus session, TimeSpan time, DateTime now)
    {
        if (!_sessions.TryGetValue(session.Id, out var traffic))
            _sessions[session.Id] = traffic = new RateHistory();
        traffic.Add(time, session.BytesIn, session.BytesOut);
        return new SessionRow
        {
            Key = $"{session.Id}",
            Id = session.Id,
            State = session.State,
            Tone = session.State switch
            {
                "open" => Tone.Good,
                "closed" => Tone.Bad,
                _ => Tone.Caution,
            },
            Peer = session.Peer,
            User = session.UserName ?? "",
            Route = session.Target ?? "",
            Transport = session.Transport,
            Cipher = session.SendCipher == session.ReceiveCipher ? session.SendCipher : $"{Short(session.SendCipher)}/{Short(session.ReceiveCipher)}",
            Traffic = traffic,
            Latency = session.Latency is { } latency ? TimeSpan.FromMilliseconds(latency) : null,
            Age = now - session.Opened,
            Details = () => [SessionDetails.Of(session)],
        };
    }

    private PlaceRow RowOf(ListenerStatus listener, TimeSpan time, bool withholdsSessions, List<(string, long)> refusals)
    {
        if (!_listeners.TryGetValue(listener.Id, out var history))
            _listeners[listener.Id] = history = new ListenerHistory();
        history.Traffic.Add(time, listener.BytesIn, listener.BytesOut);
        refusals.AddRange(history.Refusals.Add(time, listener.Refusals));
        return new PlaceRow
        {
            Id = listener.Id,
            Name = listener.Endpoints is { } endpoints ? string.Join(", ", endpoints) : listener.Port == 0 ? "socket or pipe" : $"port {listener.Port}",
            State = listener.State,
            Tone = listener.State == "listening" ? Tone.Good : Tone.Caution,
            Note = listener.Target ?? "",
            Sessions = listener.Sessions,
            WithholdsSessions = withholdsSessions,
            Traffic = history.Traffic,
        };
    }

    /// <summary>The mode alone, where there are two.</summary>
    private static string Short(string cipher) => cipher.StartsWith("AES-", StringComparison.Ordinal) ? cipher["AES-".Length..] : cipher;

    private sealed class ListenerHistory
    {
        public RateHistory Traffic { get; } = new();

        public RefusalHistory Refusals { get; } = new();
    }
}
