using System.Net;

namespace XpraAes.Listening;

/// <summary>
/// Lets few PBKDF2 derivations run at a time, off the loops that move packets: strangers can ask for them. Whoever waits is served
/// in turns, one of each address, so that it waits for one derivation of each other address at the most.
/// </summary>
/// <param name="concurrency">Derivations at a time.</param>
/// <param name="capacity">Derivations that wait, in all; beyond that the address that has most of them gives way.</param>
/// <param name="isTrusted">Addresses that wait in turns too, but are never sent away.</param>
internal sealed class DerivationGate(int concurrency, int capacity = int.MaxValue, Func<IPAddress, bool>? isTrusted = null)
{
    private readonly object _gate = new();
    private readonly LinkedList<Line> _turns = new(); // the next to be served first
    private int _running;
    private int _waiting;

    /// <summary>What one address waits for, the longest waiting first.</summary>
    private sealed class Line(IPAddress source, bool isBounded) : LinkedList<TaskCompletionSource>
    {
        public IPAddress Source => source;

        public bool IsBounded => isBounded;
    }

    /// <summary>The way in for what one address asks for.</summary>
    public Entrance For(IPAddress source) => new(this, source);

    private async Task<T> RunAsync<T>(IPAddress source, Func<T> derivation, CancellationToken cancellationToken)
    {
        await EnterAsync(source, cancellationToken).ConfigureAwait(false);
        try
        {
            // A handshake goes on from a thread of the pool as a rule, and another would do no better.
            return Thread.CurrentThread.IsThreadPoolThread ? derivation() : await Task.Run(derivation, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            Leave();
        }
    }

    private async Task EnterAsync(IPAddress source, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_running < concurrency)
            {
                _running++;
                return;
            }
            Enqueue(source, turn);
        }
        using (cancellationToken.UnsafeRegister(_ => GiveUp(source, turn, cancellationToken), null))
            await turn.Task.ConfigureAwait(false);
    }

    private void Enqueue(IPAddress source, TaskCompletionSource turn)
    {
        var line = LineOf(source) ?? new Line(source, isTrusted?.Invoke(source) != true);
        if (line.IsBounded && _waiting >= capacity)
        {
            var longest = _turns.Where(other => other.IsBounded).MaxBy(other => other.Count);
            if (longest is null || longest.Count <= line.Count)
                throw TooMany();
            longest.Last!.Value.TrySetException(TooMany());
            Remove(longest, longest.Last);
        }
        if (line.Count == 0)
            _turns.AddLast(line);
        line.AddLast(turn);
        if (line.IsBounded)
            _waiting++;
    }

    private void Leave()
    {
        lock (_gate)
        {
            if (_turns.First?.Value is not { } line)
            {
                _running--;
                return;
            }
            line.First!.Value.TrySetResult();
            Remove(line, line.First);
            if (line.Count == 0)
                return;
            _turns.Remove(line);
            _turns.AddLast(line);
        }
    }

    /// <summary>It no longer waits. Where its turn has just come, it is taken after all.</summary>
    private void GiveUp(IPAddress source, TaskCompletionSource turn, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (LineOf(source) is { } line && line.Find(turn) is { } place)
            {
                Remove(line, place);
                turn.TrySetCanceled(cancellationToken);
            }
        }
    }

    private Line? LineOf(IPAddress source) => _turns.FirstOrDefault(line => line.Source.Equals(source));

    private void Remove(Line line, LinkedListNode<TaskCompletionSource> place)
    {
        line.Remove(place);
        if (line.IsBounded)
            _waiting--;
        if (line.Count == 0)
            _turns.Remove(line);
    }

    private static CrowdedException TooMany() => new("Too many clients wait for their keys to be derived.");

    /// <summary>The gate as one address sees it.</summary>
    public readonly struct Entrance(DerivationGate gate, IPAddress source)
    {
        /// <summary>Runs a derivation when the turn of this address comes.</summary>
        /// <exception cref="CrowdedException">Too many wait, and of this address most.</exception>
        public Task<T> RunAsync<T>(Func<T> derivation, CancellationToken cancellationToken) => gate.RunAsync(source, derivation, cancellationToken);
    }
}
