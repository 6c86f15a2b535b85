using System.Globalization;
using XpraAes.Connections;
using XpraAes.Transports;

namespace XpraAes.PowerShell.Watching;

/// <summary>The listeners and sessions of this process.</summary>
internal sealed class ProcessSource : IWatchSource
{
    private readonly Dictionary<int, Watched> _watched = [];
    private readonly RateHistory _total = new();
    private readonly Dictionary<int, (long In, long Out)> _sessionTotals = [];
    private (TimeSpan Time, long Completed)? _derivations;
    private (long In, long Out) _totals;
    private int _samples;

    public bool HasRates => _samples > 1;

    public WatchSnapshot Sample(TimeSpan time)
    {
        var connections = LiveObjects.Connections;
        var listeners = LiveObjects.Listeners;
        Forget(connections.Select(connection => connection.Id).Concat(listeners.Select(listener => listener.Id)));
        var sessions = connections.Select(connection => RowOf(connection, time)).ToArray();
        var refusals = new Dictionary<string, long>();
        var places = listeners.Select(listener => RowOf(listener, time, refusals)).ToArray();
        _total.Add(time, _totals.In, _totals.Out);
        _samples++;
        return new WatchSnapshot
        {
            Time = DateTime.Now,
            PlaceKind = "listener",
            Places = places,
            Sessions = sessions,
            Traffic = _total,
            Refusals = [.. refusals.Select(pair => (pair.Key, pair.Value)).OrderByDescending(cause => cause.Value).ThenBy(cause => cause.Key, StringComparer.Ordinal)],
            Facts = [Derivations(listeners, time), Memory()],
        };
    }

