namespace XpraAes.PowerShell.Watching;

/// <summary>Everything that is shown at one time.</summary>
internal sealed record WatchSnapshot
{
    /// <summary>The time of day.</summary>
    public required DateTime Time { get; init; }

    /// <summary>What the places are called: <c>listener</c>, <c>gateway</c> or <c>server</c>.</summary>
    public required string PlaceKind { get; init; }

    /// <summary>Listeners, processes or servers.</summary>
    public required IReadOnlyList<PlaceRow> Places { get; init; }

    /// <summary>Sessions or clients.</summary>
    public required IReadOnlyList<SessionRow> Sessions { get; init; }

    /// <summary>What all sessions have transferred.</summary>
    public required RateHistory Traffic { get; init; }

    /// <summary>The refusals of the last minute by their cause, the most frequent first; null where that is not known.</summary>
    public IReadOnlyList<(string Cause, long Count)>? Refusals { get; init; }

    /// <summary>How many sessions there are that are not shown.</summary>
    public int Withheld => Withholding.Sum(place => place.Sessions ?? 0);

    /// <summary>Bytes a second, received and sent, of all sessions.</summary>
    public (double In, double Out) Rates
    {
        get
        {
            var all = Sessions.Select(row => row.Traffic).Concat(Withholding.Select(place => place.Traffic).OfType<RateHistory>()).ToArray();
            return (all.Sum(traffic => traffic.InRate ?? 0), all.Sum(traffic => traffic.OutRate ?? 0));
        }
    }

    private IEnumerable<PlaceRow> Withholding => Places.Where(place => place.WithholdsSessions);

    /// <summary>Further facts about the process, such as its memory.</summary>
    public IReadOnlyList<string> Facts { get; init; } = [];
}
