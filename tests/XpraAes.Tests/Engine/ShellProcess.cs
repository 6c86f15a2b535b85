using System.Diagnostics;

namespace XpraAes.Tests.Engine;

/// <summary>Runs xpra-aes as a separate process.</summary>
internal static class ShellProcess
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        process.StandardInput.Close();
        return await FinishAsync(process);
    }

    /// <summary>Runs a script, written to a file of its own, to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunScriptAsync(string script, params string[] arguments)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("xpra-aes-");
        try
        {
            string path = Path.Combine(directory.FullName, "script.ps1");
            await File.WriteAllTextAsync(path, script);
            return await RunAsync([path, .. arguments]);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Runs it to its end, with these variables in its environment.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using Process process = Start(environment, arguments);
        process.StandardInput.Close();
        return await FinishAsync(process);
    }

    public static Process Start(params string[] arguments) => Start(new Dictionary<string, string>(), arguments);

    /// <summary>Starts it under a shell that runs <paramref name="script"/> first, which then runs it in its own place: "$@".</summary>
    public static Process StartUnder(string script, params string[] arguments)
        => StartProgram(new Dictionary<string, string>(), ["bash", "-c", $"{script}\nexec \"$@\"", "sh", "dotnet", TestPaths.Shell, .. arguments]);

    /// <summary>Starts it with these variables in its environment.</summary>
    public static Process Start(IReadOnlyDictionary<string, string> environment, string[] arguments)
    {
        // A process started in the background of a shell ignores SIGINT, and so do its children; env resets that.
        string[] prefix = OperatingSystem.IsLinux() ? ["env", "--default-signal=INT", "dotnet", TestPaths.Shell] : ["dotnet", TestPaths.Shell];
        return StartProgram(environment, [.. prefix, .. arguments]);
    }

    private static Process StartProgram(IReadOnlyDictionary<string, string> environment, string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Tables and errors without colours.
        start.Environment["NO_COLOR"] = "1";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static async Task SignalAsync(Process process, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        await kill.WaitForExitAsync();
    }

    public static async Task<(int ExitCode, string Output, string Errors)> FinishAsync(Process process, TimeSpan? within = null)
    {
        using CancellationTokenSource deadline = new(within ?? Deadline);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            return (process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
