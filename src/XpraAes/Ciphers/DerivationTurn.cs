namespace XpraAes.Ciphers;

/// <summary>A derivation that waits for its turn, and then runs.</summary>
internal sealed class DerivationTurn(bool isBounded) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
{
    /// <summary>Whether it counts against the number that may wait.</summary>
    public bool IsBounded => isBounded;

    /// <summary>The share of the source that asked for it.</summary>
    public TimeShare? Source { get; set; }

    /// <summary>Where it waits; null once it does not.</summary>
    public LinkedListNode<DerivationTurn>? Place { get; set; }

    /// <summary>Once it runs: the shares that it runs at the expense of, the source's first, and whether each was one that had nothing to catch up with.</summary>
    public List<(TimeShare Share, bool IsNew)> Shares { get; } = [];
}
