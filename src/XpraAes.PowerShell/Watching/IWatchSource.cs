namespace XpraAes.PowerShell.Watching;

/// <summary>What is watched.</summary>
internal interface IWatchSource
{
    /// <summary>Whether another sample is worth taking: it shows rates, or nothing can be expected any more.</summary>
    bool HasRates { get; }

    /// <summary>Reads the counters. Takes little time, and waits for nothing.</summary>
    /// <param name="time">The time since some start, for rates.</param>
    WatchSnapshot Sample(TimeSpan time);
}
