using System.Reflection;
using System.Runtime.Loader;

namespace XpraAes.Loader;

/// <summary>Isolates the module's assemblies and dependencies from those of other modules: everything next to this assembly is loaded here only.</summary>
public sealed class ModuleLoadContext : AssemblyLoadContext
{
    private const string CmdletAssembly = "XpraAes.PowerShell";
    private static readonly object Gate = new();
    private static ModuleLoadContext? s_instance;

    private readonly string _directory;
    private readonly Assembly _cmdlets;

    private ModuleLoadContext(string directory)
        : base("XpraAes")
    {
        _directory = directory;
        _cmdlets = LoadFromAssemblyName(new AssemblyName(CmdletAssembly));
    }

    /// <summary>The assembly with the cmdlets: the same one for every import in this process, so that there is one registry of live objects.</summary>
    /// <param name="directory">The bin directory of the module that is being imported.</param>
    /// <exception cref="InvalidOperationException">This process already runs another version of the module.</exception>
    public static Assembly LoadCmdlets(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        lock (Gate)
        {
            if (s_instance is null)
            {
                s_instance = new ModuleLoadContext(directory);
                return s_instance._cmdlets;
            }
        }

        Version? loaded = s_instance._cmdlets.GetName().Version;
        Version? asked = AssemblyName.GetAssemblyName(Path.Combine(directory, CmdletAssembly + ".dll")).Version;
        return loaded == asked
            ? s_instance._cmdlets
            : throw new InvalidOperationException(
                $"XpraAes {loaded} is in use in this process and cannot be replaced by {asked}. Start a new PowerShell to use the other version.");
    }

    /// <summary>Calls the cmdlets' assembly when a runspace imports or removes the module. By name, since this assembly cannot refer to what it isolates.</summary>
    internal static void CallLifetime(string method, params object[] arguments)
        => s_instance?._cmdlets.GetType(CmdletAssembly + ".ModuleLifetime", throwOnError: true)!.GetMethod(method)!.Invoke(null, arguments);

    /// <summary>
    /// Loads the module's assemblies; everything else (PowerShell, the framework) comes from the process. So does a part of the framework that the module
    /// brings along for older ones, where the process has one that is new enough: what others are to see, such as meters, must be of their types.
    /// </summary>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        ArgumentNullException.ThrowIfNull(assemblyName);
        string path = Path.Combine(_directory, assemblyName.Name + ".dll");
        if (!File.Exists(path) || IsInFramework(assemblyName))
        {
            return null;
        }

        return LoadFromAssemblyPath(path);
    }

    private static bool IsInFramework(AssemblyName assemblyName)
    {
        string path = Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location) ?? "", assemblyName.Name + ".dll");
        return assemblyName.Name!.StartsWith("System.", StringComparison.Ordinal) && File.Exists(path) && AssemblyName.GetAssemblyName(path).Version >= assemblyName.Version;
    }
}
