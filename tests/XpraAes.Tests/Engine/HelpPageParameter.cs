using System.Management.Automation;
using System.Text.RegularExpressions;

namespace XpraAes.Tests.Engine;

/// <summary>A parameter according to a help page.</summary>
internal sealed partial record HelpPageParameter(string Name, string Description, string Yaml)
{
    public IEnumerable<string> SyntaxLines(string cmdlet)
    {
        string type = Value(Yaml, "Type");
        string[] aliases = [.. AliasPattern().Match(Yaml).Groups[1].Captures.Select(alias => alias.Value)];
        foreach (string set in Yaml.Split("\n- Name: ")[1..])
        {
            string name = set[..set.IndexOf('\n', StringComparison.Ordinal)];
            string position = Value(set, "Position");
            yield return CmdletSyntax.Parameter(cmdlet, Name, type, aliases, name == "(All)" ? ParameterAttribute.AllParameterSets : name, position == "Named" ? null : position,
                Value(set, "IsRequired") == "true", Value(set, "ValueFromPipeline") == "true", Value(set, "ValueFromPipelineByPropertyName") == "true");
        }
    }

    private static string Value(string yaml, string key) => Regex.Match(yaml, $@"^ *{key}: *(.*?) *$", RegexOptions.Multiline).Groups[1].Value;

    [GeneratedRegex(@"^Aliases:\n(?:- (\S+)\n)+", RegexOptions.Multiline)]
    private static partial Regex AliasPattern();
}
