using System.Diagnostics;
using System.Globalization;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>Only derives keys: answers each line, the duration in seconds, with the number of derivations per second.</summary>
internal static class DerivationHost
{
    public static void Run(Dictionary<string, string> arguments)
    {
        var parameters = CipherSpeed.Parameters(AesMode.CTR) with { Iterations = int.Parse(arguments["iterations"], CultureInfo.InvariantCulture) };
        var derived = new byte[parameters.KeySize];
        Console.WriteLine(0);
        while (Console.ReadLine() is { } line)
        {
            var time = TimeSpan.FromSeconds(double.Parse(line, CultureInfo.InvariantCulture));
            var count = 0;
            var start = Stopwatch.GetTimestamp();
            for (; Stopwatch.GetElapsedTime(start) < time; count++)
                KeyStretching.Derive("0123456789abcdef0123456789abcdef"u8, parameters, derived);
            Console.WriteLine((count / Stopwatch.GetElapsedTime(start).TotalSeconds).ToString(CultureInfo.InvariantCulture));
        }
    }
}
