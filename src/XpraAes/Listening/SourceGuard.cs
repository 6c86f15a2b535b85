using System.Net;
using System.Net.Sockets;

namespace XpraAes.Listening;

/// <summary>
/// Shares the places of connections that have proven nothing between the addresses they come from, remembers each address's
/// failures of late, and says who may come in. Where all places are taken, the address gives way that has come most often of late
/// and proven nothing: so a flood has to give way to itself, and an address that comes for the first time finds a place. Among those
/// that come for the first time a newcomer waits until one has had time to prove itself: so many at once do not chase each other away.
/// </summary>
/// <param name="limits">The bounds.</param>
/// <param name="isTrusted">Addresses that no bound applies to: those of a proxy, behind which everyone is the same address.</param>
/// <param name="clock">Where the time comes from: its monotonic part, which no change of the date touches.</param>
internal sealed class SourceGuard(Limits limits, Func<IPAddress, bool> isTrusted, TimeProvider clock)
{
    /// <summary>What an address weighs with its first connection.</summary>
    private const int FirstTime = 1;

    private readonly object _gate = new();
    private readonly Dictionary<IPAddress, Source> _sources = [];
    private readonly List<Slot> _slots = []; // the oldest first
    private TaskCompletionSource? _vacancy; // for those who wait for one

    private sealed class Source
    {
        /// <summary>Its connections that have proven nothing.</summary>
        public int Unproven;

        /// <summary>Those that went without having proven anything, since <see cref="CountedSince"/>.</summary>
        public int Gone;

        public long CountedSince;
        public Queue<long> Failures { get; } = new();
        public long? Blocked;

        public int Weight => Unproven + Gone;
    }

    /// <summary>Addresses that something is remembered of.</summary>
    public int Remembered
    {
        get
        {
            lock (_gate)
                return _sources.Count;
        }
    }

    /// <summary>Takes a place for a new connection as <see cref="TryEnter"/> does, and waits for it, <see cref="Limits.Foothold"/> at the most, where it must.</summary>
    public async ValueTask<Slot?> EnterAsync(IPAddress address)
    {
        while (true)
        {
            var slot = TryEnter(address, out var later);
            if (later is null)
                return slot;
            // That its time is over is no failure.
            await later.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Takes a place for a new connection, at the cost of another one where that is fair; null: it must not come in, or not yet. It is given back by <see cref="Slot.Dispose"/>.</summary>
    /// <param name="address">Where it comes from.</param>
    /// <param name="later">Is over when it is worth trying again; null: it is decided.</param>
    public Slot? TryEnter(IPAddress address, out Task? later)
    {
        later = null;
        if (isTrusted(address))
            return new Slot(this, null, 0);
        Slot? loser = null;
        try
        {
            lock (_gate)
            {
                var key = KeyOf(address);
                var source = Find(key);
                if (source is { Blocked: not null })
                    return null;
                // Its own handshakes under way are soon over. Silent sessions may never be.
                if (source?.Unproven >= limits.UnprovenConnectionsPerSource && (loser = _slots.Find(slot => IsSilent(slot) && key.Equals(slot.Source))) is null)
                    return null;
                if (loser is null && _slots.Count >= limits.UnprovenConnections)
                {
                    var weight = (source?.Weight ?? 0) + 1;
                    if (FindLoser(weight) is not { } found)
                        return null;
                    if (weight == FirstTime && Weigh(found) == FirstTime && limits.Foothold - clock.GetElapsedTime(found.EnteredAt) is var rest && rest > TimeSpan.Zero)
                    {
                        _vacancy ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                        later = _vacancy.Task.WaitAsync(TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds)));
                        return null;
                    }
                    loser = found;
                }
                if (loser is not null)
                    Leave(loser, proven: false);
                var taken = new Slot(this, key, clock.GetTimestamp());
                Remember(key).Unproven++;
                _slots.Add(taken);
                return taken;
            }
        }
        finally
        {
            loser?.GiveWay();
        }
    }

    /// <summary>How long to let this address wait before it is served: grows with its failures of late.</summary>
    public TimeSpan DelayFor(IPAddress address)
    {
        lock (_gate)
            return (Find(KeyOf(address))?.Failures.Count ?? 0) * limits.DelayPerFailure;
    }

    /// <summary>Remembers a failure: a malformed or undecryptable packet, or a wrong response; never a plain close. True: the address is blocked from here on.</summary>
    public bool RecordFailure(IPAddress address)
    {
        if (isTrusted(address))
            return false;
        lock (_gate)
        {
            var source = Remember(KeyOf(address));
            source.Failures.Enqueue(clock.GetTimestamp());
            if (source.Blocked is not null || source.Failures.Count < limits.FailuresBeforeBlock)
                return false;
            source.Blocked = clock.GetTimestamp();
            return true;
        }
    }

    /// <summary>Who has one IPv6 address as a rule has the 2^64 of its network.</summary>
    private static IPAddress KeyOf(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }

