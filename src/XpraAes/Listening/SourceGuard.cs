using System.Net;

namespace XpraAes.Listening;

/// <summary>
/// Decides which addresses may connect: limits connections that have not proven the key, and delays and blocks sources after failures.
/// <list type="bullet">
/// <item>When all slots are taken, a connection of the source (for IPv6, the network) with the highest load is evicted, so a flood evicts itself.</item>
/// <item>A new source does not evict another new source before <see cref="Limits.NewSourceGracePeriod"/>: it waits instead.</item>
/// <item>TLS handshakes cost this machine more than a client, and one that comes to nothing is no failure: a browser ends several before its user
/// accepts a certificate. So many of them delay a source, and never block it.</item>
/// <item>A source that has recently proven the key is delayed but not blocked: otherwise anyone behind the same router, or a web page its user
/// visits, could lock it out with a few broken packets. Wrong passwords block it too, since only clients that hold the key can give one.</item>
/// </list>
/// </summary>
/// <param name="limits">The limits to apply.</param>
/// <param name="isTrusted">Addresses that are exempt, such as a proxy's, behind which all clients share one address.</param>
/// <param name="clock">Only its monotonic timestamps are used, which changes of the date do not affect.</param>
internal sealed class SourceGuard(Limits limits, Func<IPAddress, bool> isTrusted, TimeProvider clock)
{
    /// <summary>A source's load with its first connection.</summary>
    private const int FirstConnectionLoad = 1;

    /// <summary>Failures remembered per source even if fewer block it, so that its delay can reach the maximum; arbitrary.</summary>
    private const int MaxTrackedFailures = 100;

    private readonly object _gate = new();
    private readonly Dictionary<SourceKey, SourceRecord> _sources = [];
    private readonly ProvenSources _proven = new(limits.ProvenMemory, limits.RememberedSources, clock);
    private readonly List<Slot> _slots = []; // oldest first
    private TaskCompletionSource? _slotFreed; // set while somebody waits for a slot

    /// <summary>The number of sources and networks with a record.</summary>
    public int Remembered
    {
        get
        {
            lock (_gate)
                return _sources.Count;
        }
    }

    /// <summary>Connections that have not proven the key, those from trusted addresses not counted.</summary>
    public int Unproven
    {
        get
        {
            lock (_gate)
                return _slots.Count;
        }
    }

    /// <summary>As <see cref="TryAcquire"/>, but waits where that says so: at most <see cref="Limits.NewSourceGracePeriod"/>.</summary>
    public async ValueTask<Slot?> AcquireAsync(IPAddress address, bool isAnnounced = false)
    {
        while (true)
        {
            var slot = TryAcquire(address, out var retry, isAnnounced);
            if (retry is null)
                return slot;
            // A timeout is no failure: the grace period is over.
            await retry.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Takes a slot for a new connection, evicting another one if that is fair. Null: rejected, or not yet. <see cref="Slot.Dispose"/> frees the slot.</summary>
    /// <param name="address">The client's address.</param>
    /// <param name="retry">Completes when it is worth trying again; null if the result is final.</param>
    /// <param name="isAnnounced">Whether a proxy has announced the address: then it is never exempt.</param>
    public Slot? TryAcquire(IPAddress address, out Task? retry, bool isAnnounced = false)
    {
        retry = null;
        if (!isAnnounced && isTrusted(address))
            return new Slot(this, [], 0);
        Slot? victim = null;
        try
        {
            lock (_gate)
            {
                var levels = SourceKey.LevelsOf(address);
                var source = Lookup(levels[^1]);
                if (IsBlocked(source))
                    return null;
                // Over its share, a source evicts only its own silent sessions: its handshakes end soon by themselves. A proven source may
                // go over, since unauthenticated clients behind the same address could have used up its share; its load then makes it the first to be evicted.
                if (source?.Unproven >= limits.UnprovenConnectionsPerSource && (victim = _slots.Find(slot => IsSilent(slot) && slot.Levels[^1] == source)) is null && !_proven.Contains(source.Key))
                    return null;
                if (victim is null && _slots.Count >= limits.UnprovenConnections)
                {
                    SourceRecord?[] newcomer = [.. levels.Select(Lookup)];
                    if (FindVictim(newcomer) is not { } found)
                        return null;
                    if (newcomer[0] is null or { Load: 0 } && found.Levels[0].Load == FirstConnectionLoad && limits.NewSourceGracePeriod - clock.GetElapsedTime(found.AcquiredAt) is var rest && rest > TimeSpan.Zero)
                    {
                        _slotFreed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                        retry = _slotFreed.Task.WaitAsync(TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds)));
                        return null;
                    }
                    victim = found;
                }
                if (victim is not null)
                    ReleaseSlot(victim, countsAsUnproven: true);
                var taken = new Slot(this, [.. levels.Select(AddConnection)], clock.GetTimestamp());
                _slots.Add(taken);
                return taken;
            }
        }
        finally
        {
            victim?.Evict();
        }
    }

