namespace XpraAes.Ciphers;

/// <summary>
/// One node of a hierarchical fair queue for derivation time: a source (leaf), or a network whose sources share its time equally.
/// Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): the waiting child with the earliest start tag is served next, and its
/// tag advances by the time it used. A child that was idle neither saves up unused time nor sheds its debt.
/// </summary>
internal sealed class FairQueue(FairQueue? parent = null, SourceKey key = default)
{
    /// <summary>New sources go first, so an endless supply of them would starve the others: each advances the virtual time by this fraction of its cost, so that the others' turns come too.</summary>
    private const int NewcomerCostDivisor = 4;

    private readonly Dictionary<SourceKey, FairQueue> _children = [];
    private readonly List<FairQueue> _waitingChildren = []; // least recently served first
    private readonly LinkedList<DerivationTurn> _turns = new(); // leaves only
    private TimeSpan _virtualTime; // start tag of the child served last
    private TimeSpan _startTag; // in the parent's virtual time
    private int _running;
    private int _activeChildren;

    /// <summary>The number of waiting derivations.</summary>
    public int Waiting { get; private set; }

    /// <summary>How many of them can be evicted.</summary>
    public int Evictable { get; private set; }

    /// <summary>The number of nodes below this one.</summary>
    public int Descendants { get; private set; }

    private FairQueue? Parent => parent;

    private bool IsIdle => Waiting + _running == 0;

    /// <summary>The nodes from the widest network down to the source; missing ones are made.</summary>
    public FairQueue[] PathTo(SourceKey[] levels)
    {
        var path = new FairQueue[levels.Length];
        for (var (i, node) = (0, this); i < levels.Length; i++)
        {
            if (!node._children.TryGetValue(levels[i], out var child))
            {
                node._children[levels[i]] = child = new FairQueue(node, levels[i]);
                node.Resize(1);
            }
            path[i] = node = child;
        }
        return path;
    }

    /// <summary>Queues a derivation of this source.</summary>
    public void Add(DerivationTurn turn)
    {
        turn.Source = this;
        turn.QueueNode = _turns.AddLast(turn);
        for (var node = this; node is not null; node = node.Parent)
        {
            if (node is { IsIdle: true, Parent: { } outer })
            {
                node._startTag = Max(node._startTag, outer._virtualTime);
                outer._activeChildren++;
            }
            node.Count(turn, 1);
            if (node.Waiting == 1)
                node.Parent?._waitingChildren.Add(node);
        }
    }

    /// <summary>Takes a waiting derivation of this source out of the queue.</summary>
    public void Remove(DerivationTurn turn)
    {
        _turns.Remove(turn.QueueNode!);
        turn.QueueNode = null;
        for (var node = this; node is not null; node = node.Parent)
        {
            node.Count(turn, -1);
            if (node.Waiting == 0)
                node.Parent?._waitingChildren.Remove(node);
            node.DeactivateIfIdle();
        }
    }

    /// <summary>Dequeues the next derivation; at least one must be waiting.</summary>
    public DerivationTurn Next()
    {
        DerivationTurn turn;
        if (_turns.First is { } first)
        {
            turn = first.Value;
            _turns.Remove(first);
            turn.QueueNode = null;
        }
        else
        {
            // Fewest running first: running derivations are charged only when they end.
            var child = _waitingChildren.MinBy(child => (child._running, child._startTag))!;
            _waitingChildren.Remove(child);
            turn = child.Next();
            turn.Charged.Add((child, IsNew: child._startTag <= _virtualTime));
            _virtualTime = Max(_virtualTime, child._startTag);
            child._running++;
            if (child.Waiting > 0)
                _waitingChildren.Add(child);
        }
        Count(turn, -1);
        return turn;
    }

    /// <summary>Charges the time that a finished derivation took.</summary>
    public static void Charge(DerivationTurn turn, TimeSpan time)
    {
        foreach (var (node, isNew) in turn.Charged)
        {
            var outer = node.Parent!;
            if (isNew)
                outer._virtualTime += time / (NewcomerCostDivisor * outer._activeChildren);
            node._startTag += time;
            node._running--;
            node.DeactivateIfIdle();
        }
    }

    /// <summary>The last evictable derivation of the busiest source in the busiest network; null if the newcomer's own path is at least as busy.</summary>
    public DerivationTurn? FindVictim(FairQueue[] newcomer)
    {
        var node = this;
        var isShared = true;
        for (var level = 0; node._children.Count > 0; level++)
        {
            // On a tie, the one served last.
            if (node._waitingChildren.AsEnumerable().Reverse().MaxBy(child => child.Evictable) is not { Evictable: > 0 } busiest)
                return null;
            if (isShared && busiest != newcomer[level] && busiest.Evictable <= newcomer[level].Evictable)
                return null;
            isShared = isShared && busiest == newcomer[level];
            node = busiest;
        }
        return isShared ? null : node._turns.Last!.Value;
    }

    /// <summary>Drops idle nodes: those without debt, or all of them.</summary>
    public void Prune(bool all)
    {
        foreach (var child in _children.Values.ToArray())
        {
            if (child.IsIdle && (all || child._startTag <= _virtualTime))
                child.Detach();
            else
                child.Prune(all);
        }
    }

    private void Count(DerivationTurn turn, int by)
    {
        Waiting += by;
        if (turn.IsEvictable)
            Evictable += by;
    }

    private void DeactivateIfIdle()
    {
        if (parent is null || !IsIdle)
            return;
        parent._activeChildren--;
        if (_startTag <= parent._virtualTime)
            Detach();
    }

    private void Detach()
    {
        parent!._children.Remove(key);
        parent.Resize(-1 - Descendants);
    }

    private void Resize(int by)
    {
        for (var node = this; node is not null; node = node.Parent)
            node.Descendants += by;
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
