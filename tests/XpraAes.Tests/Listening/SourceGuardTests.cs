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
        slots[0].Prove();
        Assert.NotNull(Enter(guard, s_someone));
        Assert.Null(Enter(guard, s_someone));
        Assert.All(slots, slot => Assert.False(slot.Lost.IsCancellationRequested));
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
        slots[3].Stand();
        slots[5].Stand();
        Assert.Null(Enter(guard, s_someone));
        _clock.Advance(TimeSpan.FromSeconds(11));
        slots[1].Stand();
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
        Assert.All(few.Append(newcomer), slot => Assert.False(slot.Lost.IsCancellationRequested));
    }

    [Fact]
    public async Task Among_equals_a_silent_session_gives_way_and_then_the_oldest_handshake()
    {
        var (guard, slots) = Full(3);
        slots[1].Stand();
        _clock.Advance(TimeSpan.FromSeconds(11));
        Assert.NotNull(Enter(guard, Address(3)));
        await LostAsync(slots[1]);
        Assert.NotNull(Enter(guard, Address(4)));
        await LostAsync(slots[0]);
        Assert.False(slots[2].Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Among_equals_who_has_come_furthest_stays()
    {
        var (guard, slots) = Full(3);
        slots[0].HasSaidHello = true;
        slots[0].Stand();
        slots[1].HasSaidHello = true;
        Assert.NotNull(Enter(guard, Address(3)));
        await LostAsync(slots[2]);
        Enter(guard, Address(4))!.HasSaidHello = true;
        Assert.NotNull(Enter(guard, Address(5)));
        await LostAsync(slots[1]);
        Assert.False(slots[0].Lost.IsCancellationRequested);
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
        Assert.All(seldom, slot => Assert.False(slot.Lost.IsCancellationRequested));
    }

    [Fact]
    public void An_address_that_proves_the_key_weighs_no_more_than_one_that_comes_for_the_first_time()
    {
        var guard = Guard(new Limits { UnprovenConnections = 2 });
        for (var i = 0; i < 10; i++)
            Enter(guard, s_someone)!.Dispose();
        Enter(guard, s_someone)!.Prove();
        Enter(guard, s_other)!.Dispose();
        var first = Enter(guard, s_other)!;
        var second = Enter(guard, s_someone)!;
        Assert.NotNull(Enter(guard, Address(1)));
        Assert.True(first.Lost.IsCancellationRequested || SpinWait.SpinUntil(() => first.Lost.IsCancellationRequested, Loopback.Patience));
        Assert.False(second.Lost.IsCancellationRequested);
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
        Assert.False(held.Lost.IsCancellationRequested);
        held.Dispose();
    }

    [Fact]
    public async Task Who_comes_for_the_first_time_waits_until_one_who_did_has_had_time_to_prove_itself()
    {
        var (guard, slots) = Full(3);
        Assert.Null(guard.TryEnter(Address(3), out var later));
        Assert.NotNull(later);
        slots[1].Prove();
        Assert.NotNull(guard.TryEnter(Address(3), out later));
        Assert.Null(later);

        _clock.Advance(Limits.Default.Foothold - TimeSpan.FromMilliseconds(1));
        Assert.Null(guard.TryEnter(Address(4), out later));
        Assert.NotNull(later);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.NotNull(guard.TryEnter(Address(4), out later));
        Assert.Null(later);
        await LostAsync(slots[0]);
        Assert.False(slots[2].Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Nobody_waits_for_a_place_of_an_address_that_comes_again_and_again()
    {
        var (guard, slots) = Full(3);
        slots[2].Dispose();
        var again = Enter(guard, Address(2))!;
        Assert.NotNull(guard.TryEnter(Address(3), out var later));
        Assert.Null(later);
        await LostAsync(again);
        // Nor does it itself, and hold up those behind it.
        Assert.Null(guard.TryEnter(Address(2), out later));
        Assert.Null(later);
        Assert.All(slots[..2], slot => Assert.False(slot.Lost.IsCancellationRequested));
    }

    [Fact]
    public async Task Who_waits_for_a_place_gets_it_when_one_is_free()
    {
        var guard = Guard(new Limits { UnprovenConnections = 1 });
        var first = Enter(guard, Address(0))!;
        var second = guard.EnterAsync(Address(1));
        await Task.Delay(20);
        Assert.False(second.IsCompleted);
        first.Prove();
        Assert.NotNull(await second.AsTask().WaitAsync(Loopback.Patience));
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
            var slot = guard.TryEnter(address, out var later);
            if (later is null)
                return slot;
            _clock.Advance(TimeSpan.FromMilliseconds(10));
        }
    }

    private SourceGuard.Slot[] Enter(SourceGuard guard, IPAddress address, int count)
        => [.. Enumerable.Range(0, count).Select(_ => Enter(guard, address) ?? throw new InvalidOperationException("There was no place."))];

    // Told from a thread of the pool.
    private static Task LostAsync(SourceGuard.Slot slot) => Loopback.Eventually(() => slot.Lost.IsCancellationRequested);
}
