using System.Net;
using System.Net.Sockets;

namespace XpraAes.Handshake;

/// <summary>
/// Salts of clients that have proven nothing, bounded in number. Where there are too many, those go first that came first from the
/// source that has most of them: a flood pushes out its own, and not those of a client that comes once.
/// </summary>
internal sealed class UnprovenSalts
{
    /// <summary>Room is made for many at once, so that looking for the busiest source costs little each time: this part of all.</summary>
    private const int BatchDivisor = 64;

    private readonly HashSet<UInt128> _traces = [];
    private readonly Dictionary<IPAddress, Queue<UInt128>> _sources = [];

    public int Count => _traces.Count;

    public bool Contains(UInt128 trace) => _traces.Contains(trace);

    /// <summary>False where it is there already.</summary>
    public bool Add(UInt128 trace, IPAddress source, int capacity)
    {
        if (_traces.Contains(trace))
            return false;
        if (_traces.Count >= capacity)
            MakeRoom(Math.Max(1, capacity / BatchDivisor));
        _traces.Add(trace);
        var key = NetworkOf(source);
        if (!_sources.TryGetValue(key, out var queue))
            _sources[key] = queue = [];
        queue.Enqueue(trace);
        return true;
    }

    /// <summary>It is remembered elsewhere from here on.</summary>
    public void Remove(UInt128 trace) => _traces.Remove(trace);

    /// <summary>Whoever has one IPv6 address may well have the /48 that a site gets (RFC 6177).</summary>
    private static IPAddress NetworkOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(6).Clear();
        return new IPAddress(bytes);
    }

    private void MakeRoom(int count)
    {
        var busiest = new PriorityQueue<IPAddress, int>(_sources.Select(source => (source.Key, -source.Value.Count)));
        while (count > 0 && busiest.TryDequeue(out var source, out _))
        {
            var queue = _sources[source];
            // One that has been removed leaves its place in the queue behind.
            if (_traces.Remove(queue.Dequeue()))
                count--;
            if (queue.Count == 0)
                _sources.Remove(source);
            else
                busiest.Enqueue(source, -queue.Count);
        }
    }
}