    /// <summary>How long to delay a client of this address: grows with recent failures and superfluous TLS handshakes of the address and of the networks around it, which are never blocked as a whole.</summary>
    public TimeSpan DelayFor(IPAddress address, bool isAnnounced = false)
    {
        if (!isAnnounced && isTrusted(address))
            return TimeSpan.Zero;
        lock (_gate)
        {
            var steps = SourceKey.LevelsOf(address).Max(key => Lookup(key) is { } source ? source.Failures.Count + Math.Max(0, source.Handshakes - limits.TlsHandshakesPerSource) : 0);
            var delay = steps * limits.DelayPerFailure;
            return delay < limits.LongestDelay ? delay : limits.LongestDelay;
        }
    }

    /// <summary>Records that a TLS handshake with the certificate begins.</summary>
    /// <param name="address">The client's address.</param>
    /// <param name="isAnnounced">Whether a proxy has announced the address: then it is never exempt.</param>
    public void RecordHandshake(IPAddress address, bool isAnnounced = false)
    {
        if (!isAnnounced && isTrusted(address))
            return;
        lock (_gate)
        {
            foreach (var key in SourceKey.LevelsOf(address))
            {
                var source = GetOrAdd(key);
                if (source.Handshakes++ == 0)
                    source.HandshakesSince = clock.GetTimestamp();
            }
        }
    }

    /// <summary>Records a failure: a malformed or undecryptable packet, or a wrong response; never a plain close. True: the address is blocked from now on.</summary>
    /// <param name="address">The client's address.</param>
    /// <param name="isPasswordFailure">Whether it was a wrong password. Only a client that holds the key can give one, so it counts against a proven source too.</param>
    /// <param name="isAnnounced">Whether a proxy has announced the address: then it is never exempt.</param>
    public bool RecordFailure(IPAddress address, bool isPasswordFailure = false, bool isAnnounced = false)
    {
        if (!isAnnounced && isTrusted(address))
            return false;
        lock (_gate)
        {
            SourceRecord source = null!;
            foreach (var key in SourceKey.LevelsOf(address))
            {
                source = GetOrAdd(key);
                source.AddFailure(clock.GetTimestamp(), isPasswordFailure, Math.Max(limits.FailuresBeforeBlock, MaxTrackedFailures));
            }
            // The last level is the source itself.
            var guessesPasswords = source.PasswordFailures.Count >= limits.FailuresBeforeBlock;
            var blocks = guessesPasswords || source.Failures.Count >= limits.FailuresBeforeBlock && !_proven.Contains(source.Key);
            if (!blocks || IsBlocked(source))
                return false;
            (source.BlockedAt, source.BlocksProven) = (clock.GetTimestamp(), guessesPasswords);
            return true;
        }
    }

    /// <summary>The source (for IPv6, its widest network) whose rejection should be logged now; null if it has been within <see cref="Limits.FailureWindow"/>, or if the source is blocked, which has been logged.</summary>
    public SourceKey? TryReportRejection(IPAddress address)
    {
        lock (_gate)
        {
            var levels = SourceKey.LevelsOf(address);
            if (IsBlocked(Lookup(levels[^1])))
                return null;
            var widest = GetOrAdd(levels[0]);
            if (widest.ReportedAt is not null)
                return null;
            widest.ReportedAt = clock.GetTimestamp();
            return widest.Key;
        }
    }

    private bool IsBlocked(SourceRecord? source) => source is { BlockedAt: not null } && (source.BlocksProven || !_proven.Contains(source.Key));

    /// <summary>The connection to evict for a newcomer: in the network with the highest load, and there in the source with the highest load, the least advanced one, then the oldest. Null: the newcomer's own load is the highest.</summary>
    /// <param name="newcomer">The records of its source and of the networks around it, the widest first.</param>
    private Slot? FindVictim(SourceRecord?[] newcomer)
    {
        if (_slots.MaxBy(slot => (slot.Load(0), slot.Load(1), slot.Load(2), Idleness(slot))) is not { } busiest)
            return null;
        // A network that contains both has the same load either way, so compare the first level at which they differ.
        var level = 0;
        while (level < newcomer.Length && busiest.Levels[level] == newcomer[level])
            level++;
        return level < newcomer.Length && busiest.Load(level) >= (newcomer[level]?.Load ?? 0) + 1 ? busiest : null;
    }

    /// <summary>The record of a source, without what has expired; null if nothing is left.</summary>
    private SourceRecord? Lookup(SourceKey key)
    {
        if (!_sources.TryGetValue(key, out var source))
            return null;
        source.RemoveExpired(IsExpired);
        if (!source.IsEmpty)
            return source;
        _sources.Remove(key);
        return null;
    }

    private SourceRecord GetOrAdd(SourceKey key)
    {
        if (Lookup(key) is { } known)
            return known;
        if (_sources.Count >= limits.RememberedSources)
            Prune();
        return _sources[key] = new SourceRecord(key);
    }

