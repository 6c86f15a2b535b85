using System.Diagnostics;
using System.Globalization;
using XpraAes.Benchmarks.Traffic;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>Clients that only do handshakes: prints a target's port, then answers each line, the gateway's port and the duration in seconds, with the number of handshakes per second.</summary>
internal static class HelloFloodHost
{
    private const int Concurrency = 4;

    public static void Run(Dictionary<string, string> arguments)
    {
        using var target = new EchoTarget();
        var client = new HandshakeClient(int.Parse(arguments["iterations"], CultureInfo.InvariantCulture));
        Console.WriteLine(target.Port);
        while (Console.ReadLine() is { } line)
        {
            var parts = line.Split(' ');
            var time = TimeSpan.FromSeconds(double.Parse(parts[1], CultureInfo.InvariantCulture));
            Console.WriteLine(Measure(client, int.Parse(parts[0], CultureInfo.InvariantCulture), time).ToString(CultureInfo.InvariantCulture));
        }
    }

    private static double Measure(HandshakeClient client, int port, TimeSpan time)
    {
        var count = 0;
        var start = Stopwatch.GetTimestamp();
        var threads = Enumerable.Range(0, Concurrency).Select(_ => new Thread(() =>
        {
            for (; Stopwatch.GetElapsedTime(start) < time; Interlocked.Increment(ref count))
                client.Run(port);
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
