using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using XpraAes.Benchmarks.SideBySide;
using XpraAes.Benchmarks.Traffic;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks;

/// <summary>
/// <c>scale sessions</c>: what idle sessions cost a gateway. <c>scale routes MODULE</c>: what a change of a configuration with very many routes costs, and those who are
/// connected. Routes themselves are <see cref="RouteBenchmarks"/>'.
/// </summary>
internal static class ScaleSpeed
{
    private const int Sessions = 10_000, Routes = 10_000, WarmUpChanges = 40, Changes = 9;

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(10), s_watched = TimeSpan.FromSeconds(30);

    /// <summary>Traffic beside a change, in bytes a second: a busy gateway; and as much as there can be.</summary>
    private static readonly double[] s_traffic = [100e6, double.PositiveInfinity];

    public static void RunRoutes(string module)
    {
        using var target = new EchoTarget();
        foreach (var traffic in s_traffic)
            MeasureConfiguration(target.Port, module, traffic);
    }

    public static void RunSessions()
    {
        using var target = new EchoTarget();
        using var gateways = Chain.OfGateways(AesMode.CTR, target.Port, iterations: 1000);
        var clients = new List<LoadClient>();
        Load.Open(gateways, clients, 20); // so that what is allocated once counts for no session
        var before = Settled(gateways);
        Console.WriteLine("sessions   memory, MB   KB a session   ms of CPU a second for 1,000 sessions with a ping every 10 s");
        foreach (var count in (int[])[1000, 2500, 5000, MostSessions()])
        {
            Load.Open(gateways, clients, count);
            var memory = Settled(gateways);
            var used = Watch(gateways, clients);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count,8} {memory / 1e6,12:0.0} {(memory - before) / 1e3 / (count - 20),14:0.0} {used * 1000 / (count / 1000.0),10:0.00}"));
        }
        clients.ForEach(client => client.Dispose());
    }

    /// <summary>Every program here has two descriptors for each session.</summary>
    private static int MostSessions()
    {
        var limit = File.ReadLines("/proc/self/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
        return limit == "unlimited" ? Sessions : Math.Min(Sessions, (int.Parse(limit, CultureInfo.InvariantCulture) - 400) / 2);
    }

    private static double Settled(Chain chain)
    {
        Thread.Sleep(TimeSpan.FromSeconds(3));
        return chain.Far!.Memory;
    }

    /// <summary>Seconds of the gateway's processor time for each second, while every session pings once in ten.</summary>
    private static double Watch(Chain chain, List<LoadClient> clients)
    {
        var (start, used) = (Stopwatch.GetTimestamp(), chain.Far!.ProcessorTime);
        for (long pinged = 0; Stopwatch.GetElapsedTime(start) < s_watched; pinged++)
        {
            Load.PingOnce(clients[(int)(pinged % clients.Count)]);
            if (pinged % 20 == 0 && s_pause * pinged / clients.Count - Stopwatch.GetElapsedTime(start) is { Ticks: > 0 } ahead)
                Thread.Sleep(ahead);
        }
        return (chain.Far.ProcessorTime - used) / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static void MeasureConfiguration(int target, string module, double traffic)
    {
        if (Tools.Find("pwsh") is not { } pwsh)
        {
            Console.WriteLine("configuration: skipped, pwsh is not here");
            return;
        }
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "key.txt"), Chain.BenchmarkKeyText);
            File.WriteAllText(Path.Combine(folder, "apply.ps1"), $$"""
                chmod 600 '{{folder}}/key.txt'
                Import-Module '{{module}}'
                $WarningPreference = 'SilentlyContinue'
                $listener = Start-XpraAesListener -ConfigurationPath '{{folder}}/gateway.json'
                [Console]::WriteLine($listener.Port)
                while ($null -ne [Console]::ReadLine()) {
                    $watch = [Diagnostics.Stopwatch]::StartNew()
                    $listener | Set-XpraAesListener -ConfigurationPath '{{folder}}/gateway.json' -ErrorAction Stop
                    [Console]::WriteLine($watch.Elapsed.TotalMilliseconds.ToString([cultureinfo]::InvariantCulture))
                }
                """);
            Write(folder, target, change: 0);
            using var listener = Peer.StartAnswering($"{pwsh} -NoProfile -NonInteractive -File {folder}/apply.ps1");
            using var chain = Chain.OfSealedGatewayTo(listener);
            using var client = chain.Connect();
            using var pinging = chain.Connect();
            client.Flood(PlainPackets.OfSize(16 * 1024), traffic);
            Thread.Sleep(TimeSpan.FromSeconds(2));
            // For the JIT compiler, as in a gateway that has been running for a while.
            for (var i = 0; i < WarmUpChanges; i++)
                listener.Ask("");
            var quiet = Observe(client, pinging, () => Thread.Sleep(200));
            Show("no change", quiet.Select(_ => 200.0), quiet);
            var times = new List<double>();
            var change = 0;
            var busy = Observe(client, pinging, () =>
            {
                Write(folder, target, ++change);
                times.Add(Peer.Number(listener.Ask("")));
            });
            Show($"{Routes:N0} routes applied", times, busy);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Half exact names, a quarter users' and a quarter patterns; and where everyone else goes.</summary>
    private static void Write(string folder, int target, int change)
    {
        var routes = Enumerable.Range(0, Routes).ToDictionary(
            i => (i % 4) switch { 0 or 1 => $"session-{change}-{i}", 2 => $"user-{change}-{i}/*", _ => $"p{change}-{i}-*" },
            i => $"tcp://10.0.{i % 256}.1:{14500 + i % 100}/");
        routes["*"] = $"tcp://127.0.0.1:{target}/";
        File.WriteAllText(Path.Combine(folder, "gateway.json"), JsonSerializer.Serialize(new { Port = 0, KeyFile = "key.txt", Transport = "TlsPsk", Target = routes }));
    }

    /// <summary>MB/s of the flood, and the longest of the pings, during each run of an action.</summary>
    private static List<(double Throughput, double LongestPing)> Observe(LoadClient flood, LoadClient pinging, Action action)
    {
        var results = new List<(double, double)>();
        var packet = PlainPackets.OfSize(64);
        for (var i = 0; i < Changes; i++)
        {
            Thread.Sleep(300);
            var (start, echoed) = (Stopwatch.GetTimestamp(), flood.Echoed);
            var run = Task.Run(action);
            var longest = 0.0;
            do
                longest = Math.Max(longest, pinging.Ping(packet).TotalMilliseconds);
            while (!run.IsCompleted);
            run.GetAwaiter().GetResult();
            results.Add(((flood.Echoed - echoed) / 1e6 / Stopwatch.GetElapsedTime(start).TotalSeconds, longest));
        }
        return results;
    }

    private static void Show(string what, IEnumerable<double> times, List<(double Throughput, double LongestPing)> during)
        => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {Settings.Median(times):0} ms (longest {times.Max():0} ms), meanwhile {Settings.Median(during.Select(run => run.Throughput)):0} MB/s and a longest ping of {Settings.Median(during.Select(run => run.LongestPing)):0.0} ms"));
}
