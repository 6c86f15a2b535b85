using System.Diagnostics;
using XpraAes.Benchmarks.Traffic;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>The measurements of a chain.</summary>
internal static class Load
{
    /// <summary>MB/s received back from the target, and seconds of processor time of both programs per GB.</summary>
    public static (double Throughput, double ProcessorTime) Flood(Chain chain, int size, int connections, Settings settings, bool isFirst)
    {
        var packet = PlainPackets.OfSize(size);
        var clients = Enumerable.Range(0, connections).Select(_ => chain.Connect()).ToArray();
        try
        {
            foreach (var client in clients)
                client.Flood(packet);
            Thread.Sleep(isFirst ? settings.WarmUp : settings.Settling);
            var used = chain.ProcessorTime;
            var echoed = clients.Sum(client => client.Echoed);
            var start = Stopwatch.GetTimestamp();
            Thread.Sleep(settings.Time);
            var bytes = clients.Sum(client => client.Echoed) - echoed;
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return (bytes / 1e6 / seconds, (chain.ProcessorTime - used) / (bytes / 1e9));
        }
        finally
        {
            foreach (var client in clients)
                client.Dispose();
        }
    }

    /// <summary>Round trip of a small packet in microseconds: median and 99th percentile.</summary>
    public static (double Median, double Percentile99) Ping(Chain chain, int count)
    {
        var packet = PlainPackets.OfSize(64);
        using var client = chain.Connect();
        for (var i = 0; i < count / 4; i++)
            client.Ping(packet);
        var times = Enumerable.Range(0, count).Select(_ => client.Ping(packet).TotalMicroseconds).Order().ToArray();
        return (times[count / 2], times[count * 99 / 100]);
    }

    /// <summary>Opens sessions, and waits for one ping to be echoed in each.</summary>
    public static void Open(Chain chain, List<LoadClient> clients, int upTo)
    {
        var missing = upTo - clients.Count;
        Parallel.For(0, missing, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            var client = chain.Connect();
            PingOnce(client);
            lock (clients)
                clients.Add(client);
        });
    }

    public static void PingOnce(LoadClient client) => client.Ping(PlainPackets.OfSize(64));
}
