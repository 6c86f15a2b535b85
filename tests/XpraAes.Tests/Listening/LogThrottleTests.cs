using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using XpraAes.Encodings;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Tests.Listening;
using XpraAes.Tests.Logging;

namespace XpraAes.Tests.Listening;

/// <summary>What is logged about unauthenticated clients, and what is only counted.</summary>
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
    public void The_first_connections_of_an_address_are_logged_in_full_and_the_rest_are_counted_after_a_minute()
    {
        for (var i = 0; i < 1000; i++)
            ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);
        Assert.Equal((4, 4, 0), (Lines(110), Lines(Refused), Lines(Counted)));

        _clock.Advance(LogThrottle.Window);
        Assert.StartsWith("192.0.2.1: 996 more connections within a minute, not logged individually: 996 KeyMismatch |", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_different_cause_is_logged_once()
    {
        for (var i = 0; i < 100; i++)
            ConnectAndRefuse(s_address, XpraErrorId.NotXpra);
        foreach (var cause in Enum.GetValues<XpraErrorId>())
        {
            ConnectAndRefuse(s_address, cause);
            ConnectAndRefuse(s_address, cause);
        }

        foreach (var cause in Enum.GetValues<XpraErrorId>())
            Assert.Contains(_lines.Events, line => line.Id == Refused && line.Text.Contains($"refused, {cause}: the reason", StringComparison.Ordinal));
        Assert.Equal(4 + Enum.GetValues<XpraErrorId>().Length - 1, Lines(Refused));
    }

    [Theory]
    [InlineData(100_000, "10.0.0.0", 1)]
    [InlineData(100_000, "2001:db8::", 1)]
    [InlineData(100_000, "0.0.0.0", 40_000)]
    public void Log_lines_and_memory_are_bounded_for_any_number_of_connections(int count, string first, int step)
    {
        for (var i = 0; i < count; i++)
            ConnectAndRefuse(Plus(IPAddress.Parse(first), (uint)(i * step)), (XpraErrorId)(i % 20));
        // At most 128 connections are logged in full, with two lines each here, and each of 20 causes once for each prefix.
        Assert.InRange(_lines.Events.Count, 1, 4000);
        Assert.InRange(_log.Remembered, 1, 128 * 4 + 1);

        _clock.Advance(LogThrottle.Window);
        var logged = _lines.Events.Where(line => line.Id == Refused).Count();
        Assert.Equal(count, logged + _lines.Events.Where(line => line.Id == Counted).Sum(line => int.Parse(Number().Match(line.Text).Groups[1].Value, null)));
        Assert.Equal(0, _log.Remembered);
    }

    [Fact]
    public void A_flood_from_one_network_does_not_use_up_the_budget_of_others()
    {
        for (var i = 0; i < 10_000; i++)
            ConnectAndRefuse(Plus(IPAddress.Parse("10.0.0.0"), (uint)i * 97), XpraErrorId.KeyMismatch);
        var before = _lines.Events.Count;
        ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);

        Assert.Equal([110, Refused], _lines.Events.Skip(before).Select(line => line.Id));
    }

    [Fact]
    public void Counts_are_for_the_narrowest_network_whose_budget_is_used_up()
    {
        for (var i = 0; i < 300; i++)
            ConnectAndRefuse(Plus(IPAddress.Parse("10.1.2.0"), (uint)(i % 60)), XpraErrorId.KeyMismatch);
        for (var i = 0; i < 300; i++)
            ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);
        _log.Dispose();

        Assert.Equal(["192.0.2.1: 296", "10.1.2.0/24: 284"], _lines.Events.Where(line => line.Id == Counted).Select(line => line.Text[..line.Text.IndexOf(" more", StringComparison.Ordinal)]));
    }

    [Fact]
    public void IPv6_sources_are_counted_by_64_bit_prefix()
    {
        for (var i = 0; i < 300; i++)
            ConnectAndRefuse(Plus(IPAddress.Parse("2001:db8::"), (uint)i), XpraErrorId.KeyMismatch);
        _log.Dispose();

        Assert.StartsWith("2001:db8::/64: 296 more", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_that_proves_the_key_is_always_logged_and_costs_no_budget()
    {
        for (var i = 0; i < 100; i++)
        {
            using var honest = _log.Connect(_lines, s_address);
            Log.PeerConnected(honest, "honest");
            honest.Prove();
            Log.SessionOpened(honest, "honest", "6.2", "AES-CTR", this);
        }
        Assert.Equal((100, 100), (Lines(110), Lines(113)));

        for (var i = 0; i < 100; i++)
            ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);
        using (var honest = _log.Connect(_lines, s_address))
        {
            Assert.False(honest.IsEnabled(LogLevel.Debug));
            Log.SessionOpened(honest, "honest", "6.2", "AES-CTR", this);
            Assert.Equal(100, Lines(113));
            honest.Prove();
            Assert.Equal(101, Lines(113)); // what was withheld
            Assert.True(honest.IsEnabled(LogLevel.Debug));
            Log.SessionClosed(honest, "honest", "client request", this);
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
            Log.RequestAnswered(asking, "client", "info");
        }
        for (var i = 0; i < 50; i++)
        {
            using var sitting = _log.Connect(_lines, s_address);
            Log.SessionOpened(sitting, "client", "6.2", "AES-CTR", this);
            Log.SessionClosed(sitting, "client", "gone", this);
        }
        _log.Dispose();

        Assert.Equal((4, 0), (Lines(112), Lines(113)));
        Assert.Contains("96 more connections within a minute, not logged individually: 50 SessionOpened, 46 RequestAnswered |", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_internal_failure_that_clients_can_repeat_is_logged_once_over_budget_and_then_counted()
    {
        for (var i = 0; i < 100; i++)
        {
            using var killer = _log.Connect(_lines, s_address);
            Log.SessionFailed(killer, "client", new InvalidOperationException());
        }
        for (var i = 0; i < 10; i++)
            ConnectAndRefuse(IPAddress.Parse("192.0.2.2"), XpraErrorId.NotXpra);
        using (var killer = _log.Connect(_lines, IPAddress.Parse("192.0.2.2")))
            Log.SessionFailed(killer, "client", new InvalidOperationException());

        Assert.Equal(5, Lines(115)); // the budget of the first address, and the first failure of the second
    }

    [Fact]
    public void The_next_minute_starts_a_new_budget_even_if_the_timer_is_late()
    {
        for (var i = 0; i < 10; i++)
            ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);
        _clock.Pass(LogThrottle.Window);
        ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);
        Assert.Equal((5, 1), (Lines(Refused), Lines(Counted)));

        _clock.Advance(LogThrottle.Window);
        Assert.Equal(1, Lines(Counted)); // everything was logged, so there are no counts
    }

    [Fact]
    public void A_connection_is_counted_in_the_minute_in_which_it_ends()
    {
        for (var i = 0; i < 4; i++)
            ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);
        using (var slow = _log.Connect(_lines, s_address))
        {
            _clock.Advance(2 * LogThrottle.Window);
            ConnectAndRefuse(s_address, XpraErrorId.KeyMismatch);
            slow.Refuse("slow", new XpraAesException(XpraErrorId.KeyMismatch, "the reason"));
        }
        _clock.Advance(LogThrottle.Window);

        Assert.StartsWith("192.0.2.1: 1 more", Assert.Single(_lines.Events, line => line.Id == Counted).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listener_logs_a_few_unauthenticated_clients_and_counts_the_rest_when_it_stops()
    {
        var loopback = Loopback.Start(options => options with { Logger = _lines, Limits = new Limits { CloseGrace = TimeSpan.FromMilliseconds(50) } });
        await using (loopback)
        {
            for (var i = 0; i < 20; i++)
            {
                await using var unauthenticatedClient = await loopback.ConnectFakeAsync();
                await unauthenticatedClient.SendAsync("hello", new XpraDictionary { ["version"] = "6.2.5" });
                await unauthenticatedClient.WaitForCloseAsync();
            }
            await Loopback.Eventually(() => loopback.Listener.Serving == 0);
            var before = Lines(113);
            await using var client = await loopback.ConnectAsync();
            await client.PingAsync(Loopback.HelloTimeout);
            await Loopback.Eventually(() => Lines(113) == before + 1);
        }

        Assert.Equal(4, Lines(110));
        Assert.Contains(_lines.Events, line => line.Id == Counted && line.Text.StartsWith("127.0.0.1: 16 more connections within a minute, not logged individually: 16 CipherCapabilitiesMissing |", StringComparison.Ordinal));
    }

    private void ConnectAndRefuse(IPAddress address, XpraErrorId cause)
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
