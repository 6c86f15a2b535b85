using System.Text.RegularExpressions;
using XpraAes.Diagnostics;

namespace XpraAes.Tests.Diagnostics;

/// <summary>docs/troubleshooting.md lists every error and every finding, with its cause and its fix.</summary>
public sealed partial class TroubleshootingTests
{
    private static readonly string[] s_errors = Enum.GetNames<XpraErrorId>();
    private static readonly string[] s_findings = Enum.GetNames<DiagnosisFinding>();

    [Fact]
    public void Every_error_and_every_finding_is_explained_once_and_nothing_else()
    {
        var expected = s_errors.Union(s_findings).Select(name => $"{name}: {(!s_findings.Contains(name) ? "error" : s_errors.Contains(name) ? "both" : "finding")}");
        Difference.AssertNone(expected, Rows().Select(row => $"{row.Name}: {row.What}"), "docs/troubleshooting.md");
    }

    [Fact]
    public void Every_row_has_a_cause_and_every_failure_a_fix()
    {
        Assert.All(Rows(), row =>
        {
            Assert.True(row.Cause.Split(' ').Length > 2, $"{row.Name} has no cause.");
            var passes = Enum.TryParse<DiagnosisFinding>(row.Name, out var finding) && finding != DiagnosisFinding.NotChecked && Findings.Of(finding).Result == DiagnosisResult.Passed;
            Assert.True(passes == (row.Cure == "Nothing to do."), $"{row.Name}: {row.Cure}");
        });
    }

    private static IEnumerable<(string Name, string What, string Cause, string Cure)> Rows()
        => RowPattern().Matches(File.ReadAllText(Path.Combine(SharedFiles.Repository, "docs", "troubleshooting.md")).ReplaceLineEndings("\n"))
            .Select(row => (row.Groups[1].Value, row.Groups[2].Value, row.Groups[3].Value, row.Groups[4].Value));

    [GeneratedRegex(@"^\| `(\w+)` \| (error|finding|both) \| ([^|\n]*) \| ([^|\n]*) \|$", RegexOptions.Multiline)]
    private static partial Regex RowPattern();
}
