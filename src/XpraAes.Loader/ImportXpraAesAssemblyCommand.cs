using System.Management.Automation;
using System.Reflection;

namespace XpraAes.Loader;

/// <summary>Import-XpraAesAssembly, for XpraAes.psm1 alone: imports the module's cmdlets from their own load context.</summary>
[Cmdlet(VerbsData.Import, "XpraAesAssembly")]
public sealed class ImportXpraAesAssemblyCommand : PSCmdlet
{
    /// <summary>The bin directory of the module that is being imported.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public string Path { get; set; } = "";

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        Assembly assembly = ModuleLoadContext.LoadCmdlets(Path);
        var import = ScriptBlock.Create("param($assembly) Import-Module -Assembly $assembly -PassThru");
        object cmdlets = InvokeCommand.InvokeScript(SessionState, import, assembly).Single().BaseObject;
        ModuleLoadContext.CallLifetime("Enter", SessionState.Module, cmdlets);
    }
}
