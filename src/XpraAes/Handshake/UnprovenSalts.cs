using System.Net;
using System.Net.Sockets;

namespace XpraAes.Handshake;

/// <summary>
/// A bounded set of salts of clients that have not proven that they hold the key. When it is full, the oldest salts of the source with
/// the most are evicted, so a flood evicts its own salts and not those of other clients.
/// </summary>
internal sealed class UnprovenSalts
{
    /// <summary>Evicts this fraction of the capacity at once, as finding the busiest source is expensive.</summary>
    private const int BatchDivisor = 64;

    private readonly HashSet<UInt128> _traces = [];
    private readonly Dictionary<IPAddress, Queue<UInt128>> _sources = [];

    public int Count => _traces.Count;

    public bool Contains(UInt128 trace) => _traces.Contains(trace);

    /// <summary>False where the salt is already there.</summary>
    public bool Add(UInt128 trace, IPAddress source, int capacity)
    {
        if (_traces.Contains(trace))
            return false;
        if (_traces.Count >= capacity)
            Evict(Math.Max(1, capacity / BatchDivisor));
        _traces.Add(trace);
        var key = NetworkOf(source);
        if (!_sources.TryGetValue(key, out var queue))
            _sources[key] = queue = [];
        queue.Enqueue(trace);
        return true;
    }

    /// <summary>Removes a salt that is remembered elsewhere from now on.</summary>
    public void Remove(UInt128 trace) => _traces.Remove(trace);

    /// <summary>IPv6 sources are counted by /48, the network of a site (RFC 6177).</summary>
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

    private void Evict(int count)
    {
        var busiest = new PriorityQueue<IPAddress, int>(_sources.Select(source => (source.Key, -source.Value.Count)));
        while (count > 0 && busiest.TryDequeue(out var source, out _))
        {
            var queue = _sources[source];
            // A removed salt stays in the queue.
            if (_traces.Remove(queue.Dequeue()))
                count--;
            if (queue.Count == 0)
                _sources.Remove(source);
            else
                busiest.Enqueue(source, -queue.Count);
        }
    }
}
