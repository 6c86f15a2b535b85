using static XpraAes.Benchmarks.SideBySide.Table;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>How costs grow: Markdown tables without goals.</summary>
internal sealed class GrowthTables
{
    private readonly List<string> _connections = ["| connections | program | MB/s | s of CPU for each GB |", "|---|---|---|---|"];
    private readonly List<string> _memory = ["| sessions | ours, MB | stunnel, MB |", "|---|---|---|"];
    private readonly List<string> _handshakes = ["| iterations | handshakes a second | ms each | key derivations alone, ms |", "|---|---|---|---|"];

    public void MeasureConnections(Settings settings, Chain[] chains)
    {
        foreach (var connections in new[] { 1, 2, 8, 64 })
        {
            var runs = chains.Select(_ => new List<(double Throughput, double ProcessorTime)>()).ToArray();
            for (var round = 0; round < settings.Rounds; round++)
            {
                for (var i = 0; i < chains.Length; i++)
                    runs[i].Add(Load.Flood(chains[i], 16 * 1024, connections, settings, isFirst: false));
            }
            for (var i = 0; i < chains.Length; i++)
                _connections.Add($"| {connections} | {chains[i].Name} | {Number(Settings.Median(runs[i].Select(run => run.Throughput)))} | {Number(Settings.Median(runs[i].Select(run => run.ProcessorTime)))} |");
        }
    }

    public void AddMemory(List<(int Sessions, double Ours, double? Peer)> sizes)
    {
        foreach (var (sessions, ours, peer) in sizes)
            _memory.Add($"| {sessions} | {Number(ours / 1024)} | {(peer is null ? "not here" : Number(peer.Value / 1024))} |");
    }

    public void AddHandshakes(int iterations, double handshakes, double bound)
        => _handshakes.Add($"| {iterations} | {Number(handshakes)} | {Number(1000 / handshakes)} | {Number(1000 / bound)} |");

    public void Print(TextWriter writer)
    {
        foreach (var (title, lines) in new[]
        {
            ("Throughput against connections (packets of 16 KB, both programs' processor time)", _connections),
            ("Memory against idle sessions (the program beside the target, resident)", _memory),
            ("Handshakes against iterations (one core)", _handshakes),
        })
        {
            if (lines.Count == 2)
                continue;
            writer.WriteLine($"\n### {title}\n");
            foreach (var line in lines)
                writer.WriteLine(line);
        }
    }
}
