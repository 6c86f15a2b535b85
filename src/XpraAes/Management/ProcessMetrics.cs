using System.Diagnostics;
using System.Diagnostics.Metrics;
using XpraAes.Listening;
using XpraAes.Logging;

namespace XpraAes.Management;

/// <summary>Metrics of this process and of the targets' health, as part of the meter <c>XpraAes</c>. They exist once something asks for metrics.</summary>
internal static class ProcessMetrics
{
    static ProcessMetrics()
    {
        var meter = Instruments.Meter;
        meter.CreateObservableGauge("xpra_aes.target.available", ObserveTargets, "{target}", "1 if a target of the listener answers, 0 if none does");
        meter.CreateObservableUpDownCounter("process.memory.usage", () => Environment.WorkingSet, "By", "Physical memory in use");
        meter.CreateObservableUpDownCounter("xpra_aes.process.memory.limit", () => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "By", "Memory that this process may use: its container's, or the machine's");
        meter.CreateObservableCounter("process.cpu.time", ObserveProcessorTime, "s", "Processor time used");
    }

    /// <summary>Makes the metrics known to whoever listens; does nothing the second time.</summary>
    public static void Publish()
    {
        // The static constructor has done it.
    }

    private static IEnumerable<Measurement<int>> ObserveTargets()
    {
        if (ManagementService.Targets is not { } targets)
            yield break;
        foreach (var port in LiveObjects.Listeners.GroupBy(listener => listener.Port))
        {
            foreach (var listener in port)
                _ = targets.AskAsync(listener); // for the next time
            var answers = port.Select(targets.Last).Where(answer => answer is not null).ToArray();
            if (answers.Length > 0)
                yield return new(answers.Contains(false) ? 0 : 1, ListenerMetrics.TagOf(port.Key));
        }
    }

    private static double ObserveProcessorTime()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime.TotalSeconds;
    }
}
