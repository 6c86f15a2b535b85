using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using XpraAes.Management;

namespace XpraAes.PowerShell;

/// <summary>Tracks the runspaces that have imported the module, and ends listeners and connections when the last one removes it. Called by XpraAes.psm1.</summary>
public static class ModuleLifetime
{
    // Weak keys: a runspace that is closed or garbage-collected runs no OnRemove, and must not be counted forever.
    private static readonly ConditionalWeakTable<Runspace, object> Runspaces = [];

    /// <summary>Raised when the last open runspace removes the module. A runspace that only closes, such as at the end of a
    /// ForEach-Object -Parallel block, does not raise it: what it started keeps running.</summary>
    internal static event Action? Ended = CloseAll;

    static ModuleLifetime()
    {
        // Since .NET 10, these end a process without ProcessExit unless it has a handler; with one, the process still ends. On Windows,
        // SIGHUP is the closing of the console, which leaves five seconds, and SIGTERM the system's shutdown.
        PosixSignalRegistration[] signals = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, Receive))];
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            CloseAll();
            foreach (var signal in signals)
                signal.Dispose();
        };
    }

    /// <summary>Called when the current runspace has imported the module.</summary>
    /// <param name="module">The module.</param>
    /// <param name="cmdlets">What it has imported the cmdlets as.</param>
    public static void Enter(PSModuleInfo module, PSModuleInfo cmdlets)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(cmdlets);
        ExportMissing(module, cmdlets);
        Enter();
    }

    /// <summary>Counts the current runspace.</summary>
    internal static void Enter()
    {
        lock (Runspaces)
        {
            Runspaces.AddOrUpdate(Runspace.DefaultRunspace, Runspaces);
        }
    }

    /// <summary>Called when the current runspace removes the module.</summary>
    public static void Leave()
    {
        lock (Runspaces)
        {
            Runspaces.Remove(Runspace.DefaultRunspace);
            if (Runspaces.Any(entry => entry.Key.RunspaceStateInfo.State == RunspaceState.Opened))
            {
                return;
            }
        }

        Ended?.Invoke();
    }

    /// <summary>Raised by SIGTERM and SIGHUP. A handler that returns true has dealt with it; otherwise everything is closed and the process ends.</summary>
    internal static event Func<PosixSignal, bool>? SignalReceived;

    /// <summary>
    /// From the second import on, the engine takes an assembly's cmdlets from its cache and does not export them from the module that imports them:
    /// https://github.com/PowerShell/PowerShell/issues/20710
    /// </summary>
    private static void ExportMissing(PSModuleInfo module, PSModuleInfo cmdlets)
    {
        var missing = cmdlets.ExportedCmdlets.Values.Where(cmdlet => !module.ExportedCmdlets.ContainsKey(cmdlet.Name)).ToArray();
        if (missing.Length == 0)
            return;
        var export = typeof(PSModuleInfo).GetMethod("AddExportedCmdlet", BindingFlags.Instance | BindingFlags.NonPublic);
        foreach (var cmdlet in missing)
            export?.Invoke(module, [cmdlet]);
    }

    private static void Receive(PosixSignalContext context)
    {
        foreach (Func<PosixSignal, bool> handler in SignalReceived?.GetInvocationList() ?? [])
            context.Cancel |= handler(context.Signal);
        if (!context.Cancel)
            CloseAll();
    }

    // Takes up to two seconds, so that peers get a disconnect packet instead of a reset, and one more for the last metrics.
    private static void CloseAll()
    {
        LiveObjects.CloseAllAsync().GetAwaiter().GetResult();
        ManagementService.EndedAsync().Wait(TimeSpan.FromSeconds(1));
    }
}
