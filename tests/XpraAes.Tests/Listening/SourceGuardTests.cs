using System.Net;
using XpraAes.Listening;

namespace XpraAes.Tests.Listening;

/// <summary>Who may come in, and who has to go for that.</summary>
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
    public void Failures_that_are_further_apart_block_nobody()
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
    public void Each_failure_lets_the_address_wait_longer_until_it_is_forgotten()
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

    [Theory]
    [InlineData(-3650)]
    [InlineData(3650)]
    public void A_jump_of_the_date_neither_frees_nor_holds_anybody(int days)
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
    public void No_bound_applies_to_a_trusted_address()
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
    public void One_address_has_eight_places_and_gets_back_what_it_gives_back()
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
    public async Task The_oldest_silent_session_gives_way_to_its_own_address()
    {
        var guard = Guard();
        var slots = Enter(guard, s_someone, 8);
        slots[3].MarkEstablished();
        slots[5].MarkEstablished();
        Assert.Null(Enter(guard, s_someone));
        _clock.Advance(TimeSpan.FromSeconds(11));
        slots[1].MarkEstablished();
        Assert.NotNull(Enter(guard, s_someone));
        await LostAsync(slots[3]);
        Assert.NotNull(Enter(guard, s_someone));
        await LostAsync(slots[5]);
        Assert.Null(Enter(guard, s_someone));
    }

    [Fact]
    public async Task Where_all_places_are_taken_the_address_that_has_most_gives_way()
    {
        var guard = Guard(new Limits { UnprovenConnections = 10 });
        var few = Enter(guard, s_other, 2);
        var many = Enter(guard, s_someone, 8);
        var newcomer = Enter(guard, Address(1));
        Assert.NotNull(newcomer);
        await LostAsync(many[0]);
        Assert.Null(Enter(guard, s_someone));
        Assert.All(few.Append(newcomer), slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public async Task Among_equals_a_silent_session_gives_way_and_then_the_oldest_handshake()
    {
        var (guard, slots) = Full(3);
        slots[1].MarkEstablished();
        _clock.Advance(TimeSpan.FromSeconds(11));
        Assert.NotNull(Enter(guard, Address(3)));
        await LostAsync(slots[1]);
        Assert.NotNull(Enter(guard, Address(4)));
        await LostAsync(slots[0]);
        Assert.False(slots[2].Evicted.IsCancellationRequested);
    }

    [Fact]
    public async Task Among_equals_who_has_come_furthest_stays()
    {
        var (guard, slots) = Full(3);
        slots[0].HasSentHello = true;
        slots[0].MarkEstablished();
        slots[1].HasSentHello = true;
        Assert.NotNull(Enter(guard, Address(3)));
        await LostAsync(slots[2]);
        Enter(guard, Address(4))!.HasSentHello = true;
        Assert.NotNull(Enter(guard, Address(5)));
        await LostAsync(slots[1]);
        Assert.False(slots[0].Evicted.IsCancellationRequested);
    }

    [Fact]
    public void Nobody_who_comes_for_the_first_time_gives_way_to_a_flood_that_comes_again_and_again()
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
    public void An_address_that_proves_the_key_weighs_no_more_than_one_that_comes_for_the_first_time()
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
    public void What_is_remembered_of_strangers_is_bounded_whatever_they_do()
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
    public async Task Who_comes_for_the_first_time_waits_until_one_who_did_has_had_time_to_prove_itself()
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
        await LostAsync(slots[0]);
        Assert.False(slots[2].Evicted.IsCancellationRequested);
    }

    [Fact]
    public async Task Nobody_waits_for_a_place_of_an_address_that_comes_again_and_again()
    {
        var (guard, slots) = Full(3);
        slots[2].Dispose();
        var again = Enter(guard, Address(2))!;
        Assert.NotNull(guard.TryAcquire(Address(3), out var later));
        Assert.Null(later);
        await LostAsync(again);
        // Nor does it itself, and hold up those behind it.
        Assert.Null(guard.TryAcquire(Address(2), out later));
        Assert.Null(later);
        Assert.All(slots[..2], slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public async Task Who_waits_for_a_place_gets_it_when_one_is_free()
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
    public async Task A_whole_IPv6_network_gives_way_to_others_and_pushes_out_none_but_its_own(string network)
    {
        var guard = Guard(new Limits { UnprovenConnections = 10 });
        var others = new[] { s_someone, s_other }.Select(address => Enter(guard, address)!).ToList();
        var flood = Enumerable.Range(0x10, 8).Select(i => Enter(guard, Inside(i))!).ToArray();
        others.Add(guard.TryAcquire(Address(1), out var later)!);
        Assert.Null(later);
        await LostAsync(flood[0]);
        others.Add(guard.TryAcquire(IPAddress.Parse("2001:db8:2::1"), out later)!);
        Assert.Null(later);
        await LostAsync(flood[1]);
        for (var i = 0; i < 1000; i++)
            Enter(guard, Inside(0x10 + i % 0xF0));
        Assert.All(others, slot => Assert.False(slot.Evicted.IsCancellationRequested));

        IPAddress Inside(int number) => IPAddress.Parse(string.Format(System.Globalization.CultureInfo.InvariantCulture, network, number.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Within_an_IPv6_network_that_gives_way_the_neighbours_of_a_flood_stay()
    {
        var guard = Guard(new Limits { UnprovenConnections = 10 });
        var neighbour = Enter(guard, IPAddress.Parse("2001:db8:1:ff00::1"))!;
        var flood = Enumerable.Range(1, 9).Select(i => Enter(guard, IPAddress.Parse($"2001:db8:1:{i}::1"))!).ToArray();
        // Both of the network that weighs most, of which the flood's part weighs more.
        var second = Enter(guard, IPAddress.Parse("2001:db8:1:ee00::1"));
        Assert.NotNull(second);
        await LostAsync(flood[0]);
        Assert.NotNull(Enter(guard, s_someone));
        await LostAsync(flood[1]);
        for (var i = 0; i < 1000; i++)
            Enter(guard, IPAddress.Parse($"2001:db8:1:{i % 256:x}::1"));
        Assert.False(neighbour.Evicted.IsCancellationRequested);
        Assert.False(second.Evicted.IsCancellationRequested);
    }

    [Fact]
    public void A_proof_takes_from_the_networks_around_it_only_what_it_had_put_there()
    {
        var guard = Guard(new Limits { UnprovenConnections = 2 });
        for (var i = 0; i < 3; i++)
            Enter(guard, IPAddress.Parse("2001:db8:1:1::1"))!.Dispose();
        Enter(guard, IPAddress.Parse("2001:db8:1:2::1"))!.Dispose();
        Enter(guard, IPAddress.Parse("2001:db8:1:2::1"))!.MarkProven();
        for (var i = 0; i < 2; i++)
            Enter(guard, s_someone)!.Dispose();
        var ofNetwork = Enter(guard, IPAddress.Parse("2001:db8:1:2::1"))!; // its network has three that went, and this one
        var someone = Enter(guard, s_someone)!; // two that went, and this one
        Assert.NotNull(Enter(guard, s_other));
        Assert.True(SpinWait.SpinUntil(() => ofNetwork.Evicted.IsCancellationRequested, Loopback.HelloTimeout));
        Assert.False(someone.Evicted.IsCancellationRequested);
    }

    [Fact]
    public void Failures_all_over_an_IPv6_network_delay_it_but_block_none_of_it()
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
        Assert.NotNull(Enter(guard, s_someone)); // its session stands
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
    public void A_block_ends_for_a_source_that_proves_the_key_meanwhile()
    {
        var guard = Guard();
        var session = Enter(guard, s_someone)!;
        Fail(guard, s_someone, 5);
        Assert.Null(Enter(guard, s_someone));
        session.MarkProven();
        Assert.NotNull(Enter(guard, s_someone));
    }

    [Fact]
    public void Who_is_let_in_without_proof_is_blocked_like_anyone()
    {
        var guard = Guard();
        using (var inClear = Enter(guard, s_someone)!)
            inClear.Release();
        var tooLate = Enter(guard, s_someone)!;
        tooLate.Dispose();
        tooLate.MarkProven();
        Fail(guard, s_someone, 5);
        Assert.Null(Enter(guard, s_someone));
    }

    [Fact]
    public void Wrong_passwords_block_a_source_that_has_proven_the_key_too_whatever_comes_between_them()
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
    public async Task A_source_that_has_proven_the_key_finds_a_place_where_strangers_have_taken_its_eight_and_none_at_the_cost_of_others()
    {
        var guard = Guard(new Limits { UnprovenConnections = 12 });
        Enter(guard, s_someone)!.MarkProven();
        var others = Enter(guard, s_other, 2);
        var strangers = Enter(guard, s_someone, 10);
        Assert.Null(Enter(guard, s_someone));
        Assert.NotNull(Enter(guard, Address(1)));
        await LostAsync(strangers[0]);
        Assert.All(others, slot => Assert.False(slot.Evicted.IsCancellationRequested));
    }

    [Fact]
    public void That_a_source_is_turned_away_is_said_once_a_minute_and_of_IPv6_once_for_a_network()
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
        Assert.Null(guard.TryReportRejection(s_other)); // that it is blocked has been said
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

    /// <summary>A guard of so many places, each taken by an address of its own, from number 0 on.</summary>
    private (SourceGuard Guard, SourceGuard.Slot[] Slots) Full(int places)
    {
        var guard = Guard(new Limits { UnprovenConnections = places });
        return (guard, [.. Enumerable.Range(0, places).Select(i => Enter(guard, Address(i))!)]);
    }

    private static IPAddress Address(int number) => new([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]);

    /// <summary>Takes a place, and has waited for it where that was needed.</summary>
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

    // Told from a thread of the pool.
    private static Task LostAsync(SourceGuard.Slot slot) => Loopback.Eventually(() => slot.Evicted.IsCancellationRequested);
}
