using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Listening;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Much of what is meant to be. The long ones: <c>-explicit only -class XpraAes.Tests.Reliability.LoadTests</c>.</summary>
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
    public Task All_who_come_at_a_fifth_of_what_their_keys_allow_are_let_in(int iterations) => ComeAsync(iterations, 0.2, TimeSpan.FromSeconds(5), Limits.Default);

    [Theory(SkipUnless = nameof(HasSources), Skip = NeedsSources, Explicit = true)]
    [InlineData(10_000, 0.8, 64)]
    [InlineData(1_000, 0.6, 1024)]
    [InlineData(1_000, 0.8, 64)]
    public Task All_who_come_in_a_minute_at_this_share_of_what_their_keys_allow_are_let_in(int iterations, double share, int places)
        => ComeAsync(iterations, share, TimeSpan.FromMinutes(1), Limits.Default with { UnprovenConnections = places, WaitingDerivations = places });

    /// <summary>All sessions come from one address, with the limits as they are: each proves its key at once, and so takes no stranger's place.</summary>
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
                latencies.Enqueue(await client.PingAsync(Loopback.Patience));
                await Task.Delay(2000);
            }
        })));

        var sorted = latencies.Order().ToArray();
        TestContext.Current.SendDiagnosticMessage(
            "{0} sessions, open after {1:0.0} s; {2} pings in {3:0} s, none lost; half within {4:0.00} ms, 99 % within {5:0.0} ms, the slowest {6:0} ms; {7:0} MB of memory",
            sessions, opened.TotalSeconds, sorted.Length, time.TotalSeconds, sorted[sorted.Length / 2].TotalMilliseconds, sorted[sorted.Length * 99 / 100].TotalMilliseconds, sorted[^1].TotalMilliseconds, Environment.WorkingSet / 1048576.0);
        Assert.All(clients, client => Assert.Equal(ConnectionState.Open, client.State));
        Assert.Equal(sessions, loopback.Listener.Connections.Count);
        Assert.Equal(0, loopback.Listener.Rejected);
        foreach (var batch in clients.Chunk(100))
            await Task.WhenAll(batch.Select(client => client.CloseAsync()));
    }

    /// <summary>
    /// Clients come evenly, each from an address of its own, and go once they have their answer and an echo. Both ends derive two keys
    /// each, on the same processors: these could derive the keys of <c>rate</c> sessions a second if they did nothing else.
    /// </summary>
    private static async Task ComeAsync(int iterations, double share, TimeSpan time, Limits limits)
    {
        await using var loopback = Loopback.Start(options => options with { Iterations = iterations, Limits = limits });
        var rate = DerivationsPerSecond(loopback.Key, iterations) / 4;
        var interval = TimeSpan.FromSeconds(1 / (share * rate));
        TestContext.Current.SendDiagnosticMessage("{0} iterations: these processors derive the keys of {1:0} sessions a second", iterations, rate);
        // Until what runs has been compiled: that takes the processors too, and is over soon.
        const int WarmUp = 50;
        for (var i = 0; i < WarmUp; i++)
            await ComeAsync(loopback, Sources.Number(i), iterations);
        var clients = new List<Task<TimeSpan>>();
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i * interval < time; i++)
        {
            if (i * interval - Stopwatch.GetElapsedTime(started) is { TotalMilliseconds: > 1 } early)
                await Task.Delay(early);
            var source = Sources.Number(i);
            clients.Add(Task.Run(() => ComeAsync(loopback, source, iterations)));
        }
        var waits = (await Task.WhenAll(clients).WaitAsync(TimeSpan.FromMinutes(2))).Order().ToArray();
        TestContext.Current.SendDiagnosticMessage(
            "{0} iterations: keys for {1:0} sessions a second; {2} came in {3:0.0} s ({4:0} a second), all let in; half within {5:0} ms, 99 % within {6:0} ms, the slowest {7:0} ms",
            iterations, rate, waits.Length, Stopwatch.GetElapsedTime(started).TotalSeconds, waits.Length / Stopwatch.GetElapsedTime(started).TotalSeconds,
            waits[waits.Length / 2].TotalMilliseconds, waits[waits.Length * 99 / 100].TotalMilliseconds, waits[^1].TotalMilliseconds);
        Assert.Equal(WarmUp + waits.Length, loopback.Listener.Accepted);
        Assert.Equal(0, loopback.Listener.Rejected);
    }

    private static async Task<TimeSpan> ComeAsync(Loopback loopback, IPAddress source, int iterations)
    {
        var came = Stopwatch.GetTimestamp();
        await using var client = await loopback.ConnectFakeAsync(source: source);
        await client.OpenSessionAsync(Generation.Named("6.2") with { Iterations = iterations }, AesMode.CTR);
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
        return Stopwatch.GetElapsedTime(came);
    }

    /// <summary>What all processors derive in two seconds, as busy as they are otherwise.</summary>
    private static double DerivationsPerSecond(XpraKey key, int iterations)
    {
        var parameters = CipherCapabilities.Generate(AesMode.CTR, 32, KeyHash.SHA1, iterations, PaddingScheme.Pkcs7, 16, true);
        long count = 0;
        var started = Stopwatch.GetTimestamp();
        Parallel.For(0, Environment.ProcessorCount, _ =>
        {
            while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(2))
            {
                SessionCiphers.CreateEncryptor(key, parameters).Dispose();
                Interlocked.Increment(ref count);
            }
        });
        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
