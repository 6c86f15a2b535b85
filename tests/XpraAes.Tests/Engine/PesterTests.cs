using System.Diagnostics;
using System.Management.Automation;
using System.Reflection;
using System.Text.Json;

namespace XpraAes.Tests.Engine;

/// <summary>Runs the suite in tests/pester with pwsh and the Pester versions that the build has downloaded.</summary>
[Trait("Category", "Engine")]
public sealed class PesterTests(PesterTests.Pwsh pwsh) : IClassFixture<PesterTests.Pwsh>
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(15);

    [Theory]
    [InlineData("5.9.1")]
    [InlineData("6.2.0")]
    public async Task Every_Pester_test_passes_under_Pester(string version)
    {
        Assert.SkipWhen(pwsh.Missing is not null, pwsh.Missing ?? "");
        string modules = Path.Combine(pwsh.Folder, "Modules");
        CopyModule(version, modules);
        string major = version[..1];
        string result = Path.Combine(SharedFiles.Repository, "out", $"pester-{major}.json");
        File.Delete(result);
        string suite = Path.Combine(SharedFiles.Repository, "tests", "pester", "Invoke-Suite.ps1");
        string console = await pwsh.RunAsync("-NoProfile", "-NonInteractive", "-File", suite, "-PesterMajor", major, "-ResultPath", result);
        Assert.True(File.Exists(result), $"Pester did not come to an end:\n{console}");

        PesterRun run = JsonSerializer.Deserialize<PesterRun>(await File.ReadAllTextAsync(result))!;
        Assert.True(run.Failed == 0, string.Join("\n\n", run.Failures.Select(failure => $"{failure.Name}\n{failure.Message}")));
        Assert.True(run.Passed > 0, $"Pester found no test:\n{console}");
    }

    // As Install-Module would leave it.
    private static void CopyModule(string version, string modules)
    {
        string packages = typeof(PesterTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "Packages").Value!;
        string from = Path.Combine(packages, "pester", version, "tools");
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string to = Path.Combine(modules, "Pester", version, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to, overwrite: true);
        }
    }

    /// <summary>The pwsh of the version that these tests are built with: a dotnet tool, which goes into a folder of its own.</summary>
    public sealed class Pwsh : IAsyncLifetime
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xpra-pwsh-");

        public string Folder => _folder.FullName;

        /// <summary>Why it is not available; null if it is.</summary>
        public string? Missing { get; private set; }

        public async ValueTask InitializeAsync()
        {
            string version = typeof(PSObject).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split(' ', '+')[0];
            string output = await RunAsync("dotnet", "tool", "install", "PowerShell", "--version", version, "--tool-path", Folder);
            if (!File.Exists(Path.Combine(Folder, OperatingSystem.IsWindows() ? "pwsh.exe" : "pwsh")))
                Missing = $"pwsh {version} could not be installed: {output}";
        }

        public ValueTask DisposeAsync()
        {
            _folder.Delete(recursive: true);
            return ValueTask.CompletedTask;
        }

        /// <summary>The output of pwsh, which is on its own PATH, since the suite starts it too.</summary>
        public Task<string> RunAsync(params string[] arguments) => RunAsync(Path.Combine(Folder, "pwsh"), arguments);

        private async Task<string> RunAsync(string program, params string[] arguments)
        {
            ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["NO_COLOR"] = "1";
            start.Environment["POWERSHELL_TELEMETRY_OPTOUT"] = "1";
            start.Environment["PATH"] = Folder + Path.PathSeparator + start.Environment["PATH"];
            start.Environment["PSModulePath"] = Path.Combine(Folder, "Modules");
            using Process process = Process.Start(start)!;
            var (_, output, errors) = await ShellProcess.FinishAsync(process, Deadline);
            return output + errors;
        }
    }

    private sealed record PesterRun(int Passed, int Failed, IReadOnlyList<PesterFailure> Failures);

    private sealed record PesterFailure(string Name, string Message);
}