    /// <summary>Removes records without connections, many at once to keep the cost low: first those covered by a wider network, then those not blocked, then all.</summary>
    private void Prune()
    {
        foreach (var canRemove in new Func<SourceRecord, bool>[] { source => source.BlockedAt is null && !source.Key.IsWidest, source => source.BlockedAt is null, _ => true })
        {
            foreach (var (key, source) in _sources)
            {
                if (source.Unproven == 0 && canRemove(source))
                    _sources.Remove(key);
            }
            if (_sources.Count < limits.RememberedSources)
                return;
        }
    }

    /// <summary>Whether its session has been open for longer than any handshake packet may take, without proving the key.</summary>
    private bool IsSilent(Slot slot) => slot.EstablishedAt is { } since && clock.GetElapsedTime(since) > limits.HandshakeTimeout;

    /// <summary>Higher for the better victim: a silent session, then a connection without a hello, one with a hello, and a session just established.</summary>
    private int Idleness(Slot slot) => IsSilent(slot) ? 3 : slot.EstablishedAt is not null ? 0 : slot.HasSentHello ? 1 : 2;

    private bool IsExpired(long timestamp) => clock.GetElapsedTime(timestamp) > limits.FailureWindow;

    private void MarkEstablished(Slot slot)
    {
        lock (_gate)
            slot.EstablishedAt = clock.GetTimestamp();
    }

    private void MarkProven(Slot slot)
    {
        lock (_gate)
        {
            Keep(slot);
            if (slot is { IsProven: false, IsEnded: false, Levels: [.., var source] })
            {
                slot.IsProven = true;
                _proven.AddSession(source.Key);
                var handshakes = source.Handshakes;
                foreach (var level in slot.Levels)
                {
                    level.Handshakes = Math.Max(0, level.Handshakes - handshakes);
                    Lookup(level.Key);
                }
            }
        }
    }

    private void Release(Slot slot)
    {
        lock (_gate)
            Keep(slot);
    }

    /// <summary>Frees the slot, and the client stays.</summary>
    private void Keep(Slot slot)
    {
        if (ReleaseSlot(slot, countsAsUnproven: false))
            slot.Keep();
    }

    private void End(Slot slot)
    {
        lock (_gate)
        {
            ReleaseSlot(slot, countsAsUnproven: true);
            if (slot is { IsProven: true, IsEnded: false })
                _proven.RemoveSession(slot.Levels[^1].Key);
            slot.IsEnded = true;
        }
    }

    private SourceRecord AddConnection(SourceKey key)
    {
        var source = GetOrAdd(key);
        source.Unproven++;
        return source;
    }

    /// <summary>False if it was released before.</summary>
    private bool ReleaseSlot(Slot slot, bool countsAsUnproven)
    {
        if (!_slots.Remove(slot))
            return false;
        // A proof clears the source's ended connections, and from the networks around it only that source's share.
        var cleared = slot.Levels[^1].EndedUnproven;
        foreach (var source in slot.Levels)
        {
            source.Unproven--;
            if (source.EndedUnproven == 0)
                source.EndedSince = clock.GetTimestamp();
            source.EndedUnproven = countsAsUnproven ? source.EndedUnproven + 1 : Math.Max(0, source.EndedUnproven - cleared);
            Lookup(source.Key);
        }
        _slotFreed?.TrySetResult();
        _slotFreed = null;
        return true;
    }

    /// <summary>The slot of one connection that has not proven the key yet.</summary>
    public sealed class Slot(SourceGuard guard, IReadOnlyList<SourceRecord> levels, long acquiredAt) : IDisposable
    {
        // Null, with all that waits for it, once it cannot happen any more.
        private CancellationTokenSource? _evicted = new();

        /// <summary>Cancelled when the connection is evicted and so must end.</summary>
        public CancellationToken Evicted => _evicted?.Token ?? CancellationToken.None;

        /// <summary>Whether it has sent a hello that can be served.</summary>
        public bool HasSentHello { get; set; }

        /// <summary>The records of its source, last, and of the networks around it, the widest first; empty for a trusted address.</summary>
        internal IReadOnlyList<SourceRecord> Levels => levels;

        internal long AcquiredAt => acquiredAt;

        /// <summary>When its session was established; null before that.</summary>
        internal long? EstablishedAt { get; set; }

        internal bool IsProven { get; set; }

        internal bool IsEnded { get; set; }

        /// <summary>Its session is established: from now on the client may stay silent, as <c>xpra _monitor</c> of 3.1 does, until its slot is needed.</summary>
        public void MarkEstablished() => guard.MarkEstablished(this);

        /// <summary>Frees the slot: the key is proven.</summary>
        public void MarkProven() => guard.MarkProven(this);

        /// <summary>Frees the slot: there is no key to prove.</summary>
        public void Release() => guard.Release(this);

        /// <summary>Frees the slot: the connection has ended.</summary>
        public void Dispose() => guard.End(this);

        /// <summary>The load of its source or network at that level; an IPv4 source has one level only.</summary>
        internal int Load(int level) => level < levels.Count ? levels[level].Load : FirstConnectionLoad;

        // Not awaited: the newcomer need not wait until the evicted connection has ended.
        internal void Evict() => _ = _evicted?.CancelAsync();

        internal void Keep() => _evicted = null;
    }
}
