namespace XpraAes.Benchmarks.SideBySide;

/// <summary>How long to measure.</summary>
internal sealed record Settings(bool Quick, int Minutes)
{
    /// <summary>The number of interleaved runs, whose median is used.</summary>
    public int Rounds { get; init; } = Quick ? 3 : 5;

    /// <summary>The duration of one measurement.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(Quick ? 0.25 : 1.2);

    /// <summary>Warm-up before the first measurement of a kind, for the JIT compiler.</summary>
    public TimeSpan WarmUp { get; } = TimeSpan.FromSeconds(Quick ? 0.5 : 2);

    /// <summary>The sizes in bytes of the packets that throughput is measured with.</summary>
    public int[] PacketSizes { get; } = Quick ? [16 * 1024] : [1408, 16 * 1024, 256 * 1024];

    /// <summary>Warm-up of a flood before it is measured.</summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromSeconds(Quick ? 0.06 : 0.3);

    /// <summary>For comparisons by wall clock, which other load on the hardware disturbs: more and shorter rounds, after a new connection's buffers have settled.</summary>
    public Settings InShortTurns => Quick ? this : this with { Rounds = 2 * Rounds - 1, Time = Time / 2, Settling = TimeSpan.FromSeconds(0.4) };

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    /// <summary>The medians of several interleaved measurements.</summary>
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
