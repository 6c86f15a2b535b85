using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Tests.Listening;
using XpraAes.Tests.Logging;
using Stranger = XpraAes.Tests.Reliability.UnauthenticatedClient;

namespace XpraAes.Tests.Listening;

/// <summary>What a log tells of strangers, and what it only counts.</summary>
public sealed partial class LogThrottleTests : IDisposable
{
    private const int Refused = 111;
    private const int Counted = 124;
    private static readonly IPAddress s_address = IPAddress.Parse("192.0.2.1");

    private readonly TimerClock _clock = new();
    private readonly ListLogger _lines = new();
    private readonly LogThrottle _log;

    public LogThrottleTests() => _log = new LogThrottle(_lines, _clock);

    public void Dispose() => _log.Dispose();

    [Fact]
    public void The_first_connections_of_an_address_are_told_of_step_by_step_and_the_others_counted_after_a_minute()
    {
        for (var i = 0; i < 1000; i++)
            Come(s_address, XpraErrorId.KeyMismatch);
        Assert.Equal((4, 4, 0), (Lines(110), Lines(Refused), Lines(Counted)));

        _clock.Advance(LogThrottle.Window);
        Assert.StartsWith("192.0.2.1: 996 more connections within a minute, not logged individually: 996 KeyMismatch |", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_different_cause_is_told_of_in_its_own_words()
    {
        for (var i = 0; i < 100; i++)
            Come(s_address, XpraErrorId.NotXpra);
        foreach (var cause in Enum.GetValues<XpraErrorId>())
        {
            Come(s_address, cause);
            Come(s_address, cause);
        }

        foreach (var cause in Enum.GetValues<XpraErrorId>())
            Assert.Contains(_lines.Events, line => line.Id == Refused && line.Text.Contains($"refused, {cause}: the reason", StringComparison.Ordinal));
        Assert.Equal(4 + Enum.GetValues<XpraErrorId>().Length - 1, Lines(Refused));
    }

    [Theory]
    [InlineData(100_000, "10.0.0.0", 1)]
    [InlineData(100_000, "2001:db8::", 1)]
    [InlineData(100_000, "0.0.0.0", 40_000)]
    public void However_many_come_the_lines_and_the_memory_are_bounded(int count, string first, int step)
    {
        for (var i = 0; i < count; i++)
            Come(Plus(IPAddress.Parse(first), (uint)(i * step)), (XpraErrorId)(i % 20));
        // 128 connections at most are told of, in two lines each here, and each of 20 causes once in each of the networks that are counted.
        Assert.InRange(_lines.Events.Count, 1, 4000);
        Assert.InRange(_log.Remembered, 1, 128 * 4 + 1);

        _clock.Advance(LogThrottle.Window);
        var told = _lines.Events.Where(line => line.Id == Refused).Count();
        Assert.Equal(count, told + _lines.Events.Where(line => line.Id == Counted).Sum(line => int.Parse(Number().Match(line.Text).Groups[1].Value, null)));
        Assert.Equal(0, _log.Remembered);
    }

    [Fact]
    public void A_flood_from_one_network_leaves_others_their_lines()
    {
        for (var i = 0; i < 10_000; i++)
            Come(Plus(IPAddress.Parse("10.0.0.0"), (uint)i * 97), XpraErrorId.KeyMismatch);
        var before = _lines.Events.Count;
        Come(s_address, XpraErrorId.KeyMismatch);

        Assert.Equal([110, Refused], _lines.Events.Skip(before).Select(line => line.Id));
    }

    [Fact]
    public void Counts_are_for_the_narrowest_network_whose_share_is_used_up()
    {
        for (var i = 0; i < 300; i++)
            Come(Plus(IPAddress.Parse("10.1.2.0"), (uint)(i % 60)), XpraErrorId.KeyMismatch);
        for (var i = 0; i < 300; i++)
            Come(s_address, XpraErrorId.KeyMismatch);
        _log.Dispose();

        Assert.Equal(["192.0.2.1: 296", "10.1.2.0/24: 284"], _lines.Events.Where(line => line.Id == Counted).Select(line => line.Text[..line.Text.IndexOf(" more", StringComparison.Ordinal)]));
    }

    [Fact]
    public void A_network_of_64_bits_of_IPv6_is_one_address()
    {
        for (var i = 0; i < 300; i++)
            Come(Plus(IPAddress.Parse("2001:db8::"), (uint)i), XpraErrorId.KeyMismatch);
        _log.Dispose();

        Assert.StartsWith("2001:db8::/64: 296 more", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_proves_the_key_is_told_of_whoever_else_comes_from_there_and_uses_up_nothing()
    {
        for (var i = 0; i < 100; i++)
        {
            using var honest = _log.Connect(_lines, s_address);
            Log.PeerConnected(honest, "honest");
            honest.Prove();
            Log.SessionOpened(honest, "honest", "6.2", "AES-CTR");
        }
        Assert.Equal((100, 100), (Lines(110), Lines(113)));

        for (var i = 0; i < 100; i++)
            Come(s_address, XpraErrorId.KeyMismatch);
        using (var honest = _log.Connect(_lines, s_address))
        {
            Assert.False(honest.IsEnabled(LogLevel.Debug));
            Log.SessionOpened(honest, "honest", "6.2", "AES-CTR");
            Assert.Equal(100, Lines(113));
            honest.Prove();
            Assert.Equal(101, Lines(113)); // what was withheld
            Assert.True(honest.IsEnabled(LogLevel.Debug));
            Log.SessionClosed(honest, "honest", "client request");
            Assert.Equal(1, Lines(114));
        }
        _log.Dispose();
        Assert.StartsWith("192.0.2.1: 96 more", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Sessions_and_answers_without_the_key_are_counted_too()
    {
        for (var i = 0; i < 50; i++)
        {
            using var asking = _log.Connect(_lines, s_address);
            Log.RequestAnswered(asking, "stranger", "info");
        }
        for (var i = 0; i < 50; i++)
        {
            using var sitting = _log.Connect(_lines, s_address);
            Log.SessionOpened(sitting, "stranger", "6.2", "AES-CTR");
            Log.SessionClosed(sitting, "stranger", "gone");
        }
        _log.Dispose();

        Assert.Equal((4, 0), (Lines(112), Lines(113)));
        Assert.Contains("96 more connections within a minute, not logged individually: 50 SessionOpened, 46 RequestAnswered |", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_of_ours_that_strangers_can_repeat_is_told_of_once_more_and_then_counted()
    {
        for (var i = 0; i < 100; i++)
        {
            using var killer = _log.Connect(_lines, s_address);
            Log.SessionFailed(killer, "stranger", new InvalidOperationException());
        }
        for (var i = 0; i < 10; i++)
            Come(IPAddress.Parse("192.0.2.2"), XpraErrorId.NotXpra);
        using (var killer = _log.Connect(_lines, IPAddress.Parse("192.0.2.2")))
            Log.SessionFailed(killer, "stranger", new InvalidOperationException());

        Assert.Equal(5, Lines(115)); // of the first address its share, of the second the first
    }

    [Fact]
    public void The_next_minute_begins_anew_and_a_late_timer_does_not_matter()
    {
        for (var i = 0; i < 10; i++)
            Come(s_address, XpraErrorId.KeyMismatch);
        _clock.Pass(LogThrottle.Window);
        Come(s_address, XpraErrorId.KeyMismatch);
        Assert.Equal((5, 1), (Lines(Refused), Lines(Counted)));

        _clock.Advance(LogThrottle.Window);
        Assert.Equal(1, Lines(Counted)); // nothing was left out, and nobody says so
    }

    [Fact]
    public void A_connection_that_outlasts_its_minute_is_counted_in_the_one_it_ends_in()
    {
        for (var i = 0; i < 4; i++)
            Come(s_address, XpraErrorId.KeyMismatch);
        using (var slow = _log.Connect(_lines, s_address))
        {
            _clock.Advance(2 * LogThrottle.Window);
            Come(s_address, XpraErrorId.KeyMismatch);
            slow.Refuse("slow", new XpraAesException(XpraErrorId.KeyMismatch, "the reason"));
        }
        _clock.Advance(LogThrottle.Window);

        Assert.StartsWith("192.0.2.1: 1 more", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listener_tells_of_a_few_strangers_and_counts_the_others_when_it_stops()
    {
        var loopback = Loopback.Start(options => options with { Logger = _lines, Limits = new Limits { CloseGrace = TimeSpan.FromMilliseconds(50) } });
        await using (loopback)
        {
            for (var i = 0; i < 20; i++)
                await Stranger.ComeAsync(new IPEndPoint(IPAddress.Loopback, loopback.Listener.Port), IPAddress.Loopback, "clear", TestContext.Current.CancellationToken);
            await Loopback.Eventually(() => loopback.Listener.Serving == 0);
            var before = Lines(113);
            await using var client = await loopback.ConnectAsync();
            await client.PingAsync(Loopback.HelloTimeout);
            await Loopback.Eventually(() => Lines(113) == before + 1);
        }

        Assert.Equal(4, Lines(110));
        Assert.Contains(_lines.Events, line => line.Id == Counted && line.Text.StartsWith("127.0.0.1: 16 more connections within a minute, not logged individually: 16 CipherCapabilitiesMissing |", StringComparison.Ordinal));
    }

    private void Come(IPAddress address, XpraErrorId cause)
    {
        using var connection = _log.Connect(_lines, address);
        Log.PeerConnected(connection, $"{address}:1");
        connection.Refuse($"{address}:1", new XpraAesException(cause, "the reason"));
    }

    private int Lines(int id) => _lines.Events.Count(line => line.Id == id);

    private static IPAddress Plus(IPAddress first, uint number)
    {
        var bytes = first.GetAddressBytes();
        for (var i = bytes.Length - 1; i >= 0 && number > 0; i--, number >>= 8)
            bytes[i] += (byte)number;
        return new IPAddress(bytes);
    }

    [GeneratedRegex(@": (\d+) more")]
    private static partial Regex Number();
}
