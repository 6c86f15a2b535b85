using System.Net;

namespace XpraAes.Listening;

/// <summary>
/// Shares the places of connections that have proven nothing between the sources they come from, remembers each source's failures of
/// late, and says who may come in. Where all places are taken, the source gives way that has come most often of late and proven nothing,
/// and of IPv6 the network that has: so a flood has to give way to itself, and who comes for the first time finds a place. Among those
/// that come for the first time a newcomer waits until one has had time to prove itself: so many at once do not chase each other away.
/// </summary>
/// <remarks>
/// A source that has proven the key of late is slowed where others are blocked. Otherwise whoever shares its address, behind the same router
/// or in a page that its user looks at, could lock it out with five broken packets. What they gain by its proof is to go on with such
/// packets, as many as a delay of <see cref="Limits.LongestDelay"/> and the places allow, and to have all places while nobody else wants
/// one. It is no way to guess passwords: a wrong one comes from one who holds the key, and blocks a proven source too.
/// </remarks>
/// <param name="limits">The bounds.</param>
/// <param name="isTrusted">Addresses that no bound applies to: those of a proxy, behind which everyone is the same address.</param>
/// <param name="clock">Where the time comes from: its monotonic part, which no change of the date touches.</param>
internal sealed class SourceGuard(Limits limits, Func<IPAddress, bool> isTrusted, TimeProvider clock)
{
    /// <summary>What a source weighs with its first connection.</summary>
    private const int FirstConnectionLoad = 1;

    /// <summary>Failures of one source that are remembered, where no more are needed to block it: with them it waits as long as any; arbitrary.</summary>
    private const int MaxTrackedFailures = 100;

    private readonly object _gate = new();
    private readonly Dictionary<SourceKey, SourceRecord> _sources = [];
    private readonly ProvenSources _proven = new(limits.ProvenMemory, limits.RememberedSources, clock);
    private readonly List<Slot> _slots = []; // the oldest first
    private TaskCompletionSource? _slotFreed; // for those who wait for one

    /// <summary>Sources and networks that something is remembered of, but for their proof.</summary>
    public int Remembered
    {
        get
        {
            lock (_gate)
                return _sources.Count;
        }
    }

