using System.Diagnostics;

namespace XpraAes.Tests.Reliability;

/// <summary>The system resources that this process holds.</summary>
internal static class Leaks
{
    /// <summary>Files, sockets and pipes that are open.</summary>
    public static int Handles => OperatingSystem.IsLinux() ? Directory.GetFileSystemEntries("/proc/self/fd").Length : Process.GetCurrentProcess().HandleCount;

    public static int Threads
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.Threads.Count;
        }
    }

    /// <summary>Bytes of reachable objects, after finalizers have run.</summary>
    public static long Heap()
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
