using XpraAes.Benchmarks.Traffic;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Bytes that a warmed-up gateway allocates for each packet that it forwards.</summary>
internal static class AllocationRow
{
    public static void Measure(Table table, Settings settings, Chain gateways)
    {
        using var client = gateways.Connect();
        client.Flood(PlainPackets.OfSize(1408));
        // Warm-up, until the buffer pool has one for each thread.
        Thread.Sleep(settings.Quick ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(2));
        var each = Math.Round(settings.Medians(() => OfEachPacket(gateways.Far!, settings))[0], 1);
        table.AtMostBy("bytes allocated for a forwarded packet", each, 0, "B", 0);
    }

    private static double OfEachPacket(Peer gateway, Settings settings)
    {
        var before = gateway.AskForAllocations();
        Thread.Sleep(settings.Time);
        var after = gateway.AskForAllocations();
        return (after.Allocated - before.Allocated) / (after.Packets - before.Packets);
    }
}
