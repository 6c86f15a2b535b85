using System.Globalization;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>How a host under test talks to the benchmark: it prints its port, then answers each line with one line until its input ends.</summary>
internal static class HostConsole
{
    public static void Serve(int port, Func<long> packets)
    {
        Console.WriteLine(port);
        while (Console.ReadLine() is not null)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{GC.GetTotalAllocatedBytes(precise: true)} {packets()}"));
    }
}
