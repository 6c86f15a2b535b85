using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>High but legitimate load. The long ones: <c>-explicit only -class XpraAes.Tests.Reliability.LoadTests</c>.</summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class LoadTests
{
    private const string NeedsSources = "Only Linux has all of 127.0.0.0/8.";

    public static bool HasSources => Sources.Exist;

    [Fact]
    public Task Many_sessions_lose_no_ping() => PingAsync(sessions: 100, TimeSpan.FromSeconds(5));

    [Fact(Explicit = true)]
    public Task Two_thousand_sessions_lose_no_ping_in_five_minutes() => PingAsync(sessions: 2000, TimeSpan.FromMinutes(5));

    [Theory(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    [InlineData(10_000)]
    public Task All_clients_at_a_fifth_of_the_rate_that_key_derivation_allows_are_accepted(int iterations) => ArriveAsync(iterations, 0.2, TimeSpan.FromSeconds(5));

    // Under other load a derivation takes up to a fifth more CPU time than in loops: 0.88 of the former rate is about 0.8 of the latter.
    [Theory(SkipUnless = nameof(HasSources), Skip = NeedsSources, Explicit = true)]
    [InlineData(10_000)]
    [InlineData(1_000)]
    public Task All_clients_at_four_fifths_of_the_rate_that_key_derivation_allows_are_accepted_for_a_minute(int iterations) => ArriveAsync(iterations, 0.88, TimeSpan.FromMinutes(1));

    /// <summary>All sessions come from one address, with the default limits: each proves its key at once, and so uses no slot.</summary>
    private static async Task PingAsync(int sessions, TimeSpan time)
    {
        await using var loopback = Loopback.Start(options => options with { Iterations = 1000 });
        var clients = new List<XpraConnection>();
        var started = Stopwatch.GetTimestamp();
        while (clients.Count < sessions)
        {
            clients.AddRange(await Task.WhenAll(Enumerable.Range(0, 4).Select(i => loopback.ConnectAsync(options => options with { Mode = (AesMode)i, Iterations = 1000 }))));
            await Loopback.Eventually(() => loopback.Listener.Connections.Count == clients.Count && loopback.Listener.Connections.All(connection => connection.KeyProven));
        }
        var opened = Stopwatch.GetElapsedTime(started);

        started = Stopwatch.GetTimestamp();
        var latencies = new ConcurrentQueue<TimeSpan>();
        await Task.WhenAll(clients.Select((client, i) => Task.Run(async () =>
        {
            await Task.Delay(2 * i % 2000);
            while (Stopwatch.GetElapsedTime(started) < time)
            {
                latencies.Enqueue(await client.PingAsync(Loopback.HelloTimeout));
                await Task.Delay(2000);
            }
        })));

        var sorted = latencies.Order().ToArray();
        TestContext.Current.SendDiagnosticMessage(
            "{0} sessions, open after {1:0.0} s; {2} pings in {3:0} s, none lost; half within {4:0.00} ms, 99 % within {5:0.0} ms, the slowest {6:0} ms; {7:0} MB of memory, {8:0} MB of objects alive",
            sessions, opened.TotalSeconds, sorted.Length, time.TotalSeconds, sorted[sorted.Length / 2].TotalMilliseconds, sorted[sorted.Length * 99 / 100].TotalMilliseconds, sorted[^1].TotalMilliseconds, Environment.WorkingSet / 1048576.0, GC.GetTotalMemory(forceFullCollection: true) / 1048576.0);
        Assert.All(clients, client => Assert.Equal(ConnectionState.Open, client.State));
        Assert.Equal(sessions, loopback.Listener.Connections.Count);
        Assert.Equal(0, loopback.Listener.Rejected);
        foreach (var batch in clients.Chunk(100))
            await Task.WhenAll(batch.Select(client => client.CloseAsync()));
    }

    private static async Task ArriveAsync(int iterations, double share, TimeSpan time)
    {
        await using var loopback = Loopback.Start(options => options with { Iterations = iterations });
        var arrivals = new Arrivals(loopback, iterations);
        // Until the code is JIT-compiled, which uses the processors too.
        await arrivals.RunOnceAsync();
        await RunAsync(share / 2, time / 6);
        var loops = arrivals.MeasureAllowedRate();
        var before = loopback.Listener.Accepted;
        var (rate, allowed) = await RunAsync(share, time);

        var waits = arrivals.Waits;
        TestContext.Current.SendDiagnosticMessage(
            "{0} iterations: keys for {1:0} sessions a second, in loops {11:0} before and {12:0} after; {2} connected in {3:0} s ({4:0} a second, {5:0.00}), {6} at a time, {7} rejected; half within {8:0} ms, 99 % within {9:0} ms, the slowest {10:0} ms",
            iterations, allowed, waits.Length, time.TotalSeconds, rate, rate / allowed, arrivals.MaxConnected, arrivals.Rejections.Count,
            waits[waits.Length / 2].TotalMilliseconds, waits[waits.Length * 99 / 100].TotalMilliseconds, waits[^1].TotalMilliseconds, loops, arrivals.MeasureAllowedRate());
        Assert.Empty(arrivals.Rejections.Select(e => e.Message).Distinct());
        Assert.Equal(before + waits.Length, loopback.Listener.Accepted);
        Assert.Equal(0, loopback.Listener.Rejected);
        Assert.InRange(waits[^1], TimeSpan.Zero, TimeSpan.FromSeconds(10));

        Task<(double Came, double Allowed)> RunAsync(double share, TimeSpan time)
            => Task.Factory.StartNew(() => arrivals.Run(share, time), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }
}
