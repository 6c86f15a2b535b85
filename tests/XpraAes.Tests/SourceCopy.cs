using System.Diagnostics;

namespace XpraAes.Tests;

/// <summary>Copies of the source for builds that must not touch this one.</summary>
internal static class SourceCopy
{
    private static readonly string[] s_left = [".git", "bin", "obj", "out", "TestResults", "BenchmarkDotNet.Artifacts"];

    /// <summary>Copies everything but what builds leave.</summary>
    public static void Make(string to) => Copy(SharedFiles.Repository, to);

    /// <summary>Runs dotnet in a folder to its end.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string folder, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // This process may itself be a child of MSBuild.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var all = await process.StandardError.ReadToEndAsync() + await output;
        await process.WaitForExitAsync();
        return (process.ExitCode, all);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var folder in Directory.EnumerateDirectories(from).Where(folder => !s_left.Contains(Path.GetFileName(folder))))
            Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
    }
}
