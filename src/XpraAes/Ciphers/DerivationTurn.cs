namespace XpraAes.Ciphers;

/// <summary>A derivation that waits in the <see cref="FairQueue"/> or runs; completes when it may run.</summary>
internal sealed class DerivationTurn(bool isEvictable) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
{
    /// <summary>Whether it counts towards the queue's capacity and can be evicted; false for trusted addresses.</summary>
    public bool IsEvictable => isEvictable;

    /// <summary>The queue of the source that asked for it.</summary>
    public FairQueue? Source { get; set; }

    /// <summary>Its place in the source's queue; null once it no longer waits.</summary>
    public LinkedListNode<DerivationTurn>? QueueNode { get; set; }

    /// <summary>Set once it runs: the nodes that its time is charged to, the source's first, and whether each had no debt when it was served.</summary>
    public List<(FairQueue Node, bool IsNew)> Charged { get; } = [];
}
