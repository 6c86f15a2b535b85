using System.Text.RegularExpressions;

namespace XpraAes.Tests.Engine;

/// <summary>A page of docs/cmdlets, in the form of platyPS: headings, text, and a block of YAML for each parameter.</summary>
internal sealed partial class HelpPage
{
    private readonly string _text;

    private HelpPage(string name, string text)
    {
        Name = name;
        _text = text;
        Parameters = [.. ParameterPattern().Matches(Section("PARAMETERS")).Select(match => new HelpPageParameter(match.Groups[1].Value, match.Groups[2].Value.Trim(), match.Groups[3].Value))];
        Examples = [.. ExamplePattern().Matches(Section("EXAMPLES")).Select(match => (match.Groups[1].Value, match.Groups[2].Value.Trim()))];
    }

    public static string Folder { get; } = Path.Combine(SharedFiles.Repository, "docs", "cmdlets");

    /// <summary>The cmdlet that it describes.</summary>
    public string Name { get; }

    public IReadOnlyList<HelpPageParameter> Parameters { get; }

    /// <summary>The examples' titles and code.</summary>
    public IReadOnlyList<(string Title, string Code)> Examples { get; }

    /// <summary>Whether it still has a PlatyPS placeholder.</summary>
    public bool HasPlaceholders => _text.Contains("{{", StringComparison.Ordinal);

    public static HelpPage Read(string cmdlet) => new(cmdlet, File.ReadAllText(Path.Combine(Folder, cmdlet + ".md")).ReplaceLineEndings("\n"));

    /// <summary>The text under a heading.</summary>
    public string Section(string heading) => Regex.Match(_text, $@"^## {heading}\n(.*?)(?=^## |\z)", RegexOptions.Multiline | RegexOptions.Singleline).Groups[1].Value.Trim();

    /// <summary>The syntax according to the page, in the format of <see cref="CmdletSyntax"/>.</summary>
    public IEnumerable<string> SyntaxLines() =>
    [
        .. DefaultSetPattern().Matches(Section("SYNTAX")).Select(match => CmdletSyntax.DefaultSet(Name, match.Groups[1].Value)),
        .. Parameters.SelectMany(parameter => parameter.SyntaxLines(Name)),
    ];

    [GeneratedRegex(@"^### -(\S+)\n(.*?)^```yaml\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex ParameterPattern();

    [GeneratedRegex(@"^### (Example[^\n]*)\n+```powershell\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex ExamplePattern();

    [GeneratedRegex(@"^### (\S+) \(Default\)", RegexOptions.Multiline)]
    private static partial Regex DefaultSetPattern();
}
