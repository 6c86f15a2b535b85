using System.Diagnostics;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Interop;

namespace XpraAes.Tests.Windows;

/// <summary>xpra-aes built for Windows from a copy of this source, in a Wine of its own. C:\xpra is the source and C:\xpra-aes the program.</summary>
public sealed class WineHost : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(8);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xpra-wine-");
    private string _wine = "";
    private int _runs;

    /// <summary>Why it is not available; null if it is.</summary>
    public string? Missing { get; private set; }

    /// <summary>The folder that is C:\ there.</summary>
    public string Drive => Path.Combine(_folder.FullName, "prefix", "drive_c");

    public async ValueTask InitializeAsync()
    {
        _wine = RealXpra.FindProgram("wine64", "/usr/lib/wine/wine64", "wine") ?? "";
        if (_wine.Length == 0 || RealXpra.FindProgram("script") is null)
        {
            Missing = "This needs Wine (Debian's wine64) and script, which gives it a terminal.";
            return;
        }
        await FinishAsync(Start([_wine, "wineboot", "-i"]));
        if (!Directory.Exists(Path.Combine(Drive, "windows")))
        {
            Missing = "Wine made no Windows here.";
            return;
        }
        // As Windows 10, .NET derives keys by a function that Wine 8 lacks.
        await FinishAsync(Start([_wine, "winecfg", "-v", "win7"]));
        var source = Path.Combine(Drive, "xpra");
        SourceCopy.Make(source);
        string[] common = ["src/XpraAes.Shell", "-r", "win-x64", "-v", "quiet", "-nodeReuse:false"];
        var (restored, said) = await SourceCopy.RunAsync(source, ["restore", .. common, "-p:Configuration=Release"]);
        if (restored != 0)
        {
            Missing = $"The packages for Windows cannot be had: {said}";
            return;
        }
        var (built, output) = await SourceCopy.RunAsync(source, ["publish", .. common, "--no-restore", "--self-contained", "-c", "Release", "-o", Path.Combine(Drive, "xpra-aes"), "-p:UseSharedCompilation=false"]);
        Assert.True(built == 0, output);
    }

    public async ValueTask DisposeAsync()
    {
        // Ends what is left in this Wine alone.
        if (RealXpra.FindProgram("wineserver", "/usr/lib/wine/wineserver64") is { } server && _wine.Length > 0)
            await FinishAsync(Start([server, "-k"]));
        for (var tries = 0; _folder.Exists; tries++)
        {
            try
            {
                _folder.Delete(recursive: true);
            }
            catch (IOException) when (tries < 20)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(250));
            }
            _folder.Refresh();
        }
    }

    /// <summary>Runs xpra-aes to its end.</summary>
    /// <param name="arguments">As cmd.exe reads them.</param>
    public async Task<(int ExitCode, string Output, string Errors)> RunAsync(string arguments)
    {
        await using var run = Begin(arguments);
        return await run.FinishAsync();
    }

    /// <summary>Runs another program of Windows to its end.</summary>
    public Task RunProgramAsync(params string[] command) => FinishAsync(Start([_wine, .. command]));

    /// <summary>Starts xpra-aes.</summary>
    /// <param name="arguments">As cmd.exe reads them.</param>
    internal WineRun Begin(string arguments)
    {
        var name = $"run{Interlocked.Increment(ref _runs)}";
        var files = Path.Combine(Drive, name);
        // cmd.exe, since the program has to have a console, and its output, which is looked at, must not go there.
        File.WriteAllText($"{files}.cmd", $"""
            @cd /d C:\xpra
            @C:\xpra-aes\xpra-aes.exe {arguments} > C:\{name}.out 2> C:\{name}.err
            @echo %ERRORLEVEL% > C:\{name}.exit
            """.ReplaceLineEndings("\r\n") + "\r\n");
        return new WineRun(Start(["script", "-qec", $"{_wine} cmd /c C:\\\\{name}.cmd", "/dev/null"]), files);
    }

    /// <summary>Starts xpra-aes on its terminal alone: cmd.exe would take Ctrl+C for itself.</summary>
    /// <param name="script">A script, which writes what it says to the file $out, and may wait for the file $signal.</param>
    internal WineRun BeginOnTerminal(string script)
    {
        var name = $"run{Interlocked.Increment(ref _runs)}";
        var files = Path.Combine(Drive, name);
        File.WriteAllText($"{files}.ps1", $"$out = 'C:\\{name}.out'; $signal = 'C:\\{name}.signal'\n{script}");
        return new WineRun(Start(["script", "-qec", $"{_wine} C:\\\\xpra-aes\\\\xpra-aes.exe C:\\\\{name}.ps1", "/dev/null"]), files);
    }

    internal static async Task FinishAsync(Process process)
    {
        using (process)
        {
            process.StandardInput.Close();
            await ShellProcess.FinishAsync(process, Deadline);
        }
    }

    private Process Start(string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["WINEPREFIX"] = Path.Combine(_folder.FullName, "prefix");
        start.Environment["WINEARCH"] = "win64";
        start.Environment["WINEDEBUG"] = "-all";
        // No entries in this desktop's menus, and no offer to install a browser.
        start.Environment["WINEDLLOVERRIDES"] = "winemenubuilder.exe=d;mshtml=d";
        // Wine does not bear the two mappings of one memory that .NET compiles into.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        start.Environment["NO_COLOR"] = "1";
        start.Environment.Remove("DISPLAY");
        start.Environment.Remove("PSModulePath");
        return Process.Start(start)!;
    }
}
