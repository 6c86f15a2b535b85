using System.Management.Automation;

namespace XpraAes.Loader;

/// <summary>Called by the engine when XpraAes is removed, since this assembly is one of its nested modules.</summary>
public sealed class ModuleRemoval : IModuleAssemblyCleanup
{
    /// <summary>Tells the cmdlets' assembly that the current runspace has removed the module.</summary>
    /// <param name="psModuleInfo">This assembly as a module.</param>
    public void OnRemove(PSModuleInfo psModuleInfo) => ModuleLoadContext.CallLifetime("Leave");
}
