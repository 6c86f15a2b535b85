namespace XpraAes.PowerShell.Watching;

/// <summary>Rates from counters that only grow, over the last minute.</summary>
internal sealed class RateHistory
{
    /// <summary>How far it goes back.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromMinutes(1);

    private readonly List<(TimeSpan Time, long In, long Out)> _samples = [];

    /// <summary>Bytes received in a second, by the last two samples; null before there are two.</summary>
    public double? InRate => Rate(sample => sample.In);

    /// <summary>Bytes sent in a second, by the last two samples; null before there are two.</summary>
    public double? OutRate => Rate(sample => sample.Out);

    /// <summary>Adds what the counters show at a time, which never goes back.</summary>
    public void Add(TimeSpan time, long bytesIn, long bytesOut)
    {
        if (_samples.Count > 0 && time <= _samples[^1].Time)
            return;
        _samples.Add((time, bytesIn, bytesOut));
        // One before the minute is kept, as the value with which the minute begins.
        var old = _samples.FindLastIndex(sample => sample.Time <= time - Length);
        if (old > 0)
            _samples.RemoveRange(0, old);
    }

    /// <summary>A copy in which nothing was transferred after the last sample.</summary>
    public RateHistory AtRest()
    {
        var copy = new RateHistory();
        copy._samples.AddRange(_samples);
        if (_samples is [.., var last])
            copy.Add(last.Time + TimeSpan.FromSeconds(1), last.In, last.Out);
        return copy;
    }

    /// <summary>The last minute's mean rates, both directions together, in that many equal parts, oldest first; 0 for the time before the first sample.</summary>
    public double[] Chart(int parts)
    {
        var chart = new double[parts];
        if (_samples.Count < 2 || parts == 0)
            return chart;
        var part = Length / parts;
        var (next, before) = (0, 0.0);
        for (var i = 0; i <= parts; i++)
        {
            var total = TotalAt(_samples[^1].Time - Length + part * i, ref next);
            if (i > 0)
                chart[i - 1] = Math.Max(0, total - before) / part.TotalSeconds;
            before = total;
        }
        return chart;
    }

    /// <summary>The counters' sum at a time, in a straight line between two samples.</summary>
    /// <param name="time">The time.</param>
    /// <param name="next">The first sample that may be after it; the times of successive calls grow.</param>
    private double TotalAt(TimeSpan time, ref int next)
    {
        while (next < _samples.Count && _samples[next].Time < time)
            next++;
        if (next == 0 || next == _samples.Count)
            return Total(_samples[next == 0 ? 0 : ^1]);
        var (from, to) = (_samples[next - 1], _samples[next]);
        return Total(from) + (Total(to) - Total(from)) * ((time - from.Time) / (to.Time - from.Time));
    }

    private static double Total((TimeSpan Time, long In, long Out) sample) => (double)sample.In + sample.Out;

    private double? Rate(Func<(TimeSpan Time, long In, long Out), long> counter)
        => _samples is [.., var from, var to] ? Math.Max(0, counter(to) - counter(from)) / (to.Time - from.Time).TotalSeconds : null;
}
