using System.Net;

namespace XpraAes.Tests;

/// <summary>Which addresses count as one source, and towards which networks.</summary>
public sealed class SourceKeyTests
{
    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("255.255.255.255", "255.255.255.255")]
    [InlineData("::1", "::/48", "::/56", "::/64")]
    [InlineData("2001:db8:1:2345:6789:abcd:ef01:2345", "2001:db8:1::/48", "2001:db8:1:2300::/56", "2001:db8:1:2345::/64")]
    [InlineData("fe80::1%3", "fe80::/48", "fe80::/56", "fe80::/64")]
    public void An_address_counts_for_itself_or_for_its_networks(string address, params string[] levels)
    {
        Assert.Equal(levels, SourceKey.LevelsOf(IPAddress.Parse(address)).Select(level => level.ToString()));
        Assert.Equal(levels[^1], SourceKey.Of(IPAddress.Parse(address)).ToString());
    }

    [Theory]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    [InlineData("::1", "0.0.0.1", false)]
    public void One_source_has_one_key(string one, string other, bool same)
    {
        var (first, second) = (SourceKey.Of(IPAddress.Parse(one)), SourceKey.Of(IPAddress.Parse(other)));
        Assert.Equal(same, first == second);
        Assert.Equal(same, first.GetHashCode() == second.GetHashCode());
    }

    [Fact]
    public void A_network_differs_from_the_smaller_ones_in_it_with_the_same_prefix()
        => Assert.Equal(3, SourceKey.LevelsOf(IPAddress.Parse("2001:db8::1")).Distinct().Count());
}
