using System.Net;

namespace XpraAes.Ciphers;

/// <summary>
/// Limits concurrent PBKDF2 derivations, which unauthenticated clients can request, and keeps them off the packet loops. Each source (and
/// each IPv6 network) gets an equal share of the time, so one that asks for expensive keys gets fewer of them.
/// </summary>
/// <param name="concurrency">Derivations that run at a time.</param>
/// <param name="capacity">Derivations that may wait, in all; beyond that one of the busiest source is evicted.</param>
/// <param name="isTrusted">Addresses whose derivations are queued as well, but never evicted.</param>
/// <param name="maxTracked">Idle sources whose used time is remembered: bounds the memory that unauthenticated clients can take.</param>
/// <param name="clock">Measures how long a derivation takes, by its monotonic timestamps.</param>
internal sealed class DerivationGate(int concurrency, int capacity = int.MaxValue, Func<IPAddress, bool>? isTrusted = null, int maxTracked = int.MaxValue, TimeProvider? clock = null)
{
    private readonly object _gate = new();
    private readonly FairQueue _queue = new();
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private int _running;
    private long _completed;

    /// <summary>The number of sources and networks that are tracked.</summary>
    public int Tracked
    {
        get
        {
            lock (_gate)
                return _queue.Descendants;
        }
    }

    /// <summary>Derivations that run now, that wait for their turn, and that have ended.</summary>
    public (int Running, int Waiting, long Completed) Load
    {
        get
        {
            lock (_gate)
                return (_running, _queue.Waiting, _completed);
        }
    }

    /// <summary>The gate for derivations that this address asks for.</summary>
    /// <param name="source">The address.</param>
    /// <param name="isAnnounced">Whether a proxy has announced it: then its derivations can be evicted, trusted or not.</param>
    public Entrance For(IPAddress source, bool isAnnounced = false) => new(this, source, isAnnounced || isTrusted?.Invoke(source) != true);

    private async Task<T> RunAsync<T>(IPAddress source, bool isEvictable, Func<T> derivation, CancellationToken cancellationToken)
    {
        var turn = await EnterAsync(source, isEvictable, cancellationToken).ConfigureAwait(false);
        var started = _clock.GetTimestamp();
        try
        {
            // Handshakes usually run on a pool thread already.
            return Thread.CurrentThread.IsThreadPoolThread ? derivation() : await Task.Run(derivation, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            Complete(turn, _clock.GetElapsedTime(started));
        }
    }

    private async Task<DerivationTurn> EnterAsync(IPAddress source, bool isEvictable, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var turn = new DerivationTurn(isEvictable);
        lock (_gate)
        {
            Enqueue(SourceKey.LevelsOf(source), turn);
            Serve();
        }
        using (cancellationToken.UnsafeRegister(_ => Cancel(turn, cancellationToken), null))
            await turn.Task.ConfigureAwait(false);
        return turn;
    }

    private void Enqueue(SourceKey[] levels, DerivationTurn turn)
    {
        if (_queue.Descendants + levels.Length > maxTracked)
            _queue.Prune(all: false);
        if (_queue.Descendants + levels.Length > maxTracked)
            _queue.Prune(all: true);
        var path = _queue.PathTo(levels);
        if (turn.IsEvictable && _queue.Evictable >= capacity)
        {
            var victim = _queue.FindVictim(path) ?? throw Overloaded();
            victim.TrySetException(Overloaded());
            victim.Source!.Remove(victim);
        }
        path[^1].Add(turn);
    }

    private void Serve()
    {
        while (_running < concurrency && _queue.Waiting > 0)
        {
            _running++;
            _queue.Next().TrySetResult();
        }
    }

    private void Complete(DerivationTurn turn, TimeSpan time)
    {
        lock (_gate)
        {
            FairQueue.Charge(turn, time);
            _running--;
            _completed++;
            Serve();
        }
    }

    /// <summary>Does nothing if the derivation has just been let through.</summary>
    private void Cancel(DerivationTurn turn, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (turn.QueueNode is null)
                return;
            turn.Source!.Remove(turn);
            turn.TrySetCanceled(cancellationToken);
        }
    }

    private static OverloadedException Overloaded() => new("Too many clients are waiting for key derivation.");

    /// <summary>The gate as seen by one address.</summary>
    public readonly struct Entrance(DerivationGate gate, IPAddress source, bool isEvictable)
    {
        /// <summary>Runs a derivation when it is this address's turn.</summary>
        /// <exception cref="OverloadedException">Too many are waiting, most of them from this address.</exception>
        public Task<T> RunAsync<T>(Func<T> derivation, CancellationToken cancellationToken) => gate.RunAsync(source, isEvictable, derivation, cancellationToken);
    }
}
