using System.Diagnostics;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>One connection that floods an echoing target, through our gateways and through stunnel.</summary>
internal static class ThroughputRows
{
    /// <summary>A program to compare with, and the goals in multiples of its throughput: for small packets, and from 16 KB up.</summary>
    public sealed record Competitor(Chain? Chain, string Name, double Small, double Large)
    {
        public static Competitor Stunnel(Chain? chain) => new(chain, "stunnel", 0.8, 1.0);

        /// <summary>HAProxy does not encrypt: what no encryption costs.</summary>
        public static Competitor Haproxy(Chain? chain) => new(chain, "HAProxy without encryption", 0.7, 0.9);
    }

    /// <summary>Our gateways compared with each competitor.</summary>
    public static void Measure(Table table, Settings settings, string what, Chain[] gateways, params Competitor[] competitors)
    {
        Chain[] chains = [.. gateways, .. competitors.Select(competitor => competitor.Chain).OfType<Chain>()];
        WarmUp(chains, settings);
        foreach (var size in settings.PacketSizes)
        {
            var medians = settings.Medians([.. chains.Select(chain => Flood(chain, size, settings))]);
            foreach (var competitor in competitors)
            {
                for (var i = 0; i < gateways.Length; i++)
                {
                    double? peer = competitor.Chain is null ? null : medians[Array.IndexOf(chains, competitor.Chain)];
                    table.AtLeast($"{what} {gateways[i].Name} to {competitor.Name}, {Sizes.Name(size)}", medians[i], peer, "MB/s", size >= 16 * 1024 ? competitor.Large : competitor.Small);
                }
            }
        }
    }

    /// <summary>Many connections at once compared with HAProxy: throughput, and both programs' processor time for each GB.</summary>
    public static void MeasureMany(Table table, Settings settings, Chain gateways, Chain? haproxy)
    {
        const int Connections = 64;
        Chain[] chains = haproxy is null ? [gateways] : [gateways, haproxy];
        var runs = chains.Select(_ => new List<(double Throughput, double ProcessorTime)>()).ToArray();
        for (var round = 0; round < settings.Rounds; round++)
        {
            for (var i = 0; i < chains.Length; i++)
                runs[i].Add(Load.Flood(chains[i], 16 * 1024, Connections, settings, isFirst: false));
        }
        double Median(int chain, Func<(double Throughput, double ProcessorTime), double> of) => Settings.Median(runs[chain].Select(of));
        var what = $"{Connections} connections {gateways.Name} to HAProxy without encryption";
        table.AtLeast($"{what}, 16 KB", Median(0, run => run.Throughput), haproxy is null ? null : Median(1, run => run.Throughput), "MB/s", 0.9);
        table.AtMost($"{what}, processor time", Median(0, run => run.ProcessorTime), haproxy is null ? null : Median(1, run => run.ProcessorTime), "s/GB", 1.3);
    }

    /// <summary>CBC compared with the combined cost of a relay without encryption and of CBC alone.</summary>
    public static void MeasureCbc(Table table, Settings settings, Chain gateways, Chain plain)
    {
        using var cbc = CipherSpeed.Create(AesMode.CBC, encrypt: true, portable: false);
        CipherSpeed.WarmUp(cbc);
        WarmUp([gateways, plain], settings);
        settings = settings.InShortTurns;
        foreach (var size in settings.PacketSizes)
        {
            var packet = new byte[size - size % ProtocolDefaults.BlockSize];
            var medians = settings.Medians(Flood(gateways, size, settings), Flood(plain, size, settings), () => Encrypt(cbc, packet, settings));
            table.AtLeast($"gateway CBC to 1/(1/plain + 1/CBC), {Sizes.Name(size)}", medians[0], 1 / (1 / medians[1] + 1 / medians[2]), "MB/s", 0.9);
        }
    }

    /// <summary>Floods each chain once, for the JIT compiler.</summary>
    public static void WarmUp(IEnumerable<Chain> chains, Settings settings)
    {
        foreach (var chain in chains)
            Load.Flood(chain, settings.PacketSizes[0], 1, settings, isFirst: true);
    }

    /// <summary>A measurement of one connection's throughput in MB/s.</summary>
    public static Func<double> Flood(Chain chain, int size, Settings settings)
        => () => Load.Flood(chain, size, 1, settings, isFirst: false).Throughput;

    // By wall clock, like the relays, so that other load on the machine affects all of them.
    private static double Encrypt(BlockModeCipher cipher, byte[] packet, Settings settings)
    {
        long bytes = 0;
        var start = Stopwatch.GetTimestamp();
        for (; Stopwatch.GetElapsedTime(start) < settings.Time / 2; bytes += packet.Length)
            cipher.Transform(packet, packet);
        return bytes / 1e6 / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
