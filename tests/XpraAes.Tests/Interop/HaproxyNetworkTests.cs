using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using XpraAes.Connections;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Interop;

/// <summary>
/// Three gateways behind HAProxy, each in a network namespace of its own with the addresses of the sample, and clients in two more: machines that die, drain, vanish from
/// the network, and get a new version, while clients come all the time.
/// </summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class HaproxyNetworkTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly (string Name, string Address)[] s_homes = [("c1", "10.0.0.101"), ("c2", "10.0.0.102")];

    private readonly ConcurrentBag<XpraConnection> _connections = [];
    private TestNetwork? _network;
    private HaproxyRig? _rig;
    private int _nextClient;

    private TestNetwork Network => _network!;

    private HaproxyRig Rig => _rig!;

    public ValueTask InitializeAsync()
    {
        var reason = TestNetwork.TryCreate(out _network, [.. HaproxyRig.Members, .. s_homes]);
        Assert.SkipWhen(reason is not null, reason ?? "");
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_connections.Select(connection => connection.CloseAsync()));
        if (_rig is not null)
            await _rig.DisposeAsync();
        _network?.Dispose();
    }

    [Fact]
    public async Task Sessions_spread_over_machines_that_know_their_clients_addresses_and_the_end_of_one_ends_only_its_own()
    {
        await StartAsync("");
        var sessions = new List<(XpraConnection Connection, int Gateway)>();
        for (var i = 0; i < 2 * HaproxyRig.Gateways; i++)
            sessions.Add(await OpenAsync(s_homes[i % 2]));
        Assert.Equal([2, 2, 2], Enumerable.Range(0, HaproxyRig.Gateways).Select(gateway => sessions.Count(session => session.Gateway == gateway)));
        var peers = Enumerable.Range(0, HaproxyRig.Gateways).SelectMany(Rig.Audit).Where(e => Is(e, "SessionOpened")).Select(e => e.GetProperty("peer").GetString()!.Split(':')[0]);
        Assert.Equal([.. s_homes.SelectMany(home => Enumerable.Repeat(home.Address, 3))], peers.Order(StringComparer.Ordinal));

        await using var visitors = new Visitors(this, s_homes);
        Rig.ProcessOf(0).Kill();
        await Rig.ProcessOf(0).WaitForExitAsync(TestContext.Current.CancellationToken);
        var ended = Stopwatch.GetTimestamp();
        await Task.WhenAll(sessions.Where(session => session.Gateway == 0).Select(session => session.Connection.Completion)).WaitAsync(HaproxyRig.Deadline);
        for (var i = 0; i < 2; i++)
            Assert.NotEqual(0, (await OpenAsync(s_homes[i])).Gateway);
        await Rig.UntilHealthIsAsync(0, "DOWN");
        output.WriteLine($"kill -9: noticed after {Stopwatch.GetElapsedTime(ended).TotalSeconds:0.0} s");
        await Task.WhenAll(sessions.Where(session => session.Gateway != 0).Select(session => session.Connection.PingAsync(HaproxyRig.Deadline)));
        await Loopback.Eventually(() => visitors.Count(since: ended) >= 10, HaproxyRig.Deadline, visitors.ToString);
        await visitors.StopAsync();
        // Whoever had been let in by the one that died is lost with it. Those who came later were sent to another one, even before HAProxy had noticed.
        Assert.DoesNotContain(visitors.Failures, failure => failure.Begun >= ended);
        output.WriteLine($"{visitors}");
    }

    [Fact]
    public async Task A_machine_that_drains_loses_no_session_and_not_one_client_is_refused()
    {
        await StartAsync("DrainDelay = 6; DrainTime = 300");
        var sessions = new List<(XpraConnection Connection, int Gateway)>();
        for (var i = 0; i < HaproxyRig.Gateways; i++)
            sessions.Add(await OpenAsync(s_homes[0]));
        // Many, so that some come before HAProxy has noticed.
        await using var visitors = new Visitors(this, [.. s_homes, .. s_homes, .. s_homes, .. s_homes]);
        await Task.Delay(1000);
        var signalled = Stopwatch.GetTimestamp();
        await ShellProcess.SignalAsync(Rig.ProcessOf(1), "TERM");
        await Rig.UntilHealthIsAsync(1, "DOWN");
        output.WriteLine($"drain: noticed after {Stopwatch.GetElapsedTime(signalled).TotalSeconds:0.0} s");
        await Loopback.Eventually(() => Rig.Audit(1).Any(e => Is(e, "Draining")), HaproxyRig.Deadline);
        var closed = Stopwatch.GetTimestamp();
        await Loopback.Eventually(() => visitors.Count(since: closed) >= 10, HaproxyRig.Deadline, visitors.ToString);
        await visitors.StopAsync();
        output.WriteLine($"{visitors}");
        Assert.Empty(visitors.Failures);
        var events = Rig.Audit(1).ToArray();
        var late = events.SkipWhile(e => !Is(e, "DrainAnnounced")).Count(e => Is(e, "SessionOpened"));
        output.WriteLine($"{late} clients were let in by the gateway that had announced its end");
        // Without the delay, these would have met a port that closes.
        Assert.InRange(late, 1, int.MaxValue);
        Assert.DoesNotContain(events.SkipWhile(e => !Is(e, "Draining")), e => Is(e, "SessionOpened"));

        await Task.WhenAll(sessions.Select(session => session.Connection.PingAsync(HaproxyRig.Deadline)));
        await sessions.Single(session => session.Gateway == 1).Connection.CloseAsync();
        Assert.Equal(0, (await ShellProcess.FinishAsync(Rig.ProcessOf(1))).ExitCode);
    }

    [Fact]
    public async Task Sessions_outlive_a_short_break_of_the_network_and_nobody_waits_long_for_a_machine_that_has_vanished()
    {
        await StartAsync("");
        // Their own patience is short, for the test's sake.
        var limits = Limits.Default with { PingInterval = TimeSpan.FromSeconds(1), IdleTimeout = TimeSpan.FromSeconds(8) };
        var sessions = new List<(XpraConnection Connection, int Gateway)>();
        for (var i = 0; i < HaproxyRig.Gateways; i++)
            sessions.Add(await OpenAsync(s_homes[0], limits));
        var (vanished, _) = sessions.Single(session => session.Gateway == 2);

        Network.SetLink(HaproxyRig.NameOf(2), isUp: false);
        await Task.Delay(2000);
        Network.SetLink(HaproxyRig.NameOf(2), isUp: true);
        await vanished.PingAsync(HaproxyRig.Deadline);
        await Rig.UntilHealthIsAsync(2, "UP");

        Network.SetLink(HaproxyRig.NameOf(2), isUp: false);
        var began = Stopwatch.GetTimestamp();
        var noticing = NoticeAsync();
        var slowest = TimeSpan.Zero;
        for (var i = 0; i < 4; i++)
        {
            var started = Stopwatch.GetTimestamp();
            Assert.NotEqual(2, (await OpenAsync(s_homes[1])).Gateway);
            slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(started).Ticks));
        }
        output.WriteLine($"vanished: the slowest of the clients that come at once has waited {slowest.TotalSeconds:0.0} s");
        output.WriteLine($"vanished: noticed after {(await noticing).TotalSeconds:0.0} s");
        // Nobody tells its clients: they notice by their pings.
        await vanished.Completion.WaitAsync(HaproxyRig.Deadline);
        output.WriteLine($"vanished: its session ended after {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s");
        Assert.Contains("ping timeout", vanished.CloseReason, StringComparison.Ordinal);
        await Task.WhenAll(sessions.Where(session => session.Gateway != 2).Select(session => session.Connection.PingAsync(HaproxyRig.Deadline)));

        Network.SetLink(HaproxyRig.NameOf(2), isUp: true);
        await Rig.UntilHealthIsAsync(2, "UP");
        Assert.Equal(2, (await OpenAsync(s_homes[1])).Gateway);

        async Task<TimeSpan> NoticeAsync()
        {
            await Rig.UntilHealthIsAsync(2, "DOWN");
            return Stopwatch.GetElapsedTime(began);
        }
    }

    /// <summary>Each gateway in turn: SIGTERM, its sessions' time, its end, a new process in its place, until HAProxy has it up.</summary>
    [Fact]
    public async Task A_new_version_is_rolled_through_all_machines_under_300_sessions()
    {
        const int Count = 300;
        await StartAsync("DrainDelay = 5; DrainTime = 5; UnprovenConnectionsPerSource = 256; UnprovenConnections = 256; WaitingDerivations = 256");
        var began = Stopwatch.GetTimestamp();
        await using var stayers = await Stayers.OpenAsync(this, Count);
        output.WriteLine($"{Count} sessions opened in {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s");
        await using var visitors = new Visitors(this, s_homes);
        for (var gateway = 0; gateway < HaproxyRig.Gateways; gateway++)
        {
            var started = Stopwatch.GetTimestamp();
            await ShellProcess.SignalAsync(Rig.ProcessOf(gateway), "TERM");
            Assert.Equal((0, ""), await ShellProcess.FinishAsync(Rig.ProcessOf(gateway)) is var (exitCode, _, errors) ? (exitCode, errors) : default);
            var drained = Stopwatch.GetElapsedTime(started);
            await Rig.StartGatewayAsync(gateway);
            await Rig.UntilHealthIsAsync(gateway, "UP");
            output.WriteLine($"{HaproxyRig.NameOf(gateway)}: drained within {drained.TotalSeconds:0.0} s, replaced within {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s; {stayers}");
        }
        await visitors.StopAsync();
        await stayers.StopAsync();
        output.WriteLine($"the roll took {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s; {stayers}; {visitors}");
        Assert.Empty(stayers.Lost);
        Assert.Empty(stayers.Failures);
        Assert.Empty(visitors.Failures);
        Assert.InRange(visitors.Count(since: 0), 50, int.MaxValue);
        // Each gateway had its share, which was told at the end of its time, and has a session elsewhere.
        Assert.InRange(stayers.Told, Count, 3 * Count);
        Assert.Equal(Count, stayers.Open);
        Assert.All(Enumerable.Range(0, HaproxyRig.Gateways), gateway => Assert.Equal(2, Rig.Audit(gateway).Count(e => Is(e, "Listening"))));
    }

    private async Task StartAsync(string limits) => _rig = await HaproxyRig.StartAsync(limits, Network);

    private static bool Is(JsonElement e, string name) => e.GetProperty("event").GetString() == name;

    /// <summary>A session that stays open, and the gateway that has it.</summary>
    private async Task<(XpraConnection Connection, int Gateway)> OpenAsync((string Name, string Address) home, Limits? limits = null)
    {
        var user = $"user{Interlocked.Increment(ref _nextClient)}";
        var connection = await ConnectAsync(home, user, limits);
        _connections.Add(connection);
        return (connection, await Rig.GatewayOfAsync("user", user));
    }

    private Task<XpraConnection> ConnectAsync((string Name, string Address) home, string? user = null, Limits? limits = null) => Network.StartIn(home.Name, () => XpraConnector.ConnectAsync(new ConnectOptions
    {
        Endpoint = new XpraEndpoint(TransportKind.Tcp, Rig.Address.Host, Rig.Address.Port),
        Key = Rig.Key,
        Iterations = 1000,
        UserName = user,
        Timeout = HaproxyRig.Deadline,
        Limits = limits ?? Limits.Default,
    }));

    /// <summary>Clients that come, stay for a ping, and go, one after the other from each home.</summary>
    private sealed class Visitors : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stopping = new();
        private readonly ConcurrentQueue<long> _visits = [];
        private readonly Task _visiting;

        public Visitors(HaproxyNetworkTests tests, IEnumerable<(string, string)> homes) => _visiting = Task.WhenAll(homes.Select(home => Task.Run(() => VisitAsync(tests, home))));

        public ConcurrentQueue<(long Begun, Exception Cause)> Failures { get; } = [];

        /// <summary>Those that began since.</summary>
        public int Count(long since) => _visits.Count(begun => begun >= since);

        public async Task StopAsync()
        {
            await _stopping.CancelAsync();
            await _visiting.WaitAsync(HaproxyRig.Deadline);
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stopping.Dispose();
        }

        public override string ToString() => $"{_visits.Count} clients came and went, {Failures.Count} failed{string.Concat(Failures.Select(failure => $"\n  {failure.Cause.Message}"))}";

        private async Task VisitAsync(HaproxyNetworkTests tests, (string, string) home)
        {
            while (!_stopping.IsCancellationRequested)
            {
                var begun = Stopwatch.GetTimestamp();
                try
                {
                    await using var connection = await tests.ConnectAsync(home);
                    await connection.PingAsync(HaproxyRig.Deadline);
                    _visits.Enqueue(begun);
                }
                catch (Exception e) when (e is XpraAesException or TimeoutException)
                {
                    Failures.Enqueue((begun, e));
                }
                await Task.Delay(20);
            }
        }
    }

    /// <summary>Clients that want to stay: each pings all the time, and connects again when its session ends.</summary>
    private sealed class Stayers : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stopping = new();
        private readonly HaproxyNetworkTests _tests;
        private Task _staying = Task.CompletedTask;
        private int _open, _told;

        private Stayers(HaproxyNetworkTests tests) => _tests = tests;

        /// <summary>Sessions that are open.</summary>
        public int Open => Volatile.Read(ref _open);

        /// <summary>Sessions that a gateway has ended with "server exit".</summary>
        public int Told => Volatile.Read(ref _told);

        /// <summary>Why others have ended.</summary>
        public ConcurrentQueue<string> Lost { get; } = [];

        /// <summary>Why no session came about.</summary>
        public ConcurrentQueue<Exception> Failures { get; } = [];

        public static async Task<Stayers> OpenAsync(HaproxyNetworkTests tests, int count)
        {
            var stayers = new Stayers(tests);
            var opened = Enumerable.Range(0, count).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
            stayers._staying = Task.WhenAll(opened.Select((first, i) => Task.Run(() => stayers.StayAsync(s_homes[i % s_homes.Length], first))));
            await Task.WhenAll(opened.Select(first => first.Task)).WaitAsync(HaproxyRig.Deadline);
            return stayers;
        }

        public async Task StopAsync()
        {
            await _stopping.CancelAsync();
            await _staying.WaitAsync(HaproxyRig.Deadline);
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stopping.Dispose();
        }

        public override string ToString() => $"{Open} sessions open, {Told} told, {Lost.Count} lost{string.Concat(Lost.Select(reason => $"\n  {reason}"))}, {Failures.Count} failed{string.Concat(Failures.Select(failure => $"\n  {failure.Message}"))}";

        private async Task StayAsync((string, string) home, TaskCompletionSource first)
        {
            while (true)
            {
                try
                {
                    await using var connection = await _tests.ConnectAsync(home);
                    Interlocked.Increment(ref _open);
                    first.TrySetResult();
                    if (!await PingUntilClosedAsync(connection))
                        return;
                    Interlocked.Decrement(ref _open);
                    if (connection.CloseReason!.Contains("server exit", StringComparison.Ordinal))
                        Interlocked.Increment(ref _told);
                    else
                        Lost.Enqueue(connection.CloseReason!);
                }
                catch (Exception e) when (e is XpraAesException or TimeoutException)
                {
                    Failures.Enqueue(e);
                    await Task.Delay(200);
                }
                if (_stopping.IsCancellationRequested)
                    return;
            }
        }

        /// <summary>Whether it has ended; false: it is still open, and the test is over.</summary>
        private async Task<bool> PingUntilClosedAsync(XpraConnection connection)
        {
            while (!connection.Completion.IsCompleted)
            {
                if (_stopping.IsCancellationRequested)
                {
                    await connection.PingAsync(HaproxyRig.Deadline);
                    return false;
                }
                try
                {
                    await connection.PingAsync(HaproxyRig.Deadline);
                    await connection.Completion.WaitAsync(TimeSpan.FromSeconds(1 + Random.Shared.NextDouble()), _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
                catch (XpraAesException)
                {
                    await connection.Completion.WaitAsync(HaproxyRig.Deadline);
                }
            }
            return true;
        }
    }
}
