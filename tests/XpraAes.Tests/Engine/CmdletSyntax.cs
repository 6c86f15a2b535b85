using System.Management.Automation;

namespace XpraAes.Tests.Engine;

/// <summary>The syntax of the cmdlets, a line for each parameter in each parameter set, for the snapshot and to compare with the help.</summary>
internal static class CmdletSyntax
{
    /// <summary>The cmdlets of the built module.</summary>
    public static IReadOnlyList<CmdletInfo> Cmdlets(EngineHost host) =>
        [.. host.Run("Get-Command -Module XpraAes").Output.Select(item => (CmdletInfo)item.BaseObject).OrderBy(cmdlet => cmdlet.Name, StringComparer.Ordinal)];

    /// <summary>A cmdlet's own parameters, including -WhatIf and -Confirm if it has them.</summary>
    public static IEnumerable<ParameterMetadata> Parameters(CmdletInfo cmdlet) =>
        cmdlet.Parameters.Values.Where(parameter => !Cmdlet.CommonParameters.Contains(parameter.Name)).OrderBy(parameter => parameter.Name, StringComparer.Ordinal);

    /// <summary>All of a cmdlet's lines.</summary>
    public static IEnumerable<string> Lines(CmdletInfo cmdlet)
    {
        foreach (CommandParameterSetInfo set in cmdlet.ParameterSets.Where(set => set.IsDefault && set.Name != ParameterAttribute.AllParameterSets))
        {
            yield return DefaultSet(cmdlet.Name, set.Name);
        }

        foreach (ParameterMetadata parameter in Parameters(cmdlet))
        {
            foreach (var (name, set) in parameter.ParameterSets.OrderBy(set => set.Key, StringComparer.Ordinal))
            {
                yield return Parameter(cmdlet.Name, parameter.Name, $"{parameter.ParameterType}", parameter.Aliases, name,
                    set.Position < 0 ? null : $"{set.Position}", set.IsMandatory, set.ValueFromPipeline, set.ValueFromPipelineByPropertyName);
            }
        }
    }

    public static string DefaultSet(string cmdlet, string set) => $"{cmdlet}: {set} is the default parameter set";

    public static string Parameter(
        string cmdlet, string name, string type, IEnumerable<string> aliases, string set, string? position, bool mandatory, bool byValue, bool byPropertyName)
    {
        string[] aka = [.. aliases.Order(StringComparer.Ordinal)];
        List<string> traits = [position is null ? "named" : $"position {position}"];
        if (mandatory)
        {
            traits.Add("mandatory");
        }

        if (byValue)
        {
            traits.Add("from the pipeline");
        }

        if (byPropertyName)
        {
            traits.Add("by property name");
        }

        return $"{cmdlet} -{name} <{type}>{(aka.Length > 0 ? $" alias {string.Join(", ", aka)}" : "")}"
            + $" in {(set is ParameterAttribute.AllParameterSets ? "(All)" : set)}: {string.Join(", ", traits)}";
    }
}