    /// <summary>The connection that gives way to one of an address of that weight: of those that weigh most the one that has come least far, of these the oldest. Null: the newcomer's address weighs most itself.</summary>
    private Slot? FindLoser(int weight)
    {
        Slot? loser = null;
        var heaviest = (Weight: weight, Idleness: 0);
        foreach (var slot in _slots)
        {
            var rank = (Weight: Weigh(slot), Idleness: Idleness(slot));
            if (loser is null ? rank.Weight >= weight : rank.CompareTo(heaviest) > 0)
                (loser, heaviest) = (slot, rank);
        }
        return loser;
    }

    private int Weigh(Slot slot) => _sources[slot.Source!].Weight;

    /// <summary>What is remembered of an address, without what is too old. Null: nothing.</summary>
    private Source? Find(IPAddress key)
    {
        if (!_sources.TryGetValue(key, out var source))
            return null;
        if (source.Blocked is { } since && IsOld(since))
        {
            source.Blocked = null;
            source.Failures.Clear();
        }
        while (source.Blocked is null && source.Failures.TryPeek(out var failure) && IsOld(failure))
            source.Failures.Dequeue();
        if (source.Gone > 0 && IsOld(source.CountedSince))
            source.Gone = 0;
        if (source is not { Weight: 0, Blocked: null, Failures.Count: 0 })
            return source;
        _sources.Remove(key);
        return null;
    }

    private Source Remember(IPAddress key)
    {
        if (Find(key) is { } known)
            return known;
        if (_sources.Count >= limits.RememberedSources)
            Forget();
        return _sources[key] = new Source();
    }

    /// <summary>Makes room, for many at once so that it costs little each time: those that are not blocked, and where that is nobody, all. Those with connections stay.</summary>
    private void Forget()
    {
        foreach (var others in new Func<Source, bool>[] { source => source.Blocked is null, _ => true })
        {
            foreach (var (address, source) in _sources)
            {
                if (source.Unproven == 0 && others(source))
                    _sources.Remove(address);
            }
            if (_sources.Count < limits.RememberedSources)
                return;
        }
    }

    /// <summary>Whether its session has stood for longer than any packet of a handshake may take, without one.</summary>
    private bool IsSilent(Slot slot) => slot.StandsSince is { } since && clock.GetElapsedTime(since) > limits.HandshakeTimeout;

    /// <summary>How little a connection has done: one that has stood for a moment has done most, one that stands and is silent nothing.</summary>
    private int Idleness(Slot slot) => IsSilent(slot) ? 3 : slot.StandsSince is not null ? 0 : slot.HasSaidHello ? 1 : 2;

    private bool IsOld(long timestamp) => clock.GetElapsedTime(timestamp) > limits.FailureWindow;

    private void Stand(Slot slot)
    {
        lock (_gate)
            slot.StandsSince = clock.GetTimestamp();
    }

    private void Release(Slot slot, bool proven)
    {
        lock (_gate)
            Leave(slot, proven);
    }

    private void Leave(Slot slot, bool proven)
    {
        if (slot.Source is not { } key || !_slots.Remove(slot))
            return;
        var source = _sources[key];
        source.Unproven--;
        if (source.Gone == 0)
            source.CountedSince = clock.GetTimestamp();
        // Who holds the key is no flood.
        source.Gone = proven ? 0 : source.Gone + 1;
        Find(key);
        _vacancy?.TrySetResult();
        _vacancy = null;
    }

    /// <summary>The place of one connection that has proven nothing yet.</summary>
    public sealed class Slot(SourceGuard guard, IPAddress? source, long enteredAt) : IDisposable
    {
        private readonly CancellationTokenSource _lost = new();

        /// <summary>Cancelled when the connection has to give way to another one, and so must end.</summary>
        public CancellationToken Lost => _lost.Token;

        /// <summary>The address, of IPv6 the network, that it counts for; null for one that no bound applies to.</summary>
        internal IPAddress? Source => source;

        /// <summary>When it took its place.</summary>
        internal long EnteredAt => enteredAt;

        /// <summary>Whether it has sent a hello that can be served.</summary>
        public bool HasSaidHello { get; set; }

        /// <summary>When its session stood; null before.</summary>
        internal long? StandsSince { get; set; }

        /// <summary>Its session stands: a client may be silent from then on, as <c>xpra _monitor</c> of 3.1 is, while its place is not needed.</summary>
        public void Stand() => guard.Stand(this);

        /// <summary>Gives the place back for good: the key is proven, or none is asked for.</summary>
        public void Prove() => guard.Release(this, proven: true);

        /// <summary>Gives the place back: the connection has ended. After <see cref="Prove"/> it does nothing.</summary>
        public void Dispose() => guard.Release(this, proven: false);

        // What it ends need not be waited for by whom it makes room for.
        internal void GiveWay() => _ = _lost.CancelAsync();
    }
}
