using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace XpraAes.Diagnostics;

/// <summary>
/// Appends log events of level Debug and above to a file, a line each. Whoever logs never waits for the disk: lines queue up, and
/// those that cannot be written are dropped, and counted in the file once it can be written again. It is opened for each batch, so
/// that it can be renamed or removed meanwhile.
/// </summary>
internal sealed class FileLogger : ILogger, IDisposable
{
    /// <summary>Lines that wait for the disk, about a megabyte; arbitrary.</summary>
    private const int MaxWaiting = 10_000;

    /// <summary>Characters written at once; arbitrary.</summary>
    private const int BatchSize = 64 * 1024;

    /// <summary>Between two attempts to write to a file that could not be written; arbitrary.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>For the last lines, when it is disposed of; arbitrary.</summary>
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(1);

    // Two loggers of one file in this process must not write at one time: each appends where the file ended when it was opened.
    private static readonly SemaphoreSlim s_appending = new(1, 1);

    private readonly string _path;
    private readonly Channel<string> _lines;
    private readonly Task _writing;
    private readonly CancellationTokenSource _ending = new();
    private long _lost;

    /// <summary>Opens the file once, to tell what is wrong with it at once.</summary>
    /// <exception cref="XpraAesException">LogUnwritable.</exception>
    public FileLogger(string path)
    {
        _path = path;
        try
        {
            Open().Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new XpraAesException(XpraErrorId.LogUnwritable, $"The log file {path} cannot be written: {e.Message}", "Check the folder, the rights to it and the space on the disk.", e) { Target = path };
        }
        _lines = Channel.CreateBounded<string>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }, _ => Interlocked.Increment(ref _lost));
        _writing = Task.Run(WriteAsync);
    }

    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Debug and < LogLevel.None;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        var text = formatter(state, exception) + (exception is null ? "" : $": {exception}");
        _lines.Writer.TryWrite(Line(logLevel, eventId.Id, text));
    }

    /// <summary>Writes what waits, but not for longer than a second. What is logged later is dropped.</summary>
    public void Dispose()
    {
        _lines.Writer.TryComplete();
        _ending.CancelAfter(s_lastWords);
        if (_writing.Wait(2 * s_lastWords))
            _ending.Dispose();
    }

    /// <summary>A new file is its owner's alone, since it tells who connects; one that is there keeps its mode.</summary>
    private FileStream Open()
    {
        var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(_path, options);
    }

    private async Task WriteAsync()
    {
        var batch = new StringBuilder();
        while (await _lines.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var count = 0;
            for (batch.Clear(); batch.Length < BatchSize && _lines.Reader.TryRead(out var line); count++)
                batch.Append(line);
            var lost = Interlocked.Exchange(ref _lost, 0);
            if (lost > 0)
                batch.Insert(0, "\n" + Line(LogLevel.Warning, 0, $"{lost} lines are missing here: the file could not be written")); // the last one may be there in part
            if (await TryAppendAsync(batch.ToString()).ConfigureAwait(false))
                continue;
            Interlocked.Add(ref _lost, lost + count);
            await Task.Delay(s_pause, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> TryAppendAsync(string lines)
    {
        await s_appending.WaitAsync().ConfigureAwait(false);
        try
        {
            var file = Open();
            await using var closing = file.ConfigureAwait(false);
            await file.WriteAsync(Encoding.UTF8.GetBytes(lines), _ending.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            return false;
        }
        finally
        {
            s_appending.Release();
        }
    }

    private static string Line(LogLevel level, int id, string text)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Name(level)} {id:000} ");
        // One event, one line: nothing that a peer says can look like another event.
        foreach (var c in text)
            line.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c);
        return line.Append('\n').ToString();
    }

    private static string Name(LogLevel level) => level switch
    {
        LogLevel.Debug => "DEBUG",
        LogLevel.Information => "INFO ",
        LogLevel.Warning => "WARN ",
        _ => "ERROR",
    };
}
