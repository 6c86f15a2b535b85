namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Whether a goal was reached.</summary>
internal enum Verdict
{
    /// <summary>Reached.</summary>
    Ok,

    /// <summary>Missed.</summary>
    Short,

    /// <summary>Missed, and docs/performance.md shows that it cannot be reached.</summary>
    Limit,

    /// <summary>The program to compare with is not installed.</summary>
    Skipped,

    /// <summary>Shown without a goal.</summary>
    Shown,
}
