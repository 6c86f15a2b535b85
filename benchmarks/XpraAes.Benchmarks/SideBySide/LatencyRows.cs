namespace XpraAes.Benchmarks.SideBySide;

/// <summary>The latency that two of our gateways, two stunnels and two HAProxys add to a small ping and its echo.</summary>
internal static class LatencyRows
{
    public static void Measure(Table table, Settings settings, string what, Chain direct, Chain gateways, Chain? stunnel)
    {
        var (ours, peer) = Added(settings, direct, gateways, stunnel);
        table.AtMost($"{what}, p50", ours.Median, peer?.Median, "us", 1.0);
        table.AtMost($"{what}, p99", ours.Percentile99, peer?.Percentile99, "us", 1.5);
    }

    /// <summary>HAProxy does not encrypt: what no encryption costs.</summary>
    public static void MeasureToHaproxy(Table table, Settings settings, string what, Chain direct, Chain gateways, Chain? haproxy)
    {
        var (ours, peer) = Added(settings, direct, gateways, haproxy);
        table.AtMostBy($"{what}, to HAProxy, p50", ours.Median, peer?.Median, "us", 10);
        table.AtMost($"{what}, to HAProxy, p99", ours.Percentile99, peer?.Percentile99, "us", 2.0);
    }

    private static (Times Ours, Times? Peer) Added(Settings settings, Chain direct, Chain gateways, Chain? peer)
    {
        var count = settings.Quick ? 2000 : 10_000;
        Chain[] chains = [direct, gateways, .. peer is null ? Array.Empty<Chain>() : [peer]];
        var runs = chains.Select(_ => new List<(double Median, double Percentile99)>()).ToArray();
        foreach (var chain in chains)
            Load.Ping(chain, count);
        for (var round = 0; round < settings.Rounds; round++)
        {
            for (var i = 0; i < chains.Length; i++)
                runs[i].Add(Load.Ping(chains[i], count));
        }
        var times = runs.Select(of => new Times(Settings.Median(of.Select(run => run.Median)), Settings.Median(of.Select(run => run.Percentile99)))).ToArray();
        Times Minus(Times through) => new(through.Median - times[0].Median, through.Percentile99 - times[0].Percentile99);
        return (Minus(times[1]), peer is null ? null : Minus(times[2]));
    }

    private sealed record Times(double Median, double Percentile99);
}
