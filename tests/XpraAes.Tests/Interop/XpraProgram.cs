using System.Collections.Concurrent;
using System.Diagnostics;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Interop;

/// <summary>A run of the installed xpra in its own folders, which is ended with all its child processes.</summary>
internal sealed class XpraProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();

    private XpraProgram(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
    }

    public bool HasExited => _process.HasExited;

    /// <summary>Its output so far, stdout and stderr.</summary>
    public string Output => string.Join('\n', _output);

    /// <summary>Starts a program from PATH, with its home and runtime directory below <paramref name="folder"/>.</summary>
    public static XpraProgram Start(string folder, string program, IEnumerable<string> arguments, bool encryptFirstPacket = false, string? display = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("XPRA_", StringComparison.Ordinal) || name == "DISPLAY").ToList())
            start.Environment.Remove(name);
        start.Environment["HOME"] = start.Environment["XDG_RUNTIME_DIR"] = folder;
        start.Environment["LC_ALL"] = "C.UTF-8";
        // Without the installed settings: Debian's start a desktop session in each server, or at least a terminal.
        start.Environment["XPRA_SYSTEM_CONF_DIRS"] = Path.Combine(folder, "no-settings");
        if (display is not null)
            start.Environment["DISPLAY"] = display;
        if (encryptFirstPacket)
            start.Environment["XPRA_ENCRYPT_FIRST_PACKET"] = "1";
        return new XpraProgram(Process.Start(start)!);
    }

    /// <summary>Its child process of this name; the caller disposes of it.</summary>
    public Process FindChild(string name)
    {
        var children = File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Process.GetProcessById(int.Parse(children.Single(id => File.ReadAllText($"/proc/{id}/comm").Trim() == name), System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Waits until its output contains this.</summary>
    public async Task WaitForAsync(string text)
    {
        await Loopback.Eventually(() => Output.Contains(text, StringComparison.Ordinal) || _process.HasExited);
        if (!Output.Contains(text, StringComparison.Ordinal))
            throw new InvalidOperationException($"It ended with {_process.ExitCode} and never said '{text}':\n{Output}");
    }

    /// <summary>Waits until it exits, and returns its exit code.</summary>
    public async Task<int> WaitForExitAsync()
    {
        using var timeout = new CancellationTokenSource(Loopback.HelloTimeout);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"It did not end by itself:\n{Output}");
        }
        return _process.ExitCode;
    }

    /// <summary>Asks it to exit, so that it ends its children itself; kills all of them if it does not.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", [_process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            try
            {
                await _process.WaitForExitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null)
            _output.Enqueue(line);
    }
}
