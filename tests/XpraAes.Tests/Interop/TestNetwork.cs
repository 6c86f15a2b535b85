using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace XpraAes.Tests.Interop;

/// <summary>
/// A network of its own on this machine: each member is a network namespace, the first one with a bridge that the others are plugged into. Nothing of it is in the
/// machine's own network, and all of it is gone with the namespaces.
/// </summary>
internal sealed partial class TestNetwork : IDisposable
{
    /// <summary>For names that nobody else has; a device's name, with that of a member, has at most 15 characters.</summary>
    private readonly string _prefix = $"xa{Guid.NewGuid():N}"[..10];

    private readonly ConcurrentDictionary<string, BlockingCollection<Action>> _threads = new();
    private readonly (string Name, string Address)[] _members;

    private TestNetwork((string, string)[] members) => _members = members;

    /// <summary>Makes it; the reason why not, where this user or this machine may not.</summary>
    /// <param name="network">Its members' names, of at most 4 characters, and IPv4 addresses within one /24.</param>
    /// <param name="members">The network; null if it cannot be.</param>
    public static string? TryCreate(out TestNetwork? network, params (string Name, string Address)[] members)
    {
        network = null;
        if (!OperatingSystem.IsLinux())
            return "Only Linux has network namespaces.";
        var created = new TestNetwork(members);
        // Also where the run is ended before the test.
        AppDomain.CurrentDomain.ProcessExit += created.Remove;
        try
        {
            created.Create();
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            created.Dispose();
            return $"There can be no network namespaces here: {e.Message}";
        }
        network = created;
        return null;
    }

    /// <summary>Runs a program in a member: what its command line begins with.</summary>
    public string[] Enter(string member) => ["ip", "netns", "exec", Namespace(member)];

    /// <summary>Plugs a member in, or unplugs it: nothing more arrives, and nobody is told.</summary>
    public void SetLink(string member, bool isUp) => Ip("-n", Namespace(_members[0].Name), "link", "set", Namespace(member), isUp ? "up" : "down");

    /// <summary>Starts something in a member, on its own thread: sockets belong for good to where they are made.</summary>
    public Task<T> StartIn<T>(string member, Func<Task<T>> start)
    {
        var started = new TaskCompletionSource<Task<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        _threads.GetOrAdd(member, StartThread).Add(() =>
        {
            try
            {
                started.SetResult(start());
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return started.Task.Unwrap();
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= Remove;
        foreach (var work in _threads.Values)
            work.CompleteAdding();
        Remove(null, EventArgs.Empty);
    }

    private string Namespace(string member) => $"{_prefix}-{member}";

    private void Create()
    {
        var (bridge, address) = _members[0];
        foreach (var (name, _) in _members)
        {
            Ip("netns", "add", Namespace(name));
            Ip("-n", Namespace(name), "link", "set", "lo", "up");
        }
        Ip("-n", Namespace(bridge), "link", "add", "br0", "type", "bridge");
        Ip("-n", Namespace(bridge), "addr", "add", $"{address}/24", "dev", "br0");
        Ip("-n", Namespace(bridge), "link", "set", "br0", "up");
        foreach (var (name, own) in _members[1..])
        {
            Ip("-n", Namespace(bridge), "link", "add", Namespace(name), "type", "veth", "peer", "name", "eth0", "netns", Namespace(name));
            Ip("-n", Namespace(bridge), "link", "set", Namespace(name), "master", "br0", "up");
            Ip("-n", Namespace(name), "addr", "add", $"{own}/24", "dev", "eth0");
            Ip("-n", Namespace(name), "link", "set", "eth0", "up");
        }
    }

    private void Remove(object? sender, EventArgs e)
    {
        foreach (var (name, _) in _members.Where(member => File.Exists(PathOf(member.Name))))
            Ip("netns", "del", Namespace(name));
    }

    private string PathOf(string member) => $"/run/netns/{Namespace(member)}";

    private BlockingCollection<Action> StartThread(string member)
    {
        var work = new BlockingCollection<Action>();
        new Thread(() =>
        {
            using (var file = File.OpenHandle(PathOf(member), FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
            {
                // Of this thread alone, which belongs to no pool. Where it fails, nothing is ever started.
                if (SetNamespace(file, NetworkNamespace) != 0)
                    throw new InvalidOperationException($"setns: error {Marshal.GetLastPInvokeError()}");
            }
            foreach (var action in work.GetConsumingEnumerable())
                action();
        }) { IsBackground = true, Name = member }.Start();
        return work;
    }

    private static void Ip(params string[] arguments)
    {
        using var ip = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        var errors = ip.StandardError.ReadToEnd();
        ip.WaitForExit();
        if (ip.ExitCode != 0)
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {errors.Trim()}");
    }

    private const int NetworkNamespace = 0x40000000; // CLONE_NEWNET

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNamespace(Microsoft.Win32.SafeHandles.SafeFileHandle descriptor, int type);
}
