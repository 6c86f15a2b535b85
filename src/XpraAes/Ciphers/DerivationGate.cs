using System.Net;

namespace XpraAes.Ciphers;

/// <summary>
/// Lets few PBKDF2 derivations run at a time, off the loops that move packets: strangers can ask for them, and for dear ones. Whoever waits
/// is served so that each source, and of IPv6 each network, gets the same time: an address that asks for dear keys gets fewer.
/// </summary>
/// <param name="concurrency">Derivations at a time.</param>
/// <param name="capacity">Derivations that wait, in all; beyond that the source that has most of them gives way.</param>
/// <param name="isTrusted">Addresses that wait in turns too, but are never sent away.</param>
/// <param name="remembered">Sources of which is remembered what time they have had, beyond those that wait: bounds the memory that strangers can take.</param>
/// <param name="clock">Where the time comes from that a derivation takes: its monotonic part.</param>
internal sealed class DerivationGate(int concurrency, int capacity = int.MaxValue, Func<IPAddress, bool>? isTrusted = null, int remembered = int.MaxValue, TimeProvider? clock = null)
{
    private readonly object _gate = new();
    private readonly TimeShare _all = new();
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private int _running;

    /// <summary>Sources and networks that something is remembered of.</summary>
    public int Remembered
    {
        get
        {
            lock (_gate)
                return _all.Descendants;
        }
    }

    /// <summary>The way in for what one address asks for.</summary>
    public Entrance For(IPAddress source) => new(this, source);

    private async Task<T> RunAsync<T>(IPAddress source, Func<T> derivation, CancellationToken cancellationToken)
    {
        var turn = await EnterAsync(source, cancellationToken).ConfigureAwait(false);
        var started = _clock.GetTimestamp();
        try
        {
            // A handshake goes on from a thread of the pool as a rule, and another would do no better.
            return Thread.CurrentThread.IsThreadPoolThread ? derivation() : await Task.Run(derivation, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            Complete(turn, _clock.GetElapsedTime(started));
        }
    }

    private async Task<DerivationTurn> EnterAsync(IPAddress source, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var turn = new DerivationTurn(isBounded: isTrusted?.Invoke(source) != true);
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
        if (_all.Descendants + levels.Length > remembered)
            _all.Prune(all: false);
        if (_all.Descendants + levels.Length > remembered)
            _all.Prune(all: true);
        var path = _all.PathTo(levels);
        if (turn.IsBounded && _all.Bounded >= capacity)
        {
            var victim = _all.FindVictim(path) ?? throw Overloaded();
            victim.TrySetException(Overloaded());
            victim.Source!.Remove(victim);
        }
        path[^1].Add(turn);
    }

    private void Serve()
    {
        while (_running < concurrency && _all.Waiting > 0)
        {
            _running++;
            _all.Next().TrySetResult();
        }
    }

    private void Complete(DerivationTurn turn, TimeSpan time)
    {
        lock (_gate)
        {
            TimeShare.Charge(turn, time);
            _running--;
            Serve();
        }
    }

    /// <summary>It no longer waits. Where its turn has just come, it is taken after all.</summary>
    private void Cancel(DerivationTurn turn, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (turn.Place is null)
                return;
            turn.Source!.Remove(turn);
            turn.TrySetCanceled(cancellationToken);
        }
    }

    private static OverloadedException Overloaded() => new("Too many clients wait for their keys to be derived.");

    /// <summary>The gate as one address sees it.</summary>
    public readonly struct Entrance(DerivationGate gate, IPAddress source)
    {
        /// <summary>Runs a derivation when the turn of this address comes.</summary>
        /// <exception cref="OverloadedException">Too many wait, and of this address most.</exception>
        public Task<T> RunAsync<T>(Func<T> derivation, CancellationToken cancellationToken) => gate.RunAsync(source, derivation, cancellationToken);
    }
}
