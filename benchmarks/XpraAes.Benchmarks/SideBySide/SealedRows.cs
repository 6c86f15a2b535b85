using System.Net;
using System.Net.Sockets;
using XpraAes.Transports;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Gateways with TLS 1.3 and the key between them, compared with stunnel with a pre-shared key, and with spiped.</summary>
internal static class SealedRows
{
    public static void Measure(Table table, Settings settings, int target)
    {
        using (var gateways = Chain.OfSealedGateways(target))
        using (var sameSuite = Chain.OfSealedGateways(target, keySize: 128))
        using (var stunnel = Chain.OfStunnelWithKey(target))
        using (var spiped = Chain.OfSpiped(target))
        using (var haproxy = Chain.OfHaproxy(target))
        {
            MeasureThroughput(table, settings.InShortTurns, gateways, sameSuite, stunnel, spiped, haproxy);
            LatencyRows.Measure(table, settings, "tls-psk: added latency of a ping", Chain.Direct(target), gateways, stunnel);
        }
        if (settings.Quick)
            return;
        MeasureHandshakes(table, settings, target);
        using (var stunnel = Chain.OfStunnelWithKey(target))
        using (var gateways = Chain.OfSealedGateways(target))
            MemoryRows.Measure(table, settings, "tls-psk: memory of an idle session", gateways, stunnel);
    }

    private static void MeasureThroughput(Table table, Settings settings, Chain gateways, Chain sameSuite, Chain? stunnel, Chain? spiped, Chain? haproxy)
    {
        const double GoalToSpiped = 5.0;
        Chain?[] chains = [gateways, sameSuite, stunnel, spiped, haproxy];
        ThroughputRows.WarmUp(chains.OfType<Chain>(), settings);
        foreach (var size in settings.PacketSizes)
        {
            var medians = settings.Medians([.. chains.Select(chain => chain is null ? () => double.NaN : ThroughputRows.Flood(chain, size, settings))]);
            double? Peer(int index) => chains[index] is null ? null : medians[index];
            table.AtLeast($"tls-psk with AES-128 to stunnel with PSK, {Sizes.Name(size)}", medians[1], Peer(2), "MB/s", size >= 16 * 1024 ? 1.5 : 1.0);
            table.AtLeast($"tls-psk with AES-256 to the same, {Sizes.Name(size)}", medians[0], Peer(2), "MB/s", null);
            // Where a relay that encrypts nothing is not that fast either, the goal is out of reach.
            table.AtLeast($"tls-psk to spiped, {Sizes.Name(size)}", medians[0], Peer(3), "MB/s", GoalToSpiped, limit: medians[4] < GoalToSpiped * medians[3]);
            if (haproxy is not null)
                table.AtLeast($"HAProxy without encryption to spiped, {Sizes.Name(size)}", medians[4], Peer(3), "MB/s", null);
        }
    }

    /// <summary>Per second of one processor, of the end that listens; the other end is the same for both.</summary>
    private static void MeasureHandshakes(Table table, Settings settings, int target)
    {
        using var gateway = Chain.OfSealedGateways(target, key: Chain.BenchmarkKeyText);
        using var stunnel = Chain.OfStunnelWithKey(target);
        const int WarmUpHandshakes = 8000; // until the JIT compiler is done
        const int Count = 2000;
        Chain[] chains = stunnel is null ? [gateway] : [gateway, stunnel];
        foreach (var chain in chains)
            Handshakes(chain.Far!, WarmUpHandshakes);
        var medians = settings.Medians([.. chains.Select(chain => (Func<double>)(() => Handshakes(chain.Far!, Count)))]);
        table.AtLeast("tls-psk: handshakes a second of one core", medians[0], stunnel is null ? null : medians[1], "1/s", 1.0);
    }

    private static double Handshakes(Peer peer, int count)
    {
        var used = peer.ProcessorTime;
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, _ =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(IPAddress.Loopback, peer.Port);
            using var stream = TlsPskHandshake.ConnectAsync(new NetworkStream(socket), [Chain.BenchmarkKey], default).GetAwaiter().GetResult();
            stream.CloseSendAsync(default).AsTask().GetAwaiter().GetResult();
        });
        return count / (peer.ProcessorTime - used);
    }
}
