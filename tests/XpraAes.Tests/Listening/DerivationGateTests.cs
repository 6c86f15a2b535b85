using System.Collections.Concurrent;
using System.Net;
using XpraAes.Listening;

namespace XpraAes.Tests.Listening;

/// <summary>In which order keys are derived, and for whom not at all.</summary>
[Trait("Category", "Reliability")]
public sealed class DerivationGateTests : IDisposable
{
    private static readonly IPAddress s_flood = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_other = IPAddress.Parse("192.0.2.2");
    private static readonly IPAddress s_third = IPAddress.Parse("192.0.2.3");

    private readonly ConcurrentQueue<string> _order = new();
    private readonly ManualResetEventSlim _hold = new();

    public void Dispose() => _hold.Dispose();

    [Fact]
    public async Task No_more_than_two_run_at_a_time()
    {
        var gate = new DerivationGate(2);
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
    public async Task Who_waits_is_served_in_turns_whoever_has_more_waiting()
    {
        var gate = new DerivationGate(1);
        List<Task> all = [Hold(gate), .. Enumerable.Range(0, 5).Select(i => Queue(gate, s_flood, $"flood {i}"))];
        all.Add(Queue(gate, s_other, "other 0"));
        all.Add(Queue(gate, s_other, "other 1"));
        all.Add(Queue(gate, s_third, "third"));
        _hold.Set();
        await Task.WhenAll(all).WaitAsync(Loopback.Patience);
        Assert.Equal(["flood 0", "other 0", "third", "flood 1", "other 1", "flood 2", "flood 3", "flood 4"], _order);
    }

    [Fact]
    public async Task Where_too_many_wait_the_address_with_most_of_them_gives_way()
    {
        var gate = new DerivationGate(1, capacity: 4);
        Task held = Hold(gate);
        var flood = Enumerable.Range(0, 4).Select(i => Queue(gate, s_flood, $"flood {i}")).ToArray();
        await Assert.ThrowsAsync<CrowdedException>(() => Queue(gate, s_flood, "one too many"));
        Task other = Queue(gate, s_other, "other");
        await Assert.ThrowsAsync<CrowdedException>(() => flood[3]);
        _hold.Set();
        await Task.WhenAll([held, other, .. flood[..3]]).WaitAsync(Loopback.Patience);
        Assert.Equal(["flood 0", "other", "flood 1", "flood 2"], _order);
    }

    [Fact]
    public async Task A_trusted_address_waits_in_turn_but_is_not_sent_away()
    {
        var gate = new DerivationGate(1, capacity: 1, address => address.Equals(s_flood));
        List<Task> all = [Hold(gate), .. Enumerable.Range(0, 20).Select(i => Queue(gate, s_flood, "trusted")), Queue(gate, s_other, "other")];
        await Assert.ThrowsAsync<CrowdedException>(() => Queue(gate, s_other, "one too many"));
        _hold.Set();
        await Task.WhenAll(all).WaitAsync(Loopback.Patience);
        Assert.Equal(["trusted", "other"], _order.Take(2));
        Assert.Equal(21, _order.Count);
    }

    [Fact]
    public async Task Who_gives_up_leaves_its_place_to_others()
    {
        var gate = new DerivationGate(1, capacity: 1);
        using var impatient = new CancellationTokenSource();
        Task held = Hold(gate);
        var first = gate.For(s_flood).RunAsync(() => 0, impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Task second = Queue(gate, s_flood, "second");
        _hold.Set();
        await Task.WhenAll(held, second).WaitAsync(Loopback.Patience);
    }

    [Fact]
    public async Task A_derivation_that_fails_gives_its_place_back()
    {
        var gate = new DerivationGate(1);
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<InvalidOperationException>(() => gate.For(s_flood).RunAsync<int>(() => throw new InvalidOperationException(), default));
        Assert.Equal(7, await gate.For(s_flood).RunAsync(() => 7, default));
    }

    /// <summary>Takes the one place until the test says so.</summary>
    private Task<bool> Hold(DerivationGate gate)
    {
        using var held = new ManualResetEventSlim();
        // It runs on the thread of the pool that asks for it.
        var holding = Task.Run(() => gate.For(s_third).RunAsync(
            () =>
            {
                held.Set();
                return _hold.Wait(Loopback.Patience);
            },
            default));
        held.Wait(Loopback.Patience);
        return holding;
    }

    private Task<int> Queue(DerivationGate gate, IPAddress source, string name) => gate.For(source).RunAsync(
        () =>
        {
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
