using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Listening;

/// <summary>
/// A listener's counters, across its configurations. Also published as metrics of the meter <c>XpraAes</c>, with the listener's address
/// as a tag; bytes and packets are those exchanged with clients, not with a target.
/// </summary>
internal sealed class ListenerCounters(string endpoint)
{
    private static readonly Meter s_meter = new("XpraAes");
    private static readonly Counter<long> s_accepted = s_meter.CreateCounter<long>("xpraaes.connections.accepted", description: "Clients accepted");
    private static readonly Counter<long> s_refused = s_meter.CreateCounter<long>("xpraaes.connections.refused", description: "Clients refused or lost before they were accepted, by cause");

    private readonly object _gate = new();
    private readonly Dictionary<int, XpraConnection> _connections = [];
    private readonly ConcurrentDictionary<XpraErrorId, long> _refusals = new();
    private readonly KeyValuePair<string, object?> _tag = new("listener", endpoint);
    private Traffic _ended;
    private long _accepted;
    private long _rejected;

    static ListenerCounters()
    {
        s_meter.CreateObservableUpDownCounter("xpraaes.sessions.open", () => Observe(counters => counters.Connections.Count), description: "Open sessions");
        s_meter.CreateObservableCounter("xpraaes.bytes.received", () => Observe(counters => counters.Total.BytesIn), "By", "Bytes received from clients");
        s_meter.CreateObservableCounter("xpraaes.bytes.sent", () => Observe(counters => counters.Total.BytesOut), "By", "Bytes sent to clients");
        s_meter.CreateObservableCounter("xpraaes.packets.received", () => Observe(counters => counters.Total.PacketsIn), "{packet}", "Packets received from clients");
        s_meter.CreateObservableCounter("xpraaes.packets.sent", () => Observe(counters => counters.Total.PacketsOut), "{packet}", "Packets sent to clients");
        s_meter.CreateObservableGauge("xpraaes.certificate.validity", ObserveCertificates, "s", "Time until the certificate expires, negative afterwards");
    }

    private static IEnumerable<Measurement<double>> ObserveCertificates()
    {
        foreach (var listener in LiveObjects.Listeners)
        {
            if (listener.Certificate is { } certificate)
                yield return new((certificate.NotAfter - DateTimeOffset.UtcNow).TotalSeconds, listener.Counters._tag);
        }
    }

    public IReadOnlyList<XpraConnection> Connections
    {
        get
        {
            lock (_gate)
                return (XpraConnection[])[.. _connections.Values.OrderBy(connection => connection.Id)];
        }
    }

    public long Accepted => Interlocked.Read(ref _accepted);

    public long Rejected => Interlocked.Read(ref _rejected);

    /// <summary>The traffic of all its connections so far, including closed ones.</summary>
    public Traffic Total
    {
        get
        {
            lock (_gate)
                return _connections.Values.Aggregate(_ended, (sum, connection) => sum + connection.Traffic);
        }
    }

    /// <summary>How often each cause led to a refusal.</summary>
    public IReadOnlyDictionary<XpraErrorId, long> Refusals => new SortedDictionary<XpraErrorId, long>(_refusals.ToDictionary());

    public void Accept()
    {
        Interlocked.Increment(ref _accepted);
        s_accepted.Add(1, _tag);
    }

    public void Refuse(XpraErrorId cause)
    {
        Interlocked.Increment(ref _rejected);
        _refusals.AddOrUpdate(cause, 1, (_, count) => count + 1);
        s_refused.Add(1, _tag, new KeyValuePair<string, object?>("cause", cause.ToString()));
    }

    public void Open(XpraConnection connection)
    {
        lock (_gate)
            _connections[connection.Id] = connection;
    }

    public void Close(XpraConnection connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection.Id);
            _ended += connection.Traffic;
        }
    }

    /// <summary>Adds the traffic of a client without a session.</summary>
    public void Add(PacketChannel channel)
    {
        lock (_gate)
            _ended += Traffic.Of(channel);
    }

    private static IEnumerable<Measurement<long>> Observe(Func<ListenerCounters, long> value)
        => LiveObjects.Listeners.Select(listener => new Measurement<long>(value(listener.Counters), listener.Counters._tag));
}
