using System.Net;
using XpraAes.Listening;

namespace XpraAes.Tests.Listening;

/// <summary>Which sources count as proven, and for how long.</summary>
public sealed class ProvenSourcesTests
{
    private static readonly TimeSpan s_memory = TimeSpan.FromHours(1);

    private readonly FakeClock _clock = new();

    [Fact]
    public void A_source_counts_as_proven_until_an_hour_after_the_last_of_its_sessions()
    {
        var proven = new ProvenSources(s_memory, 10, _clock);
        Assert.False(proven.Contains(Source(1)));
        proven.AddSession(Source(1));
        proven.AddSession(Source(1));
        proven.RemoveSession(Source(1));
        _clock.Advance(10 * s_memory);
        Assert.True(proven.Contains(Source(1)));
        proven.RemoveSession(Source(1));
        _clock.Advance(s_memory);
        Assert.True(proven.Contains(Source(1)));
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.False(proven.Contains(Source(1)));
        Assert.Equal(0, proven.Count);
    }

    [Fact]
    public void Capacity_is_bounded_and_the_longest_absent_source_is_removed()
    {
        var proven = new ProvenSources(s_memory, 3, _clock);
        proven.AddSession(Source(0));
        for (var i = 1; i <= 4; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            proven.AddSession(Source(i));
            proven.RemoveSession(Source(i));
        }
        Assert.Equal([true, false, true, true, true], Enumerable.Range(0, 5).Select(i => proven.Contains(Source(i))));
    }

    private static SourceKey Source(int number) => SourceKey.Of(new IPAddress([10, 0, 0, (byte)number]));
}
