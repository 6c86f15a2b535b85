namespace XpraAes.Ciphers;

/// <summary>
/// The share of one source in the time that derivations take, or of a network, whose sources share what it gets. Shares are equal:
/// start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) in each network, and between them. Each time a share is served, its start
/// moves on by the time that it took, and of those that wait the one with the earliest start is next. Who comes after a pause starts
/// where the others have come to: neither with what it did not use, nor rid of what it used too much.
/// </summary>
internal sealed class TimeShare(TimeShare? parent = null, SourceKey key = default)
{
    /// <summary>Who comes for the first time comes before all who have been served, and would for ever, where such ones come for ever. So they make the others' time pass too, at this fraction of their own.</summary>
    private const int NewcomerCostDivisor = 4;

    private readonly Dictionary<SourceKey, TimeShare> _parts = [];
    private readonly List<TimeShare> _waitingParts = []; // the one that was served last comes last
    private readonly LinkedList<DerivationTurn> _line = new(); // of a single source
    private TimeSpan _progress; // the start of the part that was served last
    private TimeSpan _start; // in the progress of the parent
    private int _running;
    private int _activeParts;

    /// <summary>Derivations that wait.</summary>
    public int Waiting { get; private set; }

    /// <summary>Those of them that count against the number that may wait.</summary>
    public int Bounded { get; private set; }

    /// <summary>Shares that are remembered within it.</summary>
    public int Descendants { get; private set; }

    private TimeShare? Parent => parent;

    private bool IsIdle => Waiting + _running == 0;

    /// <summary>The share of a source, last, and before it those of the networks around it, the widest first.</summary>
    public TimeShare[] PathTo(SourceKey[] levels)
    {
        var path = new TimeShare[levels.Length];
        for (var (i, share) = (0, this); i < levels.Length; i++)
        {
            if (!share._parts.TryGetValue(levels[i], out var part))
            {
                share._parts[levels[i]] = part = new TimeShare(share, levels[i]);
                share.Resize(1);
            }
            path[i] = share = part;
        }
        return path;
    }

    /// <summary>Lets a derivation wait for the turn of this source.</summary>
    public void Add(DerivationTurn turn)
    {
        turn.Source = this;
        turn.Place = _line.AddLast(turn);
        for (var part = this; part is not null; part = part.Parent)
        {
            if (part is { IsIdle: true, Parent: { } outer })
            {
                part._start = Max(part._start, outer._progress);
                outer._activeParts++;
            }
            part.Count(turn, 1);
            if (part.Waiting == 1)
                part.Parent?._waitingParts.Add(part);
        }
    }

    /// <summary>Lets a derivation of this source wait no longer.</summary>
    public void Remove(DerivationTurn turn)
    {
        _line.Remove(turn.Place!);
        turn.Place = null;
        for (var part = this; part is not null; part = part.Parent)
        {
            part.Count(turn, -1);
            if (part.Waiting == 0)
                part.Parent?._waitingParts.Remove(part);
            part.SettleIfIdle();
        }
    }

    /// <summary>Takes the next turn, of the part whose turn it is; there is one that waits.</summary>
    public DerivationTurn Next()
    {
        DerivationTurn turn;
        if (_line.First is { } first)
        {
            turn = first.Value;
            _line.Remove(first);
            turn.Place = null;
        }
        else
        {
            // Where several run at a time, the others first: what runs has not been counted yet.
            var part = _waitingParts.MinBy(part => (part._running, part._start))!;
            _waitingParts.Remove(part);
            turn = part.Next();
            turn.Shares.Add((part, IsNew: part._start <= _progress));
            _progress = Max(_progress, part._start);
            part._running++;
            if (part.Waiting > 0)
                _waitingParts.Add(part);
        }
        Count(turn, -1);
        return turn;
    }

    /// <summary>Counts what a derivation has taken.</summary>
    public static void Charge(DerivationTurn turn, TimeSpan time)
    {
        foreach (var (part, isNew) in turn.Shares)
        {
            var outer = part.Parent!;
            if (isNew)
                outer._progress += time / (NewcomerCostDivisor * outer._activeParts);
            part._start += time;
            part._running--;
            part.SettleIfIdle();
        }
    }

    /// <summary>The last of the bounded turns of the busiest source in the busiest network, where these have more waiting than those on the path of a newcomer; null where they do not.</summary>
    public DerivationTurn? FindVictim(TimeShare[] newcomer)
    {
        var share = this;
        var isShared = true;
        for (var level = 0; share._parts.Count > 0; level++)
        {
            // Of equals the one whose turn comes last.
            if (share._waitingParts.AsEnumerable().Reverse().MaxBy(part => part.Bounded) is not { Bounded: > 0 } busiest)
                return null;
            if (isShared && busiest != newcomer[level] && busiest.Bounded <= newcomer[level].Bounded)
                return null;
            isShared = isShared && busiest == newcomer[level];
            share = busiest;
        }
        return isShared ? null : share._line.Last!.Value;
    }

    /// <summary>Forgets the shares in which nothing waits or runs: those that others have caught up with, or all.</summary>
    public void Prune(bool all)
    {
        foreach (var part in _parts.Values.ToArray())
        {
            if (part.IsIdle && (all || part._start <= _progress))
                part.Detach();
            else
                part.Prune(all);
        }
    }

    private void Count(DerivationTurn turn, int by)
    {
        Waiting += by;
        if (turn.IsBounded)
            Bounded += by;
    }

    private void SettleIfIdle()
    {
        if (parent is null || !IsIdle)
            return;
        parent._activeParts--;
        if (_start <= parent._progress)
            Detach();
    }

    private void Detach()
    {
        parent!._parts.Remove(key);
        parent.Resize(-1 - Descendants);
    }

    private void Resize(int by)
    {
        for (var share = this; share is not null; share = share.Parent)
            share.Descendants += by;
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
