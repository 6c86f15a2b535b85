using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace XpraAes.Logging;

/// <summary>Appends log events of level Debug and above to a file, one line each. Logging never waits for the disk.</summary>
internal sealed class FileLogger : ILogger, IDisposable
{
    /// <summary>Characters written at a time; arbitrary.</summary>
    private const int BatchSize = 64 * 1024;

    private readonly LineQueue _lines;

    /// <summary>Opens the file once, to report problems immediately.</summary>
    /// <param name="path">The file's full path.</param>
    /// <param name="limit">The size in bytes after which it is renamed to end in .1, replacing the previous one.</param>
    /// <exception cref="XpraAesException">LogUnwritable.</exception>
    public FileLogger(string path, long limit)
    {
        var file = new LogFile(path, limit);
        // A part of the limit, so that a file is nearly full when it is renamed.
        _lines = new LineQueue(file.TryAppendAsync, dropped => Line(LogLevel.Warning, 0, $"{dropped} lines are missing here: the file could not be written"), (int)Math.Min(BatchSize, limit / 4));
    }

    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Debug and < LogLevel.None;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        var text = formatter(state, exception) + (exception is null ? "" : $": {exception}");
        _lines.Add(Line(logLevel, eventId.Id, text));
    }

    /// <summary>Writes the queued lines, for at most a second. What is logged later is dropped.</summary>
    public void Dispose() => _lines.Dispose();

    private static string Line(LogLevel level, int id, string text)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Name(level)} {id:000} ");
        // One line per event, so that no text from a peer can be mistaken for another event.
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
