using System.Diagnostics;

namespace XpraAes.PowerShell.Watching;

/// <summary>Time that never goes back.</summary>
internal static class WatchClock
{
    /// <summary>The time since some start.</summary>
    public static TimeSpan Now => Stopwatch.GetElapsedTime(0);
}
