using XpraAes.PowerShell.Configuration;
using XpraAes.Tests.Engine;

namespace XpraAes.Tests.Snapshots;

/// <summary>The public API and the cmdlets' syntax change only on purpose.</summary>
[Trait("Category", "Engine")]
public sealed class SnapshotTests
{
    private const string Accept = "XPRA_AES_ACCEPT_SNAPSHOTS";
    private static readonly string Folder = Path.Combine(SharedFiles.Repository, "tests", "XpraAes.Tests", "Snapshots");

    [Fact]
    public void The_public_API_of_the_library_is_as_it_was() => Compare("PublicApi.txt", PublicApi.Lines(typeof(XpraKey).Assembly));

    [Fact]
    public void The_syntax_of_every_cmdlet_is_as_it_was()
    {
        using EngineHost host = EngineHost.WithModule();
        Compare("CmdletSyntax.txt", CmdletSyntax.Cmdlets(host).SelectMany(CmdletSyntax.Lines));
    }

    [Fact]
    public void The_schema_of_configuration_files_has_every_parameter_and_its_description()
    {
        string help = File.ReadAllText(Path.Combine(SharedFiles.Repository, "docs", "cmdlets", "Start-XpraAesListener.md"));
        string? Describe(string name) => System.Text.RegularExpressions.Regex.Match(help, $@"(?m)^### -{name}\r?\n\r?\n(.+?)\r?\n") is { Success: true } match ? match.Groups[1].Value : null;
        Compare("../../../XpraAes.schema.json", ConfigurationSchema.Create(Describe).TrimEnd('\n').Split('\n'));
    }

    private static void Compare(string name, IEnumerable<string> lines)
    {
        string path = Path.GetFullPath(Path.Combine(Folder, name));
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(path, string.Concat(lines.Select(line => line + '\n')));
            return;
        }

        Difference.AssertNone(File.ReadAllLines(path), lines, $"{name} has changed. If that is meant: {Accept}=1 dotnet test --filter-class '*.SnapshotTests', then commit the file.");
    }
}
