using System.Diagnostics;
using XpraAes.Benchmarks.Traffic;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Resident memory of the program beside the target, with idle sessions and under light traffic.</summary>
internal static class MemoryRows
{
    /// <summary>Returns KB by number of sessions, of our gateway and of stunnel if installed.</summary>
    public static List<(int Sessions, double Ours, double? Peer)> Measure(Table table, Settings settings, int target)
    {
        using var stunnel = Chain.OfStunnel(target);
        using var gateways = Chain.OfGateways(AesMode.CTR, target, iterations: 1000);
        const string what = "memory of an idle session";
        var growth = Measure(table, settings, what, gateways, stunnel, goal: 8);
        using var bare = Chain.OfBareRelays(target);
        var (sessions, most, _) = growth[^1];
        var least = OpenAll(bare, [sessions], settings, null);
        table.AtLeast($"{what}, of {sessions}, to a bare relay in .NET", (most - growth[0].Ours) / sessions, (least[^1] - least[0]) / sessions, "KB", goal: null);
        return growth;
    }

    public static List<(int Sessions, double Ours, double? Peer)> Measure(Table table, Settings settings, string what, Chain gateways, Chain? stunnel, double? goal = null)
    {
        int[] sessions = settings.Quick ? [500] : [1000, 5000];
        var peer = stunnel is null ? null : OpenAll(stunnel, sessions, settings, null);
        var ours = OpenAll(gateways, sessions, settings, table);
        var growth = new List<(int, double, double?)>();
        for (var i = 0; i <= sessions.Length; i++)
        {
            growth.Add((i == 0 ? 0 : sessions[i - 1], ours[i], peer?[i]));
            if (i > 0)
                table.AtMost($"{what}, of {sessions[i - 1]}", (ours[i] - ours[0]) / sessions[i - 1], (peer?[i] - peer?[0]) / sessions[i - 1], "KB", 1.0);
        }
        if (goal is not null && !settings.Quick)
            table.AtMostOf($"{what}, of {sessions[^1]}, to the goal", (ours[^1] - ours[0]) / sessions[^1], (peer?[^1] - peer?[0]) / sessions[^1], "KB", goal.Value);
        return growth;
    }

    /// <summary>KB without sessions, and with each number of them.</summary>
    private static double[] OpenAll(Chain chain, int[] sessions, Settings settings, Table? table)
    {
        // Some sessions first, few at a time, so that one-time allocations, such as compiled code, are not attributed to sessions.
        for (var round = 0; round < (settings.Quick ? 5 : 50); round++)
        {
            var first = new List<LoadClient>();
            Load.Open(chain, first, 20);
            first.ForEach(client => client.Dispose());
        }
        var clients = new List<LoadClient>();
        var sizes = new List<double> { Settled(chain, settings) };
        foreach (var count in sessions)
        {
            Load.Open(chain, clients, count);
            sizes.Add(Settled(chain, settings));
        }
        if (table is not null && settings.Minutes > 0)
            Watch(table, chain, clients, settings);
        foreach (var client in clients)
            client.Dispose();
        return [.. sizes];
    }

    private static double Settled(Chain chain, Settings settings)
    {
        Thread.Sleep(settings.Quick ? 500 : 3000);
        return chain.Far!.Memory / 1024;
    }

    /// <summary>Each session pings every ten seconds; the first minute is warm-up.</summary>
    private static void Watch(Table table, Chain chain, List<LoadClient> clients, Settings settings)
    {
        var start = Stopwatch.GetTimestamp();
        double before = 0;
        for (var minute = 0; minute <= settings.Minutes; minute++)
        {
            while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(minute + 1))
            {
                var round = Stopwatch.GetTimestamp();
                for (var i = 0; i < clients.Count; i++)
                {
                    Load.PingOnce(clients[i]);
                    if (i % 50 == 0 && TimeSpan.FromSeconds(10) * i / clients.Count - Stopwatch.GetElapsedTime(round) is { Ticks: > 0 } ahead)
                        Thread.Sleep(ahead);
                }
            }
            if (minute == 0)
                before = chain.Far!.Memory;
        }
        table.AtMost($"memory after {settings.Minutes} min of light traffic, to before", chain.Far!.Memory / 1024 / 1024, before / 1024 / 1024, "MB", 1.02);
    }
}
