using System.Globalization;
using XpraAes.Benchmarks.Traffic;
using XpraAes.Ciphers;
using static XpraAes.Benchmarks.SideBySide.ThroughputRows;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>The whole comparison: <c>side-by-side [--quick] [--minutes N] [--only NAME,…] --module PATH --shell PATH --report PATH</c>. The exit code is 0 if no goal is missed.</summary>
internal static class Comparison
{
    public static int Run(string[] arguments)
    {
        var quick = arguments.Contains("--quick");
        string? Value(string name) => Array.IndexOf(arguments, name) is >= 0 and var at ? arguments[at + 1] : null;
        var settings = new Settings(quick, int.Parse(Value("--minutes") ?? (quick ? "0" : "10"), CultureInfo.InvariantCulture));
        var only = Value("--only")?.Split(',');
        bool Wants(string name) => only?.Contains(name) ?? true;

        var table = new Table();
        var growth = new GrowthTables();
        if (Wants("ciphers"))
            CipherRows.Measure(table, settings);
        if (Wants("packets"))
            PacketRows.Measure(table, settings);
        using (var target = new EchoTarget())
        {
            if (Wants("throughput") || Wants("latency") || Wants("allocations"))
                MeasureGateway(table, growth, settings, target.Port, Wants);
            if (Wants("sealed"))
                SealedRows.Measure(table, settings, target.Port);
            if (Wants("browser"))
                BrowserRows.Measure(table, settings, target.Port);
            if (Wants("memory"))
                growth.AddMemory(MemoryRows.Measure(table, settings, target.Port));
        }
        // Not in a quick run, which is over before the JIT compiler is done.
        if (Wants("handshakes") && !quick)
            MeasureHandshakes(table, growth, settings);
        if (Wants("import"))
            ImportRows.Measure(table, settings, Value("--module")!, Value("--shell")!);
        if (Wants("start"))
            StartRows.Measure(table, settings, Value("--shell")!);

        growth.Print(Console.Out);
        // Quick runs are too imprecise for the report, and partial runs are incomplete.
        if (!quick && only is null)
            Report.Write(Value("--report")!, table, growth);
        return table.Rows.Any(row => row.Verdict == Verdict.Short) ? 1 : 0;
    }

    private static void MeasureGateway(Table table, GrowthTables growth, Settings settings, int target, Predicate<string> wants)
    {
        // Sessions are opened faster so; what follows does not depend on it.
        const int Iterations = 1000;
        using var ctr = Chain.OfGateways(AesMode.CTR, target, Iterations);
        using var stunnel = Chain.OfStunnel(target);
        using var haproxy = Chain.OfHaproxy(target);
        if (wants("latency"))
        {
            LatencyRows.Measure(table, settings, "added latency of a ping", Chain.Direct(target), ctr, stunnel);
            LatencyRows.MeasureToHaproxy(table, settings, "added latency of a ping", Chain.Direct(target), ctr, haproxy);
        }
        if (wants("allocations"))
            AllocationRow.Measure(table, settings, ctr);
        if (!wants("throughput"))
            return;
        using (var gcm = Chain.OfGateways(AesMode.GCM, target, Iterations))
            ThroughputRows.Measure(table, settings, "gateway", [ctr, gcm], Competitor.Stunnel(stunnel), Competitor.Haproxy(haproxy));
        if (settings.Quick)
            return;
        ThroughputRows.MeasureMany(table, settings, ctr, haproxy);
        growth.MeasureConnections(settings, [ctr, .. new[] { stunnel, haproxy }.OfType<Chain>()]);
        using (var cbc = Chain.OfGateways(AesMode.CBC, target, Iterations))
        using (var plain = Chain.OfPlainRelays(target))
            ThroughputRows.MeasureCbc(table, settings, cbc, plain);
        using (var alone = Chain.OfGateway(AesMode.CTR, target))
        using (var aloneGcm = Chain.OfGateway(AesMode.GCM, target))
        using (var stunnelAlone = Chain.OfStunnel(target, both: false))
            ThroughputRows.Measure(table, settings, "client and gateway", [alone, aloneGcm], Competitor.Stunnel(stunnelAlone));
    }

    private static void MeasureHandshakes(Table table, GrowthTables growth, Settings settings)
    {
        foreach (var iterations in (int[])[1000, 10_000, 100_000])
        {
            const double Goal = 0.8;
            var (handshakes, bare, bound) = HandshakeRows.Measure(settings, iterations);
            growth.AddHandshakes(iterations, handshakes, bound);
            table.AtLeast($"handshakes a second on one core, {iterations:N0} iterations, to PBKDF2", handshakes, bound, "1/s", iterations <= 10_000 ? Goal : null, limit: bare < Goal * bound);
            table.AtLeast($"{iterations:N0} iterations: a program of .NET's parts, to PBKDF2", bare, bound, "1/s", null);
        }
    }
}
