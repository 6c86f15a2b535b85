using System.Collections.Concurrent;
using XpraAes.Connections;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Listening;

/// <summary>A listener's counters, across its configurations; <see cref="ListenerMetrics"/> publishes them.</summary>
internal sealed class ListenerCounters
{
    private readonly object _gate = new();
    private readonly Dictionary<int, XpraConnection> _connections = [];
    private readonly ConcurrentDictionary<XpraErrorId, long> _refusals = new();
    private readonly Dictionary<TransportKind, Traffic> _ended = [];
    private long _accepted;
    private long _rejected;

    /// <summary>The number of open sessions.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _connections.Count;
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
    public Traffic Total => ByTransport.Values.Aggregate(default(Traffic), (sum, traffic) => sum + traffic);

    /// <summary>The same for each transport that has been used.</summary>
    public IReadOnlyDictionary<TransportKind, Traffic> ByTransport
    {
        get
        {
            lock (_gate)
            {
                var sums = new Dictionary<TransportKind, Traffic>(_ended);
                foreach (var connection in _connections.Values)
                    Add(sums, connection.Transport, connection.Traffic);
                return sums;
            }
        }
    }

    /// <summary>How often each cause led to a refusal.</summary>
    public IReadOnlyDictionary<XpraErrorId, long> Refusals => new SortedDictionary<XpraErrorId, long>(_refusals.ToDictionary());

    public void Accept() => Interlocked.Increment(ref _accepted);

    public void Refuse(XpraErrorId cause)
    {
        Interlocked.Increment(ref _rejected);
        _refusals.AddOrUpdate(cause, 1, (_, count) => count + 1);
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
            Add(_ended, connection.Transport, connection.Traffic);
        }
    }

    /// <summary>Adds the traffic of a client without a session.</summary>
    public void Add(PacketChannel channel)
    {
        lock (_gate)
            Add(_ended, channel.Transport, Traffic.Of(channel));
    }

    /// <summary>A stream in memory counts as TCP.</summary>
    private static void Add(Dictionary<TransportKind, Traffic> sums, TransportKind? transport, Traffic traffic)
        => sums[transport ?? TransportKind.Tcp] = sums.GetValueOrDefault(transport ?? TransportKind.Tcp) + traffic;
}
