using XpraAes.PowerShell.Watching;

namespace XpraAes.Tests.Watching;

/// <summary>Numbers and charts in a few cells, and rates from counters.</summary>
public sealed class NumberTests
{
    [Theory]
    [InlineData(null, "-")]
    [InlineData(0.0, "0")]
    [InlineData(999.4, "999")]
    [InlineData(999.5, "1.0K")]
    [InlineData(1536.0, "1.5K")]
    [InlineData(102_297.6, "99.9K")]
    [InlineData(102_399.0, "100K")]
    [InlineData(1048576.0 * 999.6, "1.0G")]
    [InlineData(1e18, "888P")]
    public void Amounts_take_five_characters(double? value, string expected) => Assert.Equal(expected, Units.Amount(value));

    [Fact]
    public void No_amount_takes_more()
    {
        for (var value = 0.1; value < 1e18; value *= 1.013)
            Assert.InRange(Units.Amount(value).Length, 1, 5);
    }

    [Theory]
    [InlineData(-3, "0s")]
    [InlineData(59.9, "59s")]
    [InlineData(60, "1m")]
    [InlineData(3599, "59m")]
    [InlineData(86_399, "23h")]
    [InlineData(864_000, "10d")]
    [InlineData(1e9, "999d")]
    public void Ages_take_four_characters(double seconds, string expected) => Assert.Equal(expected, Units.Age(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0.04, "0.0ms")]
    [InlineData(9.94, "9.9ms")]
    [InlineData(9.96, "10ms")]
    [InlineData(999.4, "999ms")]
    [InlineData(999.6, "1.0s")]
    [InlineData(61_000, "61s")]
    public void Latencies_take_six_characters(double milliseconds, string expected) => Assert.Equal(expected, Units.Latency(TimeSpan.FromMilliseconds(milliseconds)));

    [Fact]
    public void A_chart_shows_nothing_as_nothing_and_something_as_something()
    {
        Assert.Equal(" ▁▄█", Sparkline.Draw([0, 0.001, 50, 100], isAscii: false));
        Assert.Equal(" .=#", Sparkline.Draw([0, 0.001, 50, 100], isAscii: true));
        Assert.Equal("   ", Sparkline.Draw([0, 0, 0], isAscii: false));
        Assert.Equal("", Sparkline.Draw([], isAscii: false));
    }

    [Fact]
    public void Rates_are_those_of_the_last_two_samples()
    {
        var history = new RateHistory();
        Assert.Null(history.InRate);
        history.Add(TimeSpan.FromSeconds(10), 1000, 0);
        Assert.Null(history.InRate);
        history.Add(TimeSpan.FromSeconds(12), 3000, 500);
        Assert.Equal(1000, history.InRate);
        Assert.Equal(250, history.OutRate);
        history.Add(TimeSpan.FromSeconds(12), 9000, 500);
        Assert.Equal(1000, history.InRate);
    }

    [Fact]
    public void A_counter_that_falls_is_no_negative_rate()
    {
        var history = new RateHistory();
        history.Add(TimeSpan.FromSeconds(1), 1000, 0);
        history.Add(TimeSpan.FromSeconds(2), 10, 0);
        Assert.Equal(0, history.InRate);
        Assert.All(history.Chart(60), rate => Assert.Equal(0, rate));
    }

    /// <summary>100 B/s until second 100, then 1,000 B/s for 30 s, and nothing for 15 s.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void The_chart_is_of_the_last_minute_whatever_the_interval(int interval)
    {
        var history = new RateHistory();
        for (var second = 0; second <= 145; second += interval)
            history.Add(TimeSpan.FromSeconds(second), 100L * Math.Min(second, 100) + 1000L * Math.Clamp(second - 100, 0, 30), 0);
        var chart = history.Chart(4);
        Assert.Equal([100, 1000, 1000, 0], chart.Select(rate => Math.Round(rate)));
        Assert.Equal((100 * 15 + 1000 * 30) / 60.0, history.Chart(1)[0], 0.001);
    }

    [Fact]
    public void Before_the_first_sample_there_is_nothing()
    {
        var history = new RateHistory();
        history.Add(TimeSpan.FromSeconds(1000), 1_000_000, 0);
        Assert.Equal(new double[6], history.Chart(6));
        history.Add(TimeSpan.FromSeconds(1010), 1_001_000, 0);
        Assert.Equal([0, 0, 0, 0, 0, 100], history.Chart(6));
    }

    [Fact]
    public void A_sum_is_of_what_was_transferred_while_it_was_watched()
    {
        var sum = new TrafficSum<string>();
        sum.Add("old", 1_000_000, 500, isNew: false);
        Assert.Equal((0, 0), sum.Total);
        sum.Add("old", 1_000_010, 505, isNew: true);
        sum.Add("new", 7, 0, isNew: true);
        Assert.Equal((17, 5), sum.Total);
        sum.Keep(["old"]);
        Assert.Equal((17, 5), sum.Total); // what has ended was transferred all the same
        sum.Add("new", 3, 0, isNew: true); // another one
        sum.Add("old", 20, 0, isNew: true); // a counter that fell
        Assert.Equal((20, 5), sum.Total);
        sum.Add("old", 25, 1, isNew: true);
        Assert.Equal((25, 6), sum.Total);
    }

    [Fact]
    public void Refusals_are_those_of_the_last_minute()
    {
        var history = new RefusalHistory();
        List<(string, long)> At(int second, long mismatches, long timeouts)
            => [.. history.Add(TimeSpan.FromSeconds(second), new Dictionary<string, long> { ["KeyMismatch"] = mismatches, ["HandshakeTimeout"] = timeouts })];
        Assert.Empty(At(0, 5, 5));
        Assert.Equal([("KeyMismatch", 2)], At(30, 7, 5));
        Assert.Equal([("HandshakeTimeout", 9), ("KeyMismatch", 2)], At(59, 7, 14));
        Assert.Equal([("HandshakeTimeout", 9)], At(90, 7, 14));
        Assert.Empty(At(120, 7, 14));
    }
}
