namespace XpraAes.Benchmarks.SideBySide;

/// <summary>How long to measure.</summary>
internal sealed record Settings(bool Quick, int Minutes)
{
    /// <summary>Interleaved runs of which the median counts.</summary>
    public int Rounds => Quick ? 3 : 5;

    /// <summary>Of one measurement.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(Quick ? 0.25 : 1.2);

    /// <summary>Before the first of its kind, while .NET compiles.</summary>
    public TimeSpan WarmUp => TimeSpan.FromSeconds(Quick ? 0.5 : 2);

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
