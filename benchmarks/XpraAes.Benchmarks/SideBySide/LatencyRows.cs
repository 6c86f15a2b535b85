namespace XpraAes.Benchmarks.SideBySide;

/// <summary>The latency that two of our gateways, and two stunnels, add to a small ping and its echo.</summary>
internal static class LatencyRows
{
    public static void Measure(Table table, Settings settings, string what, Chain direct, Chain gateways, Chain? stunnel)
    {
        var count = settings.Quick ? 2000 : 10_000;
        Chain[] chains = [direct, gateways, .. stunnel is null ? Array.Empty<Chain>() : [stunnel]];
        var times = chains.Select(_ => new List<(double Median, double Percentile99)>()).ToArray();
        foreach (var chain in chains)
            Load.Ping(chain, count);
        for (var round = 0; round < settings.Rounds; round++)
        {
            for (var i = 0; i < chains.Length; i++)
                times[i].Add(Load.Ping(chains[i], count));
        }
        Compare("p50", time => time.Median, 1.0);
        Compare("p99", time => time.Percentile99, 1.5);

        void Compare(string name, Func<(double Median, double Percentile99), double> of, double goal)
        {
            var medians = times.Select(runs => Settings.Median(runs.Select(of))).ToArray();
            table.AtMost($"{what}, {name}", medians[1] - medians[0], stunnel is null ? null : medians[2] - medians[0], "us", goal);
        }
    }
}
