namespace XpraAes.Benchmarks.SideBySide;

/// <summary>What came of a goal.</summary>
internal enum Verdict
{
    /// <summary>Reached.</summary>
    Ok,

    /// <summary>Missed.</summary>
    Short,

    /// <summary>Missed, and docs/performance.md shows that it cannot be reached.</summary>
    Limit,

    /// <summary>The program to compare with is not here.</summary>
    Skipped,

    /// <summary>Shown without a goal.</summary>
    Shown,
}
