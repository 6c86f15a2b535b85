using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace XpraAes.Listening;

/// <summary>What a listener counts, whatever configuration its connections came in under. Also published as metrics of the meter <c>XpraAes</c>.</summary>
internal sealed class ListenerCounters
{
    private static readonly Meter s_meter = new("XpraAes");
    private static readonly Counter<long> s_acceptedMetric = s_meter.CreateCounter<long>("xpraaes.connections.accepted", description: "Clients let in");
    private static readonly Counter<long> s_refusedMetric = s_meter.CreateCounter<long>("xpraaes.connections.refused", description: "Clients refused or lost before they were let in, by cause");
    private static readonly UpDownCounter<long> s_openMetric = s_meter.CreateUpDownCounter<long>("xpraaes.sessions.open", description: "Sessions that stand");
    private static readonly Counter<long> s_bytesInMetric = s_meter.CreateCounter<long>("xpraaes.bytes.received", "By", "Bytes received from clients, counted when their connection ends");
    private static readonly Counter<long> s_bytesOutMetric = s_meter.CreateCounter<long>("xpraaes.bytes.sent", "By", "Bytes sent to clients, counted when their connection ends");

    private readonly ConcurrentDictionary<int, XpraConnection> _connections = new();
    private readonly ConcurrentDictionary<XpraErrorId, long> _refusals = new();
    private long _accepted;
    private long _rejected;
    private long _bytesIn;
    private long _bytesOut;

    public IReadOnlyList<XpraConnection> Connections => (XpraConnection[])[.. _connections.Values.OrderBy(connection => connection.Id)];

    public long Accepted => Interlocked.Read(ref _accepted);

    public long Rejected => Interlocked.Read(ref _rejected);

    public long BytesIn => Interlocked.Read(ref _bytesIn) + _connections.Values.Sum(connection => connection.BytesIn);

    public long BytesOut => Interlocked.Read(ref _bytesOut) + _connections.Values.Sum(connection => connection.BytesOut);

    /// <summary>How often each cause led to a refusal.</summary>
    public IReadOnlyDictionary<XpraErrorId, long> Refusals => new SortedDictionary<XpraErrorId, long>(_refusals.ToDictionary());

    public void Accept()
    {
        Interlocked.Increment(ref _accepted);
        s_acceptedMetric.Add(1);
    }

    public void Refuse(XpraErrorId cause)
    {
        Interlocked.Increment(ref _rejected);
        _refusals.AddOrUpdate(cause, 1, (_, count) => count + 1);
        s_refusedMetric.Add(1, new KeyValuePair<string, object?>("cause", cause.ToString()));
    }

    public void Open(XpraConnection connection)
    {
        _connections[connection.Id] = connection;
        s_openMetric.Add(1);
    }

    public void Close(XpraConnection connection)
    {
        _connections.TryRemove(connection.Id, out _);
        s_openMetric.Add(-1);
        AddBytes(connection.BytesIn, connection.BytesOut);
    }

    public void AddBytes(long bytesIn, long bytesOut)
    {
        Interlocked.Add(ref _bytesIn, bytesIn);
        Interlocked.Add(ref _bytesOut, bytesOut);
        s_bytesInMetric.Add(bytesIn);
        s_bytesOutMetric.Add(bytesOut);
    }
}
