using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace XpraAes.Tests.Engine;

/// <summary>The suite in tests/pester, run by a real pwsh where there is one.</summary>
[Trait("Category", "Engine")]
public sealed class PesterTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(15);

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Every_Pester_test_passes_under_Pester(int major)
    {
        string? found = await RunAsync("-Command", $"(Get-Module -ListAvailable Pester).Version.Major -contains {major}");
        Assert.SkipWhen(found is null, "pwsh is not on the PATH.");
        Assert.SkipWhen(found.Trim() != "True", $"pwsh is there, but Pester {major} is not.");

        string result = Path.Combine(SharedFiles.Repository, "out", $"pester-{major}.json");
        File.Delete(result);
        string suite = Path.Combine(SharedFiles.Repository, "tests", "pester", "Invoke-Suite.ps1");
        string? console = await RunAsync("-File", suite, "-PesterMajor", $"{major}", "-ResultPath", result);
        Assert.True(File.Exists(result), $"Pester did not come to an end:\n{console}");

        PesterRun run = JsonSerializer.Deserialize<PesterRun>(await File.ReadAllTextAsync(result))!;
        Assert.True(run.Failed == 0, string.Join("\n\n", run.Failures.Select(failure => $"{failure.Name}\n{failure.Message}")));
        Assert.True(run.Passed > 0, $"Pester found no test:\n{console}");
    }

    // What pwsh writes, or null where there is no pwsh.
    private static async Task<string?> RunAsync(params string[] arguments)
    {
        ProcessStartInfo start = new("pwsh", ["-NoProfile", "-NonInteractive", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NO_COLOR"] = "1";
        Process? pwsh;
        try
        {
            pwsh = Process.Start(start);
        }
        catch (Win32Exception)
        {
            return null;
        }

        using (pwsh)
        {
            var (_, output, errors) = await ShellProcess.FinishAsync(pwsh!, Deadline);
            return output + errors;
        }
    }

    private sealed record PesterRun(int Passed, int Failed, IReadOnlyList<PesterFailure> Failures);

    private sealed record PesterFailure(string Name, string Message);
}
