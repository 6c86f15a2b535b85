using System.Globalization;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>How a host under test talks with what measures it: its port first, then one line of answers for each line, until its input ends.</summary>
internal static class HostConsole
{
    public static void Serve(int port, Func<long> packets)
    {
        Console.WriteLine(port);
        while (Console.ReadLine() is not null)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{GC.GetTotalAllocatedBytes(precise: true)} {packets()}"));
    }
}
