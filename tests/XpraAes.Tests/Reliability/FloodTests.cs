using System.Diagnostics;
using System.Net;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Many unauthenticated clients at once, and clients with the key among them. The long ones: <c>-explicit only -class XpraAes.Tests.Reliability.FloodTests</c>.</summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class FloodTests
{
    private const string NeedsSources = "Only Linux has all of 127.0.0.0/8.";

    public static bool HasSources => Sources.Exist;

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public Task A_flood_from_a_thousand_addresses_keeps_nobody_out() => FloodAsync(sources: 1000, TimeSpan.FromSeconds(3), within: Loopback.HelloTimeout);

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public Task A_flood_from_a_hundred_addresses_keeps_nobody_out() => FloodAsync(sources: 100, TimeSpan.FromSeconds(3), within: Loopback.HelloTimeout);

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources, Explicit = true)]
    public Task A_minute_of_a_flood_from_a_thousand_addresses_keeps_nobody_waiting_for_ten_seconds() => FloodAsync(sources: 1000, TimeSpan.FromMinutes(1), within: TimeSpan.FromSeconds(10));

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources, Explicit = true)]
    public Task A_minute_of_a_flood_from_a_hundred_addresses_keeps_nobody_waiting_for_ten_seconds() => FloodAsync(sources: 100, TimeSpan.FromMinutes(1), within: TimeSpan.FromSeconds(10));

    [Fact(SkipUnless = nameof(HasSources), Skip = NeedsSources)]
    public async Task Slow_senders_keep_nobody_out_and_are_disconnected()
    {
        var limits = new Limits { HandshakeTimeout = TimeSpan.FromSeconds(3), CloseGrace = TimeSpan.FromMilliseconds(200) };
        await using var loopback = Loopback.Start(options => options with { Limits = limits });
        var slow = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => loopback.ConnectFakeAsync(source: Sources.Number(i))));
        var sending = Task.WhenAll(slow.Select(async peer =>
        {
            try
            {
                foreach (var one in UnauthenticatedClient.Hello.Chunk(1))
                {
                    await peer.SendRawAsync(one);
                    await Task.Delay(500);
                }
            }
            catch (Exception e) when (e is System.Net.Sockets.SocketException or ObjectDisposedException)
            {
                // Disconnected, as it should be.
            }
        }));
        for (var i = 0; i < 5; i++)
            Assert.True(await loopback.AcceptsAsync(Sources.Number(10_000 + i)));
        await sending.WaitAsync(TimeSpan.FromMinutes(2));
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
        Assert.Equal(200, loopback.Listener.Rejected);
        foreach (var peer in slow)
            await peer.DisposeAsync();
    }

    private static async Task FloodAsync(int sources, TimeSpan time, TimeSpan within)
    {
        await using var loopback = Loopback.Start(options => options with { Limits = new Limits { CloseGrace = TimeSpan.FromMilliseconds(200) } });
        var endpoint = new IPEndPoint(IPAddress.Loopback, loopback.Listener.Port);
        using var over = new CancellationTokenSource();
        var unauthenticatedClients = 0;
        var flood = Task.WhenAll(Enumerable.Range(0, sources).Select(source => Task.Run(async () =>
        {
            for (var i = source; !over.IsCancellationRequested; i++)
            {
                if (await UnauthenticatedClient.ConnectAsync(endpoint, Sources.Number(source), UnauthenticatedClient.Kinds[i % UnauthenticatedClient.Kinds.Count], over.Token))
                    Interlocked.Increment(ref unauthenticatedClients);
            }
        })));

        var started = Stopwatch.GetTimestamp();
        var waits = new List<TimeSpan>();
        var retries = 0;
        // Each from a new address, until the time is over, and at least three.
        for (var i = 0; Stopwatch.GetElapsedTime(started) < time || i < 3; i++)
        {
            var connectStarted = Stopwatch.GetTimestamp();
            // A client that is rejected at the very beginning, when all sources are new, retries.
            while (!await loopback.AcceptsAsync(Sources.Number(100_000 + i)).WaitAsync(within - Stopwatch.GetElapsedTime(connectStarted)))
            {
                retries++;
                await Task.Delay(100);
            }
            waits.Add(Stopwatch.GetElapsedTime(connectStarted));
        }
        await over.CancelAsync();
        await flood.WaitAsync(Loopback.HelloTimeout);

        waits.Sort();
        TestContext.Current.SendDiagnosticMessage(
            "{0} unauthenticated clients from {1} addresses, {2:0} a second; {3} clients, the slowest in after {4:0.00} s, half of them within {5:0.000} s, {6} of them at another attempt; refused: {7}",
            unauthenticatedClients, sources, unauthenticatedClients / Stopwatch.GetElapsedTime(started).TotalSeconds, waits.Count, waits[^1].TotalSeconds, waits[waits.Count / 2].TotalSeconds, retries,
            string.Join(", ", loopback.Listener.Refusals.Select(refusal => $"{refusal.Key} {refusal.Value}")));
        Assert.True(unauthenticatedClients >= sources, $"{unauthenticatedClients} clients are no flood.");
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
    }
}
