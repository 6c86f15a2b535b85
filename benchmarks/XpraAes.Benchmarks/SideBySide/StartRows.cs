using System.Diagnostics;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>From the start of xpra-aes until its listener accepts, and its memory at rest; next to xpra-aes that only starts, which is PowerShell and nothing of ours: where that alone misses a goal, it is out of reach.</summary>
internal static class StartRows
{
    private const double Seconds = 0.6, Megabytes = 70;

    public static void Measure(Table table, Settings settings, string shell)
    {
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        try
        {
            var key = Path.Combine(folder, "key.txt");
            Tools.Run(shell, "-Command", $"New-XpraAesKey | Set-Content '{key}'; chmod 600 '{key}'");
            var listener = $"(Start-XpraAesListener -Port 0 -KeyFile '{key}').Port; $null = [Console]::ReadLine()";
            const string Nothing = "0; $null = [Console]::ReadLine()";
            var medians = settings.Medians(() => Start(shell, listener), () => Start(shell, Nothing));
            table.AtMostOf("xpra-aes, from start to accepting; to PowerShell alone", medians[0], medians[1], "s", Seconds, limit: medians[1] > Seconds);
            var rests = Enumerable.Range(0, settings.Rounds).Select(_ => (Ours: Rest(shell, listener), Alone: Rest(shell, Nothing))).ToArray();
            double Median(Func<((double All, double Private) Ours, (double All, double Private) Alone), double> of) => Settings.Median(rests.Select(of));
            var alone = Median(rest => rest.Alone.All);
            table.AtMostOf("xpra-aes, memory at rest; to PowerShell alone", Median(rest => rest.Ours.All), alone, "MB", Megabytes, limit: alone > Megabytes);
            table.AtLeast("xpra-aes, memory at rest without program files", Median(rest => rest.Ours.Private), Median(rest => rest.Alone.Private), "MB", null);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Start(string shell, string command)
    {
        var start = Stopwatch.GetTimestamp();
        using var peer = Peer.StartAnswering($"{shell} -Command \"{command}\"");
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static (double All, double Private) Rest(string shell, string command)
    {
        using var peer = Peer.StartAnswering($"{shell} -Command \"{command}\"");
        Thread.Sleep(TimeSpan.FromSeconds(1));
        return (peer.Memory / 1e6, peer.PrivateMemory / 1e6);
    }
}
