using System.Globalization;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Handshakes per second of a gateway pinned to one processor, compared with the key derivations that they need, one for each direction.</summary>
internal static class HandshakeRows
{
    private const int DerivationsOfAHandshake = 2;

    /// <summary>Returns handshakes per second, those of a program without anything of ours, and those of derivations alone.</summary>
    public static (double Handshakes, double Bare, double Bound) Measure(Settings settings, int iterations)
    {
        var seconds = (settings.Time * 2).TotalSeconds.ToString(CultureInfo.InvariantCulture);
        var affinity = Tools.Find("taskset") is not null && Environment.ProcessorCount > 1;
        using var clients = Peer.StartHost($"hellos --iterations {iterations}", affinity ? "1" : null);
        using var gateway = Peer.StartHost($"gateway --target {clients.Port} --key 0123456789abcdef0123456789abcdef --iterations {iterations}", affinity ? "0" : null);
        using var bare = Peer.StartHost($"bare-handshakes --target {clients.Port} --iterations {iterations}", affinity ? "0" : null);
        using var derivations = Peer.StartHost($"derivations --iterations {iterations}", affinity ? "0" : null);
        double Handshakes(Peer listener) => Peer.Number(clients.Ask($"{listener.Port} {seconds}"));
        double Derivations() => Peer.Number(derivations.Ask(seconds));
        // Until the JIT compiler is done: thousands of handshakes, where each is short.
        clients.Ask($"{gateway.Port} 15");
        clients.Ask($"{bare.Port} 8");
        var medians = settings.Medians(() => Handshakes(gateway), () => Handshakes(bare), Derivations);
        return (medians[0], medians[1], medians[2] / DerivationsOfAHandshake);
    }
}
