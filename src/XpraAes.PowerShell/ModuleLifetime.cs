using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XpraAes.PowerShell;

/// <summary>Knows which runspaces have the module, so that what runs in the background ends when the last of them removes it. Called by XpraAes.psm1.</summary>
public static class ModuleLifetime
{
    // Weak keys: a runspace that is closed, or dropped without a word, runs no OnRemove and must not be counted for ever.
    private static readonly ConditionalWeakTable<Runspace, object> Runspaces = [];

    /// <summary>Raised when no open runspace has the module any more, because the last one removed it. A runspace that only closes
    /// (the end of a ForEach-Object -Parallel block) raises nothing: what it started lives on.</summary>
    internal static event Action? Ended = CloseAll;

    static ModuleLifetime()
    {
        // From .NET 10 on SIGTERM ends a process without ProcessExit, unless somebody listens to it; it still ends it then.
        var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => CloseAll());
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            CloseAll();
            termination.Dispose();
        };
    }

    /// <summary>The current runspace has imported the module.</summary>
    public static void Enter()
    {
        lock (Runspaces)
        {
            Runspaces.AddOrUpdate(Runspace.DefaultRunspace, Runspaces);
        }
    }

    /// <summary>The current runspace is removing the module.</summary>
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

    // Within two seconds, so that peers read a reason instead of a reset.
    private static void CloseAll() => LiveObjects.CloseAllAsync().GetAwaiter().GetResult();
}
