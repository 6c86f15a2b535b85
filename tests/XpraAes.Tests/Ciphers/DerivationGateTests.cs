using System.Collections.Concurrent;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Ciphers;

/// <summary>The order in which keys are derived, and who is evicted.</summary>
[Trait("Category", "Reliability")]
public sealed class DerivationGateTests : IDisposable
{
    private static readonly IPAddress s_flood = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_other = IPAddress.Parse("192.0.2.2");
    private static readonly IPAddress s_third = IPAddress.Parse("192.0.2.3");

    private readonly FakeClock _clock = new();
    private readonly ConcurrentQueue<string> _order = new();
    private readonly ManualResetEventSlim _hold = new();

    public void Dispose() => _hold.Dispose();

    [Fact]
    public async Task No_more_than_two_run_at_a_time()
    {
        var gate = Gate(concurrency: 2);
        var (running, most) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => gate.For(s_flood).RunAsync(
            () =>
            {
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                Thread.Sleep(2);
                return Interlocked.Decrement(ref running);
            },
            default))));
        Assert.InRange(most, 1, 2);
    }

    [Fact]
    public async Task Sources_with_equal_costs_take_turns_however_many_each_has_waiting()
    {
        var gate = Gate();
        List<Task> all = [Hold(gate), .. Enumerable.Range(0, 5).Select(i => Queue(gate, s_flood, $"flood {i}"))];
        all.Add(Queue(gate, s_other, "other 0"));
        all.Add(Queue(gate, s_other, "other 1"));
        all.Add(Queue(gate, s_third, "third"));
        _hold.Set();
        await Task.WhenAll(all).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(["flood 0", "other 0", "third", "flood 1", "other 1", "flood 2", "flood 3", "flood 4"], _order);
    }

    [Fact]
    public async Task When_too_many_wait_one_of_the_busiest_address_is_evicted()
    {
        var gate = Gate(capacity: 4);
        Task held = Hold(gate);
        var flood = Enumerable.Range(0, 4).Select(i => Queue(gate, s_flood, $"flood {i}")).ToArray();
        await Assert.ThrowsAsync<OverloadedException>(() => Queue(gate, s_flood, "one too many"));
        Task other = Queue(gate, s_other, "other");
        await Assert.ThrowsAsync<OverloadedException>(() => flood[3]);
        _hold.Set();
        await Task.WhenAll([held, other, .. flood[..3]]).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(["flood 0", "other", "flood 1", "flood 2"], _order);
    }

    [Fact]
    public async Task A_trusted_address_takes_turns_but_is_never_evicted()
    {
        var gate = Gate(capacity: 1, isTrusted: address => address.Equals(s_flood));
        List<Task> all = [Hold(gate), .. Enumerable.Range(0, 20).Select(i => Queue(gate, s_flood, "trusted")), Queue(gate, s_other, "other")];
        await Assert.ThrowsAsync<OverloadedException>(() => Queue(gate, s_other, "one too many"));
        _hold.Set();
        await Task.WhenAll(all).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(["trusted", "other"], _order.Take(2));
        Assert.Equal(21, _order.Count);
    }

    [Fact]
    public async Task A_cancelled_wait_frees_its_place()
    {
        var gate = Gate(capacity: 1);
        using var impatient = new CancellationTokenSource();
        Task held = Hold(gate);
        var first = gate.For(s_flood).RunAsync(() => 0, impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Task second = Queue(gate, s_flood, "second");
        _hold.Set();
        await Task.WhenAll(held, second).WaitAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task A_failed_derivation_frees_its_place()
    {
        var gate = Gate();
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<InvalidOperationException>(() => gate.For(s_flood).RunAsync<int>(() => throw new InvalidOperationException(), default));
        Assert.Equal(7, await gate.For(s_flood).RunAsync(() => 7, default));
    }

    [Fact]
    public async Task An_address_that_asks_for_expensive_keys_gets_no_more_time_than_one_that_asks_for_cheap_ones()
    {
        var gate = Gate();
        List<Task> all = [Hold(gate), .. Enumerable.Range(0, 4).Select(_ => Queue(gate, s_flood, "D", 10)), .. Enumerable.Range(0, 25).Select(_ => Queue(gate, s_other, "c", 1))];
        _hold.Set();
        await Task.WhenAll(all).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal("D cccccccccc D cccccccccc D ccccc D".Replace(" ", "", StringComparison.Ordinal), string.Concat(_order));
    }

    [Fact]
    public async Task A_newcomer_goes_before_a_flood_that_has_been_served_before()
    {
        var gate = Gate();
        var all = new ConcurrentBag<Task> { Hold(gate) };
        // 50 addresses that ask again each time they are served; the newcomer arrives during the 120th derivation.
        for (var i = 0; i < 50; i++)
            Ask(i);
        _hold.Set();
        await Loopback.Eventually(() => _order.Count == 200);
        while (all.TryTake(out var task))
            await task.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(120, _order.TakeWhile(name => name == "flood").Count());

        void Ask(int i) => all.Add(gate.For(Number(i)).RunAsync(
            () =>
            {
                _clock.Advance(TimeSpan.FromMicroseconds(40_000 + 200 * (i * 7 % 50))); // all different, as in reality
                _order.Enqueue("flood");
                if (_order.Count <= 150)
                    Ask(i);
                if (_order.Count == 120)
                    all.Add(Queue(gate, s_other, "newcomer", 1));
                return 0;
            },
            default));
    }

    [Fact]
    public async Task An_address_that_was_served_is_not_starved_by_an_endless_supply_of_new_ones()
    {
        var gate = Gate();
        var all = new ConcurrentBag<Task> { Queue(gate, s_other, "first", 40), Hold(gate) };
        Ask(0);
        Ask(1);
        all.Add(Queue(gate, s_other, "second", 40));
        _hold.Set();
        await Loopback.Eventually(() => _order.Contains("second"));
        while (all.TryTake(out var task))
            await task.WaitAsync(Loopback.HelloTimeout);
        Assert.InRange(_order.TakeWhile(name => name != "second").Count(), 3, 20);

        // Each is a new address, and queues the next one.
        void Ask(int i) => all.Add(gate.For(Number(i)).RunAsync(
            () =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(40));
                _order.Enqueue("new");
                if (!_order.Contains("second") && i < 1000)
                    Ask(i + 2);
                return 0;
            },
            default));
    }

    [Theory]
    [InlineData("2001:db8:1:{0}00::1")] // /56 networks in a /48
    [InlineData("2001:db8:1:1{0}::1")] // /64 networks in a /56
    public async Task An_IPv6_network_gets_one_share_of_time_for_all_its_addresses(string network)
    {
        var gate = Gate();
        List<Task> all = [Hold(gate)];
        for (var i = 10; i < 16; i++)
            all.Add(Queue(gate, IPAddress.Parse(string.Format(System.Globalization.CultureInfo.InvariantCulture, network, i)), $"n{i} ", 10));
        all.AddRange(Enumerable.Range(0, 3).Select(_ => Queue(gate, IPAddress.Parse(string.Format(System.Globalization.CultureInfo.InvariantCulture, network, 10)), "n10 ", 10)));
        all.AddRange(Enumerable.Range(0, 9).Select(_ => Queue(gate, s_other, "o ", 10)));
        _hold.Set();
        await Task.WhenAll(all).WaitAsync(Loopback.HelloTimeout);
        Assert.Equal("n10 o n11 o n12 o n13 o n14 o n15 o n10 o n10 o n10 o ", string.Concat(_order));
    }

    [Fact]
    public async Task When_too_many_wait_eviction_treats_an_IPv6_network_as_a_whole()
    {
        var gate = Gate(capacity: 4);
        Task held = Hold(gate);
        Task other = Queue(gate, s_other, "other");
        var network = Enumerable.Range(1, 3).Select(i => Queue(gate, IPAddress.Parse($"2001:db8:1:{i}::1"), $"{i}")).ToArray();
        Task third = Queue(gate, s_third, "third");
        await Assert.ThrowsAsync<OverloadedException>(() => network[2]);
        Task fourth = Queue(gate, IPAddress.Parse("2001:db8:1:4::1"), "4");
        await Assert.ThrowsAsync<OverloadedException>(() => network[1]);
        _hold.Set();
        await Task.WhenAll(held, other, third, network[0], fourth).WaitAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task With_concurrency_no_source_runs_two_while_another_waits()
    {
        var gate = Gate(concurrency: 2);
        using var otherRuns = new ManualResetEventSlim();
        List<Task> all = [Hold(gate), Hold(gate)];
        var flood = Enumerable.Range(0, 4).Select(_ => gate.For(s_flood).RunAsync(() => otherRuns.Wait(Loopback.HelloTimeout), default)).ToArray();
        all.Add(gate.For(s_other).RunAsync(
            () =>
            {
                otherRuns.Set();
                return 0;
            },
            default));
        _hold.Set();
        Assert.DoesNotContain(false, await Task.WhenAll(flood).WaitAsync(2 * Loopback.HelloTimeout));
        await Task.WhenAll(all).WaitAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task The_number_of_tracked_sources_is_bounded_and_cancelled_ones_are_forgotten()
    {
        var gate = Gate(maxTracked: 100);
        var most = 0;
        Task held = Hold(gate);
        for (var i = 0; i < 1000; i++)
        {
            using var impatient = new CancellationTokenSource();
            var waiting = gate.For(Network(i)).RunAsync(() => 0, impatient.Token);
            await impatient.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        }
        Assert.Equal(1, gate.Tracked); // the address of the running derivation
        List<Task> all = [held];
        for (var i = 0; i < 30; i++)
            all.Add(Queue(gate, Network(i), "network", i + 1));
        _hold.Set();
        await Task.WhenAll(all).WaitAsync(Loopback.HelloTimeout);
        for (var i = 0; i < 1000; i++)
        {
            await Task.WhenAll(Queue(gate, Network(i), "network", 5), Queue(gate, Number(i), "address", 10)).WaitAsync(Loopback.HelloTimeout);
            most = Math.Max(most, gate.Tracked);
        }
        Assert.InRange(most, 10, 100);
    }

    [Fact]
    public void By_default_one_processor_is_left_to_open_sessions()
        => Assert.InRange(Limits.Default.ConcurrentDerivations, 1, Math.Max(1, Environment.ProcessorCount - 1));

    private DerivationGate Gate(int concurrency = 1, int capacity = int.MaxValue, Func<IPAddress, bool>? isTrusted = null, int maxTracked = int.MaxValue)
        => new(concurrency, capacity, isTrusted, maxTracked, _clock);

    private static IPAddress Number(int number) => new([10, 0, (byte)(number >> 8), (byte)number]);

    private static IPAddress Network(int number) => IPAddress.Parse($"2001:db8:{number:x}::1");

    /// <summary>Runs a derivation that blocks until the test sets <see cref="_hold"/>.</summary>
    private Task<bool> Hold(DerivationGate gate)
    {
        using var held = new ManualResetEventSlim();
        // It runs on the calling pool thread.
        var holding = Task.Run(() => gate.For(s_third).RunAsync(
            () =>
            {
                held.Set();
                return _hold.Wait(Loopback.HelloTimeout);
            },
            default));
        held.Wait(Loopback.HelloTimeout);
        return holding;
    }

    /// <summary>Queues a derivation that takes so many milliseconds.</summary>
    private Task<int> Queue(DerivationGate gate, IPAddress source, string name, int time = 0) => gate.For(source).RunAsync(
        () =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(time));
            _order.Enqueue(name);
            return 0;
        },
        default);

    private static void InterlockedMax(ref int most, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref most)) < value && Interlocked.CompareExchange(ref most, value, seen) != seen)
        {
        }
    }
}