    /// <summary>All that is known about a session: its own properties, then the cipher of each leg, where only what differs by direction is there twice.</summary>
    internal static IReadOnlyList<DetailSection> DetailsOf(XpraConnection connection)
    {
        List<(string, string)> session =
        [
            ("Id", $"{connection.Id}"),
            ("State", connection.CloseReason is { } reason ? $"{connection.State}: {reason}" : $"{connection.State}"),
            ("Direction", $"{connection.Direction}"),
            ("Endpoint", connection.Endpoint),
            ("Peer", connection.Peer),
            ("User", connection.UserName is { } user ? $"{user} (by its own account)" : "-"),
            ("Route", connection.Route ?? "-"),
            ("Target", connection.Target ?? "-"),
            ("Opened", connection.Opened.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)),
            ("Latency", Units.Latency(connection.Latency)),
            ("Received", $"{Units.Bytes(connection.BytesIn)} in {connection.PacketsIn} packets"),
            ("Sent", $"{Units.Bytes(connection.BytesOut)} in {connection.PacketsOut} packets"),
        ];
        return [new DetailSection("Session", session), .. LegsOf(connection.GetCipherInfo())];
    }

    /// <summary>The rows of Get-XpraCipherInfo, two for each leg.</summary>
    internal static IEnumerable<DetailSection> LegsOf(IReadOnlyList<CipherInfo> ciphers)
    {
        var legs = ciphers.Chunk(2).ToArray();
        for (var i = 0; i < legs.Length; i++)
        {
            List<(string, string)> rows = [];
            foreach (var property in typeof(CipherInfo).GetProperties().Where(property => property.Name != nameof(CipherInfo.Direction)))
            {
                var values = legs[i].Select(cipher => (cipher.Direction, Value: Text(property.GetValue(cipher)))).ToArray();
                if (values.Select(value => value.Value).Distinct().Count() == 1)
                    rows.Add((property.Name, values[0].Value));
                else
                    rows.AddRange(values.Select(value => ($"{property.Name}, {value.Direction.ToString().ToLowerInvariant()}", value.Value)));
            }
            yield return new DetailSection(legs.Length == 1 ? "Cipher" : i == 0 ? "Leg to the client" : "Leg to the target", rows);
        }
    }

    private static string Text(object? value) => value switch
    {
        null => "-",
        bool isSo => isSo ? "yes" : "no",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : "-",
    };

    private SessionRow RowOf(XpraConnection connection, TimeSpan time)
    {
        if (!_watched.TryGetValue(connection.Id, out var watched))
            _watched[connection.Id] = watched = new Watched(CipherOf(connection.Legs[0]), TransportOf(connection.Legs[0]), connection.Target ?? "");
        var traffic = connection.Traffic;
        watched.Traffic.Add(time, traffic.BytesIn, traffic.BytesOut);
        AddToTotal(connection.Id, traffic.BytesIn, traffic.BytesOut);
        var (state, tone) = StateOf(connection);
        return new SessionRow
        {
            Key = $"{connection.Id}",
            Id = connection.Id,
            State = state,
            Tone = tone,
            Peer = connection.Peer,
            User = connection.UserName ?? "",
            Route = watched.Route,
            Transport = watched.Transport,
            Cipher = watched.Cipher,
            Traffic = watched.Traffic,
            Latency = connection.Latency,
            Age = DateTime.Now - connection.Opened,
            Details = () => DetailsOf(connection),
            Disconnect = connection.CloseAsync,
        };
    }

    private PlaceRow RowOf(AesListener listener, TimeSpan time, Dictionary<string, long> refusals)
    {
        if (!_watched.TryGetValue(listener.Id, out var watched))
            _watched[listener.Id] = watched = new Watched("", "", "");
        watched.Traffic.Add(time, listener.BytesIn, listener.BytesOut);
        foreach (var (cause, count) in watched.Refusals.Add(time, listener.Refusals))
            refusals[cause] = refusals.GetValueOrDefault(cause) + count;
        return new PlaceRow
        {
            Id = listener.Id,
            Name = string.Join(", ", listener.Endpoints),
            State = listener.State.ToString().ToLowerInvariant(),
            Tone = listener.State == ListenerState.Listening ? Tone.Good : Tone.Caution,
            Note = listener.Target ?? "",
            Sessions = listener.Connections.Count,
            Traffic = watched.Traffic,
        };
    }

    private static (string State, Tone Tone) StateOf(XpraConnection connection) => connection switch
    {
        { State: ConnectionState.Closed } => ("closed", Tone.Bad),
        { State: ConnectionState.Closing } => ("closing", Tone.Caution),
        { KeyProven: false } when connection.Legs[0].Receive is not null => ("unproven", Tone.Caution),
        _ => ("open", Tone.Good),
    };

    private static string CipherOf(CipherLeg leg) => leg switch
    {
        { Seal: not null } => CipherInfo.Sealed,
        { Send: null } => "none",
        { Send: { } send, Receive: { } receive } when send.Mode != receive.Mode => $"{send.Mode}/{receive.Mode}",
        { Send: { } send } => $"AES-{send.Mode}",
    };

    private static string TransportOf(CipherLeg leg) => leg.Transport is { } kind ? TransportTable.Of(kind).Scheme : "";

    /// <summary>Sums what was added since the last sample, since the counters of sessions that end are gone.</summary>
    private void AddToTotal(int id, long bytesIn, long bytesOut)
    {
        var (lastIn, lastOut) = _sessionTotals.TryGetValue(id, out var last) ? last : _samples == 0 ? (bytesIn, bytesOut) : default;
        _totals = (_totals.In + bytesIn - lastIn, _totals.Out + bytesOut - lastOut);
        _sessionTotals[id] = (bytesIn, bytesOut);
    }

    private void Forget(IEnumerable<int> live)
    {
        var ids = live.ToHashSet();
        foreach (var gone in _watched.Keys.Where(id => !ids.Contains(id)).ToArray())
        {
            _watched.Remove(gone);
            _sessionTotals.Remove(gone);
        }
    }

    private string Derivations(IReadOnlyList<AesListener> listeners, TimeSpan time)
    {
        var (running, waiting, completed) = (0, 0, 0L);
        foreach (var listener in listeners)
        {
            var load = listener.Derivations.Load;
            (running, waiting, completed) = (running + load.Running, waiting + load.Waiting, completed + load.Completed);
        }
        var rate = _derivations is { } last && time > last.Time ? Math.Max(0, completed - last.Completed) / (time - last.Time).TotalSeconds : 0;
        _derivations = (time, completed);
        return $"derivations {Units.Amount(rate)}/s, {running} running, {waiting} waiting";
    }

    private static string Memory() => $"memory {Units.Bytes(Environment.WorkingSet)}, heap {Units.Bytes(GC.GetTotalMemory(forceFullCollection: false))}";

    /// <summary>What is remembered of a listener or session between samples.</summary>
    private sealed record Watched(string Cipher, string Transport, string Route)
    {
        public RateHistory Traffic { get; } = new();

        public RefusalHistory Refusals { get; } = new();
    }
}
