using System.Net;
using XpraAes.Listening;

namespace XpraAes.Tests.Listening;

/// <summary>Which connections are accepted, and which are evicted for them.</summary>
[Trait("Category", "Reliability")]
public sealed class SourceGuardTests
{
    private static readonly IPAddress s_someone = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_other = IPAddress.Parse("192.0.2.2");

    private readonly FakeClock _clock = new();

    [Fact]
    public void Five_failures_in_a_minute_block_an_address_for_a_minute()
    {
        var guard = Guard();
        for (var i = 1; i <= 5; i++)
        {
            Assert.NotNull(Enter(guard, s_someone));
            Assert.Equal(i == 5, guard.RecordFailure(s_someone));
            _clock.Advance(TimeSpan.FromSeconds(10));
        }
        Assert.Null(Enter(guard, s_someone));
        Assert.NotNull(Enter(guard, s_other));

        _clock.Advance(TimeSpan.FromSeconds(50));
        Assert.Null(Enter(guard, s_someone));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(Enter(guard, s_someone));
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(s_someone));
    }

    [Fact]
    public void Failures_further_apart_do_not_block()
    {
        var guard = Guard();
        for (var i = 0; i < 20; i++)
        {
            Assert.False(guard.RecordFailure(s_someone));
            _clock.Advance(TimeSpan.FromSeconds(16));
        }
        Assert.NotNull(Enter(guard, s_someone));
    }

    [Fact]
    public void Each_failure_increases_the_delay_until_it_expires()
    {
        var guard = Guard();
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(i * Limits.Default.DelayPerFailure, guard.DelayFor(s_someone));
            guard.RecordFailure(s_someone);
        }
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(s_other));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(s_someone));
        Assert.Equal(0, guard.Remembered);
    }

    [Fact]
    public void TLS_handshakes_beyond_an_allowance_delay_their_source_and_its_networks_and_never_block_it()
    {
        var guard = Guard();
        var (source, neighbour, stranger) = (IPAddress.Parse("2001:db8:0:1::1"), IPAddress.Parse("2001:db8:0:2::1"), IPAddress.Parse("2001:db9::1"));
        for (var i = 0; i < Limits.Default.TlsHandshakesPerSource; i++)
            guard.RecordHandshake(source);
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(source));
        for (var i = 1; i <= 500; i++)
        {
            guard.RecordHandshake(source);
            Assert.Equal(TimeSpan.FromTicks(Math.Min((i * Limits.Default.DelayPerFailure).Ticks, Limits.Default.LongestDelay.Ticks)), guard.DelayFor(source));
        }
        Assert.Equal((Limits.Default.LongestDelay, TimeSpan.Zero), (guard.DelayFor(neighbour), guard.DelayFor(stranger)));

        // Who then proves the key is known again, and so are its neighbours.
        var slot = Enter(guard, source)!;
        slot.MarkProven();
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (guard.DelayFor(source), guard.DelayFor(neighbour)));
        slot.Dispose();

        for (var i = 0; i < 500; i++)
            guard.RecordHandshake(neighbour);
        _clock.Advance(Limits.Default.FailureWindow + TimeSpan.FromSeconds(1));
        Assert.Equal((TimeSpan.Zero, 0), (guard.DelayFor(neighbour), guard.Remembered));
    }

    [Theory]
    [InlineData(-3650)]
    [InlineData(3650)]
    public void A_change_of_the_date_does_not_affect_blocks(int days)
    {
        var guard = Guard();
        for (var i = 0; i < 5; i++)
            guard.RecordFailure(s_someone);
        _clock.Date += TimeSpan.FromDays(days);
        Assert.Null(Enter(guard, s_someone));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.NotNull(Enter(guard, s_someone));
    }

    [Fact]
    public void No_limit_applies_to_a_trusted_address()
    {
        var guard = new SourceGuard(Limits.Default, address => address.Equals(s_someone), _clock);
        for (var i = 0; i < 1000; i++)
        {
            Assert.NotNull(Enter(guard, s_someone));
            Assert.False(guard.RecordFailure(s_someone));
        }
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(s_someone));
        Assert.Equal(0, guard.Remembered);
    }

    [Fact]
    public void One_address_has_eight_slots_and_can_reuse_freed_ones()
    {
        var guard = Guard();
        var slots = Enter(guard, s_someone, 8);
        Assert.Null(Enter(guard, s_someone));
        slots[0].Dispose();
        slots[0].Dispose();
        slots[0].MarkProven();
        Assert.NotNull(Enter(guard, s_someone));
        Assert.Null(Enter(guard, s_someone));
        Assert.All(slots, slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public void An_IPv6_network_of_64_bits_counts_as_one_address()
    {
        var guard = Guard();
        for (var i = 0; i < 8; i++)
            Assert.NotNull(Enter(guard, IPAddress.Parse($"2001:db8:0:1:{i}::1")));
        Assert.Null(Enter(guard, IPAddress.Parse("2001:db8:0:1:ffff::1")));
        Assert.NotNull(Enter(guard, IPAddress.Parse("2001:db8:0:2::1")));
    }

    [Fact]
    public async Task An_address_over_its_share_evicts_its_own_oldest_silent_session()
    {
        var guard = Guard();
        var slots = Enter(guard, s_someone, 8);
        slots[3].MarkEstablished();
        slots[5].MarkEstablished();
        Assert.Null(Enter(guard, s_someone));
        _clock.Advance(TimeSpan.FromSeconds(11));
        slots[1].MarkEstablished();
        Assert.NotNull(Enter(guard, s_someone));
        await WaitUntilEvictedAsync(slots[3]);
        Assert.NotNull(Enter(guard, s_someone));
        await WaitUntilEvictedAsync(slots[5]);
        Assert.Null(Enter(guard, s_someone));
    }

    [Fact]
    public async Task When_all_slots_are_taken_a_connection_of_the_busiest_address_is_evicted()
    {
        var guard = Guard(new Limits { UnprovenConnections = 10 });
        var few = Enter(guard, s_other, 2);
        var many = Enter(guard, s_someone, 8);
        var newcomer = Enter(guard, Address(1));
        Assert.NotNull(newcomer);
        await WaitUntilEvictedAsync(many[0]);
        Assert.Null(Enter(guard, s_someone));
        Assert.All(few.Append(newcomer), slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public async Task At_equal_load_a_silent_session_is_evicted_first_then_the_oldest_handshake()
    {
        var (guard, slots) = Full(3);
        slots[1].MarkEstablished();
        _clock.Advance(TimeSpan.FromSeconds(11));
        Assert.NotNull(Enter(guard, Address(3)));
        await WaitUntilEvictedAsync(slots[1]);
        Assert.NotNull(Enter(guard, Address(4)));
        await WaitUntilEvictedAsync(slots[0]);
        Assert.False(slots[2].Evicted.IsCancellationRequested);
    }

    [Fact]
    public async Task At_equal_load_the_most_advanced_connection_stays()
    {
        var (guard, slots) = Full(3);
        slots[0].HasSentHello = true;
        slots[0].MarkEstablished();
        slots[1].HasSentHello = true;
        Assert.NotNull(Enter(guard, Address(3)));
        await WaitUntilEvictedAsync(slots[2]);
        Enter(guard, Address(4))!.HasSentHello = true;
        Assert.NotNull(Enter(guard, Address(5)));
        await WaitUntilEvictedAsync(slots[1]);
        Assert.False(slots[0].Evicted.IsCancellationRequested);
    }

    [Fact]
    public void A_returning_flood_does_not_evict_new_sources()
    {
        var guard = Guard();
        for (var i = 0; i < 1000; i++)
            Enter(guard, Address(i));
        var seldom = new List<SourceGuard.Slot>();
        for (var round = 0; round < 30; round++)
        {
            for (var i = 0; i < 1000; i++)
                Enter(guard, Address(i));
            var newcomer = Enter(guard, IPAddress.Parse($"192.0.2.{100 + round}"));
            Assert.NotNull(newcomer);
            seldom.Add(newcomer);
        }
        Assert.All(seldom, slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public void An_address_that_proves_the_key_has_the_load_of_a_new_one()
    {
        var guard = Guard(new Limits { UnprovenConnections = 2 });
        for (var i = 0; i < 10; i++)
            Enter(guard, s_someone)!.Dispose();
        Enter(guard, s_someone)!.MarkProven();
        Enter(guard, s_other)!.Dispose();
        var first = Enter(guard, s_other)!;
        var second = Enter(guard, s_someone)!;
        Assert.NotNull(Enter(guard, Address(1)));
        Assert.True(first.Evicted.IsCancellationRequested || SpinWait.SpinUntil(() => first.Evicted.IsCancellationRequested, Loopback.HelloTimeout));
        Assert.False(second.Evicted.IsCancellationRequested);
    }

    [Fact]
    public void The_number_of_records_is_bounded()
    {
        var guard = Guard(new Limits { RememberedSources = 500 });
        var held = Enter(guard, s_someone)!;
        for (var i = 0; i < 20_000; i++)
        {
            Enter(guard, Address(i))?.Dispose();
            for (var failure = 0; failure < i % 7; failure++)
                guard.RecordFailure(Address(i));
            Assert.InRange(guard.Remembered, 0, 500);
        }
        Assert.False(held.Evicted.IsCancellationRequested);
        held.Dispose();
    }

    [Fact]
    public async Task A_new_source_waits_until_another_new_source_has_had_its_grace_period()
    {
        var (guard, slots) = Full(3);
        Assert.Null(guard.TryAcquire(Address(3), out var later));
        Assert.NotNull(later);
        slots[1].MarkProven();
        Assert.NotNull(guard.TryAcquire(Address(3), out later));
        Assert.Null(later);

        _clock.Advance(Limits.Default.NewSourceGracePeriod - TimeSpan.FromMilliseconds(1));
        Assert.Null(guard.TryAcquire(Address(4), out later));
        Assert.NotNull(later);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.NotNull(guard.TryAcquire(Address(4), out later));
        Assert.Null(later);
        await WaitUntilEvictedAsync(slots[0]);
        Assert.False(slots[2].Evicted.IsCancellationRequested);
    }

    [Fact]
    public async Task Nobody_waits_for_the_slot_of_a_returning_address()
    {
        var (guard, slots) = Full(3);
        slots[2].Dispose();
        var again = Enter(guard, Address(2))!;
        Assert.NotNull(guard.TryAcquire(Address(3), out var later));
        Assert.Null(later);
        await WaitUntilEvictedAsync(again);
        // Nor does it wait itself, which would hold up clients behind it.
        Assert.Null(guard.TryAcquire(Address(2), out later));
        Assert.Null(later);
        Assert.All(slots[..2], slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public async Task A_waiting_source_gets_a_slot_as_soon_as_one_is_free()
    {
        var guard = Guard(new Limits { UnprovenConnections = 1 });
        var first = Enter(guard, Address(0))!;
        var second = guard.AcquireAsync(Address(1));
        await Task.Delay(20);
        Assert.False(second.IsCompleted);
        first.MarkProven();
        Assert.NotNull(await second.AsTask().WaitAsync(Loopback.HelloTimeout));
    }

    [Theory]
    [InlineData("2001:db8:1:{0}00::1")] // networks of 56 bits in one of 48
    [InlineData("2001:db8:1:1{0}::1")] // of 64 in one of 56
    public async Task A_flooding_IPv6_network_evicts_only_its_own_connections(string network)
    {
        var guard = Guard(new Limits { UnprovenConnections = 10 });
        var others = new[] { s_someone, s_other }.Select(address => Enter(guard, address)!).ToList();
        var flood = Enumerable.Range(0x10, 8).Select(i => Enter(guard, Inside(i))!).ToArray();
        others.Add(guard.TryAcquire(Address(1), out var later)!);
        Assert.Null(later);
        await WaitUntilEvictedAsync(flood[0]);
        others.Add(guard.TryAcquire(IPAddress.Parse("2001:db8:2::1"), out later)!);
        Assert.Null(later);
        await WaitUntilEvictedAsync(flood[1]);
        for (var i = 0; i < 1000; i++)
            Enter(guard, Inside(0x10 + i % 0xF0));
        Assert.All(others, slot => Assert.False(slot.Evicted.IsCancellationRequested));

        IPAddress Inside(int number) => IPAddress.Parse(string.Format(System.Globalization.CultureInfo.InvariantCulture, network, number.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Neighbours_of_a_flood_within_its_IPv6_network_are_not_evicted()
    {
        var guard = Guard(new Limits { UnprovenConnections = 10 });
        var neighbour = Enter(guard, IPAddress.Parse("2001:db8:1:ff00::1"))!;
        var flood = Enumerable.Range(1, 9).Select(i => Enter(guard, IPAddress.Parse($"2001:db8:1:{i}::1"))!).ToArray();
        // Both are in the network with the highest load, within which the flood's part has more.
        var second = Enter(guard, IPAddress.Parse("2001:db8:1:ee00::1"));
        Assert.NotNull(second);
        await WaitUntilEvictedAsync(flood[0]);
        Assert.NotNull(Enter(guard, s_someone));
        await WaitUntilEvictedAsync(flood[1]);
        for (var i = 0; i < 1000; i++)
            Enter(guard, IPAddress.Parse($"2001:db8:1:{i % 256:x}::1"));
        Assert.False(neighbour.Evicted.IsCancellationRequested);
        Assert.False(second.Evicted.IsCancellationRequested);
    }

    [Fact]
    public void A_proof_reduces_the_load_of_its_networks_only_by_its_own_share()
    {
        var guard = Guard(new Limits { UnprovenConnections = 2 });
        for (var i = 0; i < 3; i++)
            Enter(guard, IPAddress.Parse("2001:db8:1:1::1"))!.Dispose();
        Enter(guard, IPAddress.Parse("2001:db8:1:2::1"))!.Dispose();
        Enter(guard, IPAddress.Parse("2001:db8:1:2::1"))!.MarkProven();
        for (var i = 0; i < 2; i++)
            Enter(guard, s_someone)!.Dispose();
        var ofNetwork = Enter(guard, IPAddress.Parse("2001:db8:1:2::1"))!; // its network has three ended connections, and this one
        var someone = Enter(guard, s_someone)!; // two ended connections, and this one
        Assert.NotNull(Enter(guard, s_other));
        Assert.True(SpinWait.SpinUntil(() => ofNetwork.Evicted.IsCancellationRequested, Loopback.HelloTimeout));
        Assert.False(someone.Evicted.IsCancellationRequested);
    }

    [Fact]
    public void Failures_across_an_IPv6_network_delay_it_but_do_not_block_it()
    {
        var guard = Guard();
        for (var i = 0; i < 50; i++)
            Assert.False(guard.RecordFailure(IPAddress.Parse($"2001:db8:1:{i}00::1")));
        Assert.Equal(Limits.Default.LongestDelay, guard.DelayFor(IPAddress.Parse("2001:db8:1:ffff::1")));
        Assert.NotNull(Enter(guard, IPAddress.Parse("2001:db8:1:ffff::1")));
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(IPAddress.Parse("2001:db8:2::1")));
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(s_someone));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(IPAddress.Parse("2001:db8:1:ffff::1")));
    }

    [Fact]
    public void A_source_that_has_proven_the_key_is_delayed_but_not_blocked_for_an_hour()
    {
        var guard = Guard();
        var session = Enter(guard, s_someone)!;
        session.MarkProven();
        _clock.Advance(TimeSpan.FromHours(5));
        Fail(guard, s_someone, 50);
        Assert.NotNull(Enter(guard, s_someone)); // its session is open
        session.Dispose();
        session.Dispose();
        _clock.Advance(TimeSpan.FromMinutes(59));
        Fail(guard, s_someone, 50);
        Assert.NotNull(Enter(guard, s_someone));
        Assert.Equal(Limits.Default.LongestDelay, guard.DelayFor(s_someone));
        Assert.InRange(guard.DelayFor(s_someone), TimeSpan.FromSeconds(1), Limits.Default.HandshakeTimeout / 2);

        _clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(TimeSpan.Zero, guard.DelayFor(s_someone));
        for (var i = 1; i <= 5; i++)
            Assert.Equal(i == 5, guard.RecordFailure(s_someone));
        Assert.Null(Enter(guard, s_someone));
    }

    [Fact]
    public void Proving_the_key_ends_a_block()
    {
        var guard = Guard();
        var session = Enter(guard, s_someone)!;
        Fail(guard, s_someone, 5);
        Assert.Null(Enter(guard, s_someone));
        session.MarkProven();
        Assert.NotNull(Enter(guard, s_someone));
    }

    [Fact]
    public void A_source_accepted_without_proof_can_be_blocked()
    {
        var guard = Guard();
        using (var unencrypted = Enter(guard, s_someone)!)
            unencrypted.Release();
        var tooLate = Enter(guard, s_someone)!;
        tooLate.Dispose();
        tooLate.MarkProven();
        Fail(guard, s_someone, 5);
        Assert.Null(Enter(guard, s_someone));
    }

    [Fact]
    public void Wrong_passwords_block_a_proven_source_too_even_between_other_failures()
    {
        var guard = Guard();
        Enter(guard, s_someone)!.MarkProven();
        for (var i = 1; i <= 5; i++)
        {
            Fail(guard, s_someone, 200);
            Assert.Equal(i == 5, guard.RecordFailure(s_someone, isPasswordFailure: true));
        }
        Assert.Null(Enter(guard, s_someone));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.NotNull(Enter(guard, s_someone));
    }

    [Fact]
    public async Task A_proven_source_gets_a_slot_beyond_its_share_but_not_at_the_expense_of_others()
    {
        var guard = Guard(new Limits { UnprovenConnections = 12 });
        Enter(guard, s_someone)!.MarkProven();
        var others = Enter(guard, s_other, 2);
        var unauthenticatedClients = Enter(guard, s_someone, 10);
        Assert.Null(Enter(guard, s_someone));
        Assert.NotNull(Enter(guard, Address(1)));
        await WaitUntilEvictedAsync(unauthenticatedClients[0]);
        Assert.All(others, slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public void A_rejection_is_reported_once_a_minute_and_for_IPv6_once_per_network()
    {
        var guard = Guard();
        Assert.Equal("192.0.2.1", guard.TryReportRejection(s_someone)?.ToString());
        Assert.Equal("192.0.2.2", guard.TryReportRejection(s_other)?.ToString());
        Assert.Equal("2001:db8:1::/48", guard.TryReportRejection(IPAddress.Parse("2001:db8:1:2::3"))?.ToString());
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Null(guard.TryReportRejection(s_someone));
        Assert.Null(guard.TryReportRejection(IPAddress.Parse("2001:db8:1:ffff::1")));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(guard.TryReportRejection(s_someone));
        Fail(guard, s_other, 5);
        Assert.Null(guard.TryReportRejection(s_other)); // that it is blocked has been logged
        for (var i = 0; i < 30_000; i++)
            guard.TryReportRejection(Address(i));
        Assert.InRange(guard.Remembered, 1, Limits.Default.RememberedSources);
    }

    private static void Fail(SourceGuard guard, IPAddress address, int times)
    {
        for (var i = 0; i < times; i++)
            guard.RecordFailure(address);
    }

    private SourceGuard Guard(Limits? limits = null) => new(limits ?? Limits.Default, _ => false, _clock);

    /// <summary>A guard with that many slots, each taken by another address, from number 0 on.</summary>
    private (SourceGuard Guard, SourceGuard.Slot[] Slots) Full(int places)
    {
        var guard = Guard(new Limits { UnprovenConnections = places });
        return (guard, [.. Enumerable.Range(0, places).Select(i => Enter(guard, Address(i))!)]);
    }

    private static IPAddress Address(int number) => new([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]);

    /// <summary>Takes a slot, after waiting for it if needed.</summary>
    private SourceGuard.Slot? Enter(SourceGuard guard, IPAddress address)
    {
        while (true)
        {
            var slot = guard.TryAcquire(address, out var later);
            if (later is null)
                return slot;
            _clock.Advance(TimeSpan.FromMilliseconds(10));
        }
    }

    private SourceGuard.Slot[] Enter(SourceGuard guard, IPAddress address, int count)
        => [.. Enumerable.Range(0, count).Select(_ => Enter(guard, address) ?? throw new InvalidOperationException("There was no place."))];

    // Cancelled on a thread-pool thread.
    private static Task WaitUntilEvictedAsync(SourceGuard.Slot slot) => Loopback.Eventually(() => slot.Evicted.IsCancellationRequested);
}
