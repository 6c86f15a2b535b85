using System.Diagnostics;

namespace XpraAes.Tests.Windows;

/// <summary>xpra-aes while it runs in Wine, on a terminal of its own.</summary>
/// <param name="terminal">The program that holds the terminal.</param>
/// <param name="files">The path of its output files, without .out, .err and .exit.</param>
internal sealed class WineRun(Process terminal, string files) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly Task<string> _shown = terminal.StandardOutput.ReadToEndAsync();

    /// <summary>Waits for its first line.</summary>
    public async Task<string> ReadLineAsync()
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Deadline; await Task.Delay(TimeSpan.FromMilliseconds(100)))
        {
            if (Read(".out") is var text && text.Contains('\n', StringComparison.Ordinal))
                return text.Split('\n')[0];
        }
        throw new TimeoutException($"It wrote nothing: {Read(".err")}");
    }

    /// <summary>Presses Ctrl+C.</summary>
    public async Task InterruptAsync()
    {
        await terminal.StandardInput.WriteAsync('\x03');
        await terminal.StandardInput.FlushAsync();
    }

    /// <summary>Creates the file that the script waits for.</summary>
    public Task SignalAsync() => File.WriteAllTextAsync($"{files}.signal", "");

    /// <summary>Waits for its end; the line ends are those of Unix.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> FinishAsync()
    {
        using CancellationTokenSource deadline = new(TimeSpan.FromMinutes(8));
        await terminal.WaitForExitAsync(deadline.Token);
        var exit = Read(".exit");
        Assert.True(exit.Length > 0, $"It came to no end: {await _shown}{Read(".out")}{Read(".err")}");
        return (int.Parse(exit, System.Globalization.CultureInfo.InvariantCulture), Read(".out"), Read(".err"));
    }

    public async ValueTask DisposeAsync()
    {
        if (!terminal.HasExited)
            terminal.Kill();
        await terminal.WaitForExitAsync();
        terminal.Dispose();
    }

    private string Read(string kind)
    {
        var path = files + kind;
        if (!File.Exists(path))
            return "";
        using StreamReader reader = new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