    /// <summary>Takes a place for a new connection as <see cref="TryAcquire"/> does, and waits for it, <see cref="Limits.NewSourceGracePeriod"/> at the most, where it must.</summary>
    public async ValueTask<Slot?> AcquireAsync(IPAddress address)
    {
        while (true)
        {
            var slot = TryAcquire(address, out var later);
            if (later is null)
                return slot;
            // That its time is over is no failure.
            await later.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Takes a place for a new connection, at the cost of another one where that is fair; null: it must not come in, or not yet. It is given back by <see cref="Slot.Dispose"/>.</summary>
    /// <param name="address">Where it comes from.</param>
    /// <param name="later">Is over when it is worth trying again; null: it is decided.</param>
    public Slot? TryAcquire(IPAddress address, out Task? later)
    {
        later = null;
        if (isTrusted(address))
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
                // Its own handshakes under way are soon over. Silent sessions may never be. A proven source may have more: strangers
                // who share its address could have taken these. It gives way to others all the sooner.
                if (source?.Unproven >= limits.UnprovenConnectionsPerSource && (victim = _slots.Find(slot => IsSilent(slot) && slot.Levels[^1] == source)) is null && !_proven.Contains(source.Key))
                    return null;
                if (victim is null && _slots.Count >= limits.UnprovenConnections)
                {
                    SourceRecord?[] newcomer = [.. levels.Select(Lookup)];
                    if (FindVictim(newcomer) is not { } found)
                        return null;
                    if (newcomer[0] is null or { Load: 0 } && found.Levels[0].Load == FirstConnectionLoad && limits.NewSourceGracePeriod - clock.GetElapsedTime(found.EnteredAt) is var rest && rest > TimeSpan.Zero)
                    {
                        _slotFreed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                        later = _slotFreed.Task.WaitAsync(TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds)));
                        return null;
                    }
                    victim = found;
                }
                if (victim is not null)
                    ReleaseSlot(victim, mayBeFlood: true);
                var taken = new Slot(this, [.. levels.Select(Occupy)], clock.GetTimestamp());
                _slots.Add(taken);
                return taken;
            }
        }
        finally
        {
            victim?.Evict();
        }
    }

    /// <summary>How long to let this address wait before it is served: grows with its failures of late, and with those of the networks around it, which are never blocked as a whole.</summary>
    public TimeSpan DelayFor(IPAddress address)
    {
        if (isTrusted(address))
            return TimeSpan.Zero;
        lock (_gate)
        {
            var failures = SourceKey.LevelsOf(address).Max(key => Lookup(key)?.Failures.Count ?? 0);
            var delay = failures * limits.DelayPerFailure;
            return delay < limits.LongestDelay ? delay : limits.LongestDelay;
        }
    }

    /// <summary>Remembers a failure: a malformed or undecryptable packet, or a wrong response; never a plain close. True: the address is blocked from here on.</summary>
    /// <param name="address">Where it came from.</param>
    /// <param name="isPasswordFailure">Whether it was a wrong password, which only who holds the key can give: it counts against a source that has proven the key too.</param>
    public bool RecordFailure(IPAddress address, bool isPasswordFailure = false)
    {
        if (isTrusted(address))
            return false;
        lock (_gate)
        {
            SourceRecord source = null!;
            foreach (var key in SourceKey.LevelsOf(address))
            {
                source = Remember(key);
                source.Fail(clock.GetTimestamp(), isPasswordFailure, Math.Max(limits.FailuresBeforeBlock, MaxTrackedFailures));
            }
            // The source itself is the last of them.
            var guessesPasswords = source.PasswordFailures.Count >= limits.FailuresBeforeBlock;
            var blocks = guessesPasswords || source.Failures.Count >= limits.FailuresBeforeBlock && !_proven.Contains(source.Key);
            if (!blocks || IsBlocked(source))
                return false;
            (source.Blocked, source.BlocksProven) = (clock.GetTimestamp(), guessesPasswords);
            return true;
        }
    }

    /// <summary>The source, of IPv6 the widest network, of which it is to be said that a client was turned away: once in <see cref="Limits.FailureWindow"/>. Null: it has been said, or that the source is blocked has.</summary>
    public SourceKey? TryReportRejection(IPAddress address)
    {
        lock (_gate)
        {
            var levels = SourceKey.LevelsOf(address);
            if (IsBlocked(Lookup(levels[^1])))
                return null;
            var crowd = Remember(levels[0]);
            if (crowd.ReportedAt is not null)
                return null;
            crowd.ReportedAt = clock.GetTimestamp();
            return crowd.Key;
        }
    }

    private bool IsBlocked(SourceRecord? source) => source is { Blocked: not null } && (source.BlocksProven || !_proven.Contains(source.Key));

    /// <summary>The connection that gives way to a newcomer: of the busiest network, in it of the busiest source, the one that has come least far, of these the oldest. Null: the newcomer's own weighs most.</summary>
    /// <param name="newcomer">What is remembered of its source and of the networks around it, the widest first.</param>
    private Slot? FindVictim(SourceRecord?[] newcomer)
    {
        if (_slots.MaxBy(slot => (slot.Load(0), slot.Load(1), slot.Load(2), Idleness(slot))) is not { } busiest)
            return null;
        // Of a network that both are in, one of both stays: that makes no difference to it, but to those within it.
        var level = 0;
        while (level < newcomer.Length && busiest.Levels[level] == newcomer[level])
            level++;
        return level < newcomer.Length && busiest.Load(level) >= (newcomer[level]?.Load ?? 0) + 1 ? busiest : null;
    }

    /// <summary>What is remembered of a source, without what is too old. Null: nothing.</summary>
    private SourceRecord? Lookup(SourceKey key)
    {
        if (!_sources.TryGetValue(key, out var source))
            return null;
        source.Forget(IsOld);
        if (!source.IsEmpty)
            return source;
        _sources.Remove(key);
        return null;
    }

    private SourceRecord Remember(SourceKey key)
    {
        if (Lookup(key) is { } known)
            return known;
        if (_sources.Count >= limits.RememberedSources)
            Prune();
        return _sources[key] = new SourceRecord(key);
    }

    /// <summary>Forgets some, many at once so that it costs little each time: those that a network around them stands for, then those that are not blocked, and where that is nobody, all. Those with connections stay.</summary>
    private void Prune()
    {
        foreach (var some in new Func<SourceRecord, bool>[] { source => source.Blocked is null && !source.Key.IsWidest, source => source.Blocked is null, _ => true })
        {
            foreach (var (key, source) in _sources)
            {
                if (source.Unproven == 0 && some(source))
                    _sources.Remove(key);
            }
            if (_sources.Count < limits.RememberedSources)
                return;
        }
    }

    /// <summary>Whether its session has stood for longer than any packet of a handshake may take, without one.</summary>
    private bool IsSilent(Slot slot) => slot.EstablishedAt is { } since && clock.GetElapsedTime(since) > limits.HandshakeTimeout;

    /// <summary>How little a connection has done: one that has stood for a moment has done most, one that stands and is silent nothing.</summary>
    private int Idleness(Slot slot) => IsSilent(slot) ? 3 : slot.EstablishedAt is not null ? 0 : slot.HasSentHello ? 1 : 2;

    private bool IsOld(long timestamp) => clock.GetElapsedTime(timestamp) > limits.FailureWindow;

    private void MarkEstablished(Slot slot)
    {
        lock (_gate)
            slot.EstablishedAt = clock.GetTimestamp();
    }

    private void MarkProven(Slot slot)
    {
        lock (_gate)
        {
            ReleaseSlot(slot, mayBeFlood: false);
            if (slot is { IsProven: false, IsEnded: false, Levels: [.., var source] })
            {
                slot.IsProven = true;
                _proven.Enter(source.Key);
            }
        }
    }

    private void Release(Slot slot)
    {
        lock (_gate)
            ReleaseSlot(slot, mayBeFlood: false);
    }

    private void End(Slot slot)
    {
        lock (_gate)
        {
            ReleaseSlot(slot, mayBeFlood: true);
            if (slot is { IsProven: true, IsEnded: false })
                _proven.Leave(slot.Levels[^1].Key);
            slot.IsEnded = true;
        }
    }

    private SourceRecord Occupy(SourceKey key)
    {
        var source = Remember(key);
        source.Unproven++;
        return source;
    }

    private void ReleaseSlot(Slot slot, bool mayBeFlood)
    {
        if (!_slots.Remove(slot))
            return;
        // Who holds the key is no flood. Of the networks around it only what came from there is forgiven.
        var forgiven = slot.Levels[^1].Ended;
        foreach (var source in slot.Levels)
        {
            source.Unproven--;
            if (source.Ended == 0)
                source.CountedSince = clock.GetTimestamp();
            source.Ended = mayBeFlood ? source.Ended + 1 : Math.Max(0, source.Ended - forgiven);
            Lookup(source.Key);
        }
        _slotFreed?.TrySetResult();
        _slotFreed = null;
    }

    /// <summary>The place of one connection that has proven nothing yet.</summary>
    public sealed class Slot(SourceGuard guard, IReadOnlyList<SourceRecord> levels, long enteredAt) : IDisposable
    {
        private readonly CancellationTokenSource _evicted = new();

        /// <summary>Cancelled when the connection has to give way to another one, and so must end.</summary>
        public CancellationToken Evicted => _evicted.Token;

        /// <summary>Whether it has sent a hello that can be served.</summary>
        public bool HasSentHello { get; set; }

        /// <summary>The source that it counts for, last, and before it the networks around it, the widest first; none where no bound applies to it.</summary>
        internal IReadOnlyList<SourceRecord> Levels => levels;

        /// <summary>When it took its place.</summary>
        internal long EnteredAt => enteredAt;

        /// <summary>When its session stood; null before.</summary>
        internal long? EstablishedAt { get; set; }

        internal bool IsProven { get; set; }

        internal bool IsEnded { get; set; }

        /// <summary>Its session stands: a client may be silent from then on, as <c>xpra _monitor</c> of 3.1 is, while its place is not needed.</summary>
        public void MarkEstablished() => guard.MarkEstablished(this);

        /// <summary>Gives the place back for good: the key is proven.</summary>
        public void MarkProven() => guard.MarkProven(this);

        /// <summary>Gives the place back for good: there is nothing to prove.</summary>
        public void Release() => guard.Release(this);

        /// <summary>Gives the place back: the connection has ended.</summary>
        public void Dispose() => guard.End(this);

        /// <summary>What the source, or the network of that level, weighs: of IPv4, which has none around it, one address in that of its level.</summary>
        internal int Load(int level) => level < levels.Count ? levels[level].Load : FirstConnectionLoad;

        // What it ends need not be waited for by whom it makes room for.
        internal void Evict() => _ = _evicted.CancelAsync();
    }
}
