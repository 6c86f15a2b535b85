namespace XpraAes.PowerShell.Watching;

/// <summary>Everything that is shown at one time.</summary>
internal sealed record WatchSnapshot
{
    /// <summary>The time of day.</summary>
    public required DateTime Time { get; init; }

    /// <summary>What the places are called: <c>listener</c> or <c>server</c>.</summary>
    public required string PlaceKind { get; init; }

    /// <summary>Listeners or servers.</summary>
    public required IReadOnlyList<PlaceRow> Places { get; init; }

    /// <summary>Sessions or clients.</summary>
    public required IReadOnlyList<SessionRow> Sessions { get; init; }

    /// <summary>What all sessions have transferred.</summary>
    public required RateHistory Traffic { get; init; }

    /// <summary>The refusals of the last minute by their cause, the most frequent first; null where that is not known.</summary>
    public IReadOnlyList<(string Cause, long Count)>? Refusals { get; init; }

    /// <summary>Further facts about the process, such as its memory.</summary>
    public IReadOnlyList<string> Facts { get; init; } = [];
}
