using System.Management.Automation;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace XpraAes.Tests.Engine;

/// <summary>The pages in docs/cmdlets, the MAML in en-US that Get-Help reads, and the cmdlets say the same. `./build.ps1 -Task Docs` brings pages and MAML up to date.</summary>
[Trait("Category", "Engine")]
public sealed partial class HelpTests : IDisposable
{
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly string HelpFolder = Path.Combine(SharedFiles.Repository, "en-US");

    private readonly EngineHost _host = EngineHost.WithModule();

    private IReadOnlyList<CmdletInfo> Cmdlets => CmdletSyntax.Cmdlets(_host);

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Every_cmdlet_has_a_page_and_every_page_a_cmdlet() =>
        Assert.Equal(Cmdlets.Select(cmdlet => cmdlet.Name), Directory.GetFiles(HelpPage.Folder, "*.md").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));

    [Fact]
    public void The_pages_say_what_the_cmdlets_take() =>
        Difference.AssertNone(Cmdlets.SelectMany(CmdletSyntax.Lines), Pages().SelectMany(page => page.SyntaxLines()), "docs/cmdlets: run ./build.ps1 -Task Docs");

    [Fact]
    public void The_pages_describe_everything_and_have_two_examples_each()
    {
        foreach (HelpPage page in Pages())
        {
            Assert.False(page.HasPlaceholders, $"{page.Name}.md has something to be filled in: search it for {{{{");
            Assert.All((string[])["SYNOPSIS", "DESCRIPTION", "INPUTS", "OUTPUTS", "NOTES", "RELATED LINKS"], heading => Assert.True(page.Section(heading).Length > 0, $"{page.Name}.md: {heading} is empty."));
            Assert.All(page.Parameters, parameter => Assert.True(parameter.Description.Contains(' ', StringComparison.Ordinal), $"{page.Name} -{parameter.Name} is not described."));
            Assert.True(page.Examples.Count >= 2, $"{page.Name} has fewer than two examples.");
            Assert.All(page.Examples, example => Assert.True(example.Code.Contains(page.Name, StringComparison.Ordinal), $"{page.Name}, {example.Title}: where is {page.Name}?"));
        }
    }

    [Fact]
    public void The_MAML_says_what_the_cmdlets_take() =>
        Difference.AssertNone(Cmdlets.SelectMany(SyntaxOf), MamlCommands().SelectMany(SyntaxOf), "en-US: run ./build.ps1 -Task Docs");

    [Fact]
    public void The_MAML_says_what_the_pages_say() =>
        Difference.AssertNone(Pages().SelectMany(TextsOf), MamlCommands().SelectMany(TextsOf), "en-US: run ./build.ps1 -Task Docs");

    [Fact]
    public void Examples_are_shown_without_the_fences_of_Markdown()
    {
        Assert.DoesNotContain("```", File.ReadAllText(Directory.EnumerateFiles(Path.Combine(SharedFiles.Repository, "en-US"), "*-Help.xml").Single()), StringComparison.Ordinal);
        Assert.DoesNotContain("```", _host.Run("Get-Help New-XpraAesKey -Examples | Out-String").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_Help_finds_the_help()
    {
        foreach (HelpPage page in Pages())
        {
            EngineResult help = _host.Run($"Get-Help {page.Name} -Full");
            Assert.Empty(help.Errors);
            Assert.Equal(page.Section("SYNOPSIS"), help.Output[0].Properties["Synopsis"].Value);
        }
    }

    [Fact]
    public void Get_Help_still_finds_it_after_the_module_was_imported_again()
    {
        EngineResult help = _host.Run($"Remove-Module XpraAes; Import-Module '{TestPaths.BuiltManifest}'; Import-Module '{TestPaths.BuiltManifest}' -Force; Get-Help New-XpraAesKey");
        Assert.Equal(HelpPage.Read("New-XpraAesKey").Section("SYNOPSIS"), Assert.Single(help.Output).Properties["Synopsis"].Value);
    }

    [Theory]
    [InlineData("about_XpraAes")]
    [InlineData("about_XpraAesKeys")]
    [InlineData("about_XpraAesInterop")]
    [InlineData("about_XpraAesSecurity")]
    [InlineData("about_XpraAesGateway")]
    [InlineData("about_XpraAesTroubleshooting")]
    public void Get_Help_finds_the_topic(string topic)
    {
        EngineResult help = _host.Run($"Get-Help {topic}");
        Assert.Empty(help.Errors);
        Assert.StartsWith("TOPIC\n    " + topic, help.Text.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.All(help.Text.ReplaceLineEndings("\n").Split('\n'), line => Assert.True(line.Length <= 80, $"More than 80 columns: {line}"));
    }

    [Fact]
    public void Every_error_id_is_explained_in_about_XpraAesTroubleshooting()
    {
        string topic = File.ReadAllText(Path.Combine(HelpFolder, "about_XpraAesTroubleshooting.help.txt"));
        Assert.All(Enum.GetNames<XpraErrorId>(), id => Assert.Matches($@"(?m)^    {id}\s", topic));
    }

    private IEnumerable<HelpPage> Pages() => Cmdlets.Select(cmdlet => HelpPage.Read(cmdlet.Name));

    private static IEnumerable<XElement> MamlCommands() => XDocument.Load(Path.Combine(HelpFolder, "XpraAes.PowerShell.dll-Help.xml")).Root!.Elements(Command + "command");

    private static string NameOf(XElement command) => command.Element(Command + "details")!.Element(Command + "name")!.Value;

    // MAML has no names of parameter sets: each is a separate line. Pipeline input is given per parameter.
    private static IEnumerable<string> SyntaxOf(CmdletInfo cmdlet) =>
    [
        .. cmdlet.ParameterSets.Select(set => SyntaxLine(cmdlet.Name, set.Parameters.Where(parameter => !Cmdlet.CommonParameters.Contains(parameter.Name))
            .Select(parameter => (parameter.Name, parameter.IsMandatory, parameter.Position < 0 ? "named" : $"{parameter.Position}")))),
        .. CmdletSyntax.Parameters(cmdlet).Select(parameter => PipelineLine(cmdlet.Name, parameter.Name,
            parameter.ParameterSets.Values.Any(set => set.ValueFromPipeline), parameter.ParameterSets.Values.Any(set => set.ValueFromPipelineByPropertyName))),
    ];

    private static IEnumerable<string> SyntaxOf(XElement command) =>
    [
        .. command.Descendants(Command + "syntaxItem").Select(item => SyntaxLine(NameOf(command), item.Elements(Command + "parameter")
            .Select(parameter => (parameter.Element(Maml + "name")!.Value, parameter.Attribute("required")!.Value == "true", parameter.Attribute("position")!.Value)))),
        .. command.Element(Command + "parameters")!.Elements(Command + "parameter").Select(parameter => PipelineLine(NameOf(command), parameter.Element(Maml + "name")!.Value,
            parameter.Attribute("pipelineInput")!.Value.Contains("ByValue", StringComparison.Ordinal), parameter.Attribute("pipelineInput")!.Value.Contains("ByPropertyName", StringComparison.Ordinal))),
    ];

    private static string SyntaxLine(string cmdlet, IEnumerable<(string Name, bool Mandatory, string Position)> parameters) =>
        $"{cmdlet} takes {string.Join(", ", parameters.OrderBy(parameter => parameter.Name, StringComparer.Ordinal).Select(parameter => $"-{parameter.Name}{(parameter.Mandatory ? " mandatory" : "")} {parameter.Position}"))}";

    private static string PipelineLine(string cmdlet, string parameter, bool byValue, bool byPropertyName) =>
        $"{cmdlet} -{parameter} from the pipeline: {(byValue ? "value" : "")} {(byPropertyName ? "property" : "")}";

    private static IEnumerable<string> TextsOf(HelpPage page) =>
    [
        $"{page.Name}: {Words(page.Section("SYNOPSIS"))}",
        $"{page.Name} in full: {Words(page.Section("DESCRIPTION"))}",
        .. page.Parameters.Select(parameter => $"{page.Name} -{parameter.Name}: {Words(parameter.Description)}"),
        .. page.Examples.Select(example => $"{page.Name}, {example.Title}: {Words(example.Code)}"),
    ];

    private static IEnumerable<string> TextsOf(XElement command) =>
    [
        $"{NameOf(command)}: {Words(command.Element(Command + "details")!.Element(Maml + "description")!)}",
        $"{NameOf(command)} in full: {Words(command.Element(Maml + "description")!)}",
        .. command.Element(Command + "parameters")!.Elements(Command + "parameter").Select(parameter => $"{NameOf(command)} -{parameter.Element(Maml + "name")!.Value}: {Words(parameter.Element(Maml + "description")!)}"),
        .. command.Descendants(Command + "example").Select(example => $"{NameOf(command)}, {example.Element(Maml + "title")!.Value.Trim('-', ' ')}: {Words(FirstCode(example))}"),
    ];

    private static string FirstCode(XElement example) => example.Element(Maml + "introduction")!.Elements(Maml + "para").First().Value;

    private static string Words(XElement element) => Words(string.Join(' ', element.Elements(Maml + "para").Select(paragraph => paragraph.Value)));

    private static string Words(string text) => SpacePattern().Replace(text, " ").Trim();

    [GeneratedRegex(@"[\s\u0080]+")]
    private static partial Regex SpacePattern();
}
