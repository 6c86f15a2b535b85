using System.Diagnostics;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>One connection that floods an echoing target, through our gateways and through stunnel.</summary>
internal static class ThroughputRows
{
    /// <summary>CTR and GCM compared with stunnel.</summary>
    public static void Measure(Table table, Settings settings, string what, Chain[] gateways, Chain? stunnel)
    {
        Chain[] chains = [.. gateways, .. stunnel is null ? Array.Empty<Chain>() : [stunnel]];
        WarmUp(chains, settings);
        foreach (var size in Sizes.OfPackets)
        {
            var medians = settings.Medians([.. chains.Select(chain => Flood(chain, size, settings))]);
            for (var i = 0; i < gateways.Length; i++)
            {
                double? peer = stunnel is null ? null : medians[^1];
                table.AtLeast($"{what} {gateways[i].Name} to stunnel, {Sizes.Name(size)}", medians[i], peer, "MB/s", size >= 16 * 1024 ? 1.0 : 0.8);
            }
        }
    }

    /// <summary>CBC compared with the combined cost of a relay without encryption and of CBC alone.</summary>
    public static void MeasureCbc(Table table, Settings settings, Chain gateways, Chain plain)
    {
        using var cbc = CipherSpeed.Create(AesMode.CBC, encrypt: true, portable: false);
        CipherSpeed.WarmUp(cbc);
        WarmUp([gateways, plain], settings);
        settings = settings.InShortTurns;
        foreach (var size in Sizes.OfPackets)
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
            Load.Flood(chain, Sizes.OfPackets[0], 1, settings, isFirst: true);
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
