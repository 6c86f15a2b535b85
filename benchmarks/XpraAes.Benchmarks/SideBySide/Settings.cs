namespace XpraAes.Benchmarks.SideBySide;

/// <summary>How long to measure.</summary>
internal sealed record Settings(bool Quick, int Minutes)
{
    /// <summary>Interleaved runs of which the median counts.</summary>
    public int Rounds { get; init; } = Quick ? 3 : 5;

    /// <summary>Of one measurement.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(Quick ? 0.25 : 1.2);

    /// <summary>Before the first of its kind, while .NET compiles.</summary>
    public TimeSpan WarmUp { get; } = TimeSpan.FromSeconds(2);

    /// <summary>Of a flood, before it is measured.</summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromSeconds(Quick ? 0.06 : 0.3);

    /// <summary>For what is compared in seconds in which other machines beside this one may come and go: more rounds, each shorter, once the buffers of a new connection have found their size.</summary>
    public Settings InShortTurns => this with { Rounds = 2 * Rounds - 1, Time = Quick ? Time : Time / 2, Settling = TimeSpan.FromSeconds(0.4) };

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    /// <summary>The median of several measurements, taken in turns.</summary>
    public double[] Medians(params Func<double>[] measurements)
    {
        var results = measurements.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < measurements.Length; i++)
                results[i].Add(measurements[i]());
        }
        return [.. results.Select(Median)];
    }
}
