using System.Diagnostics;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>All that happens to a listener and a gateway in a day, repeated, and what it leaks. The long one: <c>-explicit only -class XpraAes.Tests.Reliability.ChurnTests</c>.</summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class ChurnTests
{
    private const int Workers = 8;

    private static readonly Limits s_quick = Limits.Default with
    {
        HandshakeTimeout = TimeSpan.FromSeconds(3),
        HalfCloseTimeout = TimeSpan.FromMilliseconds(50),
        CloseGrace = TimeSpan.FromMilliseconds(50),
        AnsweredTimeout = TimeSpan.FromMilliseconds(500),
        RememberedSources = 500,
    };

    [Fact]
    public Task Some_seconds_of_churn_leave_nothing_behind() => ChurnAsync(rounds: 4, TimeSpan.FromSeconds(4));

    [Fact(Explicit = true)]
    public Task Ten_minutes_of_churn_leave_nothing_behind() => ChurnAsync(rounds: 20, TimeSpan.FromSeconds(30));

    /// <summary>After each round, compares what the process holds with what it held after the first, when everything had been used once.</summary>
    private static async Task ChurnAsync(int rounds, TimeSpan time)
    {
        using var unobserved = new UnobservedExceptions();
        await using var loopback = Loopback.Start(options => options with { Limits = s_quick });
        await using var rig = new Rig(limits: s_quick);
        using var over = new CancellationTokenSource();
        var serving = ServeTargetAsync(rig.Target, over.Token);
        var done = 0;
        (int Handles, int Threads, long Heap) first = default, last = default;
        for (var round = 0; round < rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
            {
                for (var i = worker; Stopwatch.GetElapsedTime(started) < time; i++)
                {
                    await ActAsync(loopback, rig, worker, i);
                    Interlocked.Increment(ref done);
                }
            })));
            await Loopback.Eventually(() => loopback.Listener.Serving == 0 && rig.Listener.Serving == 0);
            var left = LiveObjects.Connections.Where(connection => connection.Endpoint.Contains($":{loopback.Listener.Port}", StringComparison.Ordinal) || connection.Endpoint.Contains($":{rig.Listener.Port}", StringComparison.Ordinal));
            Assert.Empty(left);
            last = (Leaks.Handles, Leaks.Threads, Leaks.Heap());
            if (round == 0)
                first = last;
            TestContext.Current.SendDiagnosticMessage(
                "{0} actions so far: {1} handles, {2} threads, {3:0.0} MB; accepted {4} and {5}, refused {6} and {7}",
                done, last.Handles, last.Threads, last.Heap / 1048576.0, loopback.Listener.Accepted, rig.Listener.Accepted, loopback.Listener.Rejected, rig.Listener.Rejected);
        }
        await over.CancelAsync();
        await serving.WaitAsync(Loopback.HelloTimeout);

        // Threads and handles of the pool come and go; a leak would be one for each of thousands of actions.
        Assert.InRange(last.Handles, 0, first.Handles + 20);
        Assert.InRange(last.Threads, 0, first.Threads + 20);
        Assert.InRange(last.Heap, 0, first.Heap + 4 * 1024 * 1024);
        unobserved.AssertNone();
        Assert.True(done > rounds * Workers, $"{done} actions are no churn.");
    }

    private static async Task ActAsync(Loopback loopback, Rig rig, int worker, int i)
    {
        var source = Sources.Exist ? Sources.Number(worker) : IPAddress.Loopback;
        var mode = (AesMode)(i % 4);
        switch (i % 9)
        {
            case 0 or 1:
                await loopback.AcceptsAsync(source);
                break;
            case 2:
                await TryAsync(async () =>
                {
                    await using var client = await loopback.ConnectAsync(options => options with { Mode = mode, Iterations = 1000 });
                    await client.PingAsync(Loopback.HelloTimeout);
                    await client.RequestInfoAsync(Loopback.HelloTimeout, default);
                });
                break;
            case 3:
                await TryAsync(async () =>
                {
                    using var other = XpraKey.Generate();
                    await (await loopback.ConnectAsync(options => options with { Key = other, Mode = mode, Iterations = 1000 })).CloseAsync();
                });
                break;
            case 4 or 5:
                await UnauthenticatedClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, i % 2 == 0 ? loopback.Listener.Port : rig.Listener.Port), Sources.Exist ? Sources.Number(1000 + i) : source, UnauthenticatedClient.Kinds[i % UnauthenticatedClient.Kinds.Count], default);
                break;
            case 6 or 7:
                await TryAsync(async () =>
                {
                    await using var client = await TestClient.ConnectAsync(rig.Listener, rig.Key, mode);
                    await client.SendHelloAsync();
                    var session = await client.EstablishAsync();
                    await session.SendAsync("ping", (long)i, new byte[i % 50_000]);
                    Assert.Equal((long)i, (await session.ReceiveAsync())![1]);
                    if (i % 2 == 0)
                        session.Reset();
                });
                break;
            default:
                await using (var brief = Loopback.Start(options => options with { Limits = s_quick }))
                    await brief.AcceptsAsync();
                break;
        }
    }

    /// <summary>Among unauthenticated clients, a client may be evicted: that is no failure here.</summary>
    private static async Task TryAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (XpraAesException)
        {
            // Refused or disconnected.
        }
    }

    /// <summary>Echoes whatever comes to the gateway's target.</summary>
    private static async Task ServeTargetAsync(TestTarget target, CancellationToken cancellationToken)
    {
        var sessions = new List<Task>();
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                var peer = await target.AcceptAsync();
                sessions.RemoveAll(session => session.IsCompleted);
                sessions.Add(EchoAsync(peer));
            }
            catch (Exception e) when (e is XpraAesException or TimeoutException or OperationCanceledException)
            {
                // It did not get as far as a session.
            }
        }
        await Task.WhenAll(sessions);
    }

    private static async Task EchoAsync(TestPeer peer)
    {
        await using (peer)
        {
            try
            {
                while (await peer.Channel.ReceiveAsync(default) is { } packet)
                    await peer.Channel.SendAsync([.. packet.Items], default);
            }
            catch (XpraAesException)
            {
                // The client ended it.
            }
        }
    }
}
