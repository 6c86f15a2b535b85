using System.Globalization;
using System.Runtime.Versioning;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace XpraAes.Logging;

/// <summary>
/// Appends log events of level Debug and above to a file, one line each. Logging never waits for the disk: lines are queued, and those
/// that cannot be written are dropped, and their number logged later. The file is opened for each batch, so it can be renamed or removed
/// at any time. A file that would get too large is renamed to end in .1, replacing the previous one.
/// </summary>
/// <remarks>
/// Except on Windows, someone who can write to the folder cannot redirect the log: symbolic links at the end of the path, hard links,
/// devices, pipes and files of other users are rejected.
/// </remarks>
internal sealed class FileLogger : ILogger, IDisposable
{
    /// <summary>Queued lines, about a megabyte; arbitrary.</summary>
    private const int MaxQueued = 10_000;

    /// <summary>Characters written at a time; arbitrary.</summary>
    private const int BatchSize = 64 * 1024;

    /// <summary>Delay before writing is tried again after a failure; arbitrary.</summary>
    private static readonly TimeSpan s_retryDelay = TimeSpan.FromSeconds(1);

    /// <summary>Time to write the queued lines on disposal; arbitrary.</summary>
    private static readonly TimeSpan s_disposeTimeout = TimeSpan.FromSeconds(1);

    // Two loggers of the same file in this process must take turns: each appends at the end that the file had when it was opened.
    private static readonly SemaphoreSlim s_appending = new(1, 1);

    private readonly string _path;
    private readonly long _limit;
    private readonly Channel<string> _lines;
    private readonly Task _writing;
    private readonly CancellationTokenSource _stopping = new();
    private long _dropped;

    /// <summary>Opens the file once, to report problems immediately.</summary>
    /// <param name="path">The file's full path.</param>
    /// <param name="limit">The size in bytes after which it is renamed.</param>
    /// <exception cref="XpraAesException">LogUnwritable.</exception>
    public FileLogger(string path, long limit)
    {
        (_path, _limit) = (path, limit);
        try
        {
            Open().Dispose();
        }
        catch (NotSupportedException e)
        {
            throw Unwritable($"The log file {path} cannot be used: {e.Message}", "Give the path of a file that is yours, or of a new one, in a folder that nobody else can write to.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable($"The log file {path} cannot be written: {e.Message}", "Check the folder, its permissions and the free disk space.", e);
        }
        _lines = Channel.CreateBounded<string>(new BoundedChannelOptions(MaxQueued) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }, _ => Interlocked.Increment(ref _dropped));
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

    /// <summary>Writes the queued lines, for at most a second. What is logged later is dropped.</summary>
    public void Dispose()
    {
        _lines.Writer.TryComplete();
        _stopping.CancelAfter(s_disposeTimeout);
        if (_writing.Wait(2 * s_disposeTimeout))
            _stopping.Dispose();
    }

    private XpraAesException Unwritable(string message, string action, Exception inner) => new(XpraErrorId.LogUnwritable, message, action, inner) { Target = _path };

    /// <summary>Creates a new file that is private, since the log shows who connects; an existing one keeps its rights.</summary>
    private FileStream Open()
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
        {
            var file = PrivateFile.Open(_path, FileMode.OpenOrCreate, FileShare.ReadWrite | FileShare.Delete);
            file.Seek(0, SeekOrigin.End);
            return file;
        }
        while (true)
        {
            try
            {
                return OpenExisting();
            }
            catch (FileNotFoundException)
            {
                // Create it below; CreateNew fails if something has appeared there meanwhile.
            }
            try
            {
                return PrivateFile.Open(_path, FileMode.CreateNew, FileShare.ReadWrite | FileShare.Delete);
            }
            catch (IOException) when (Path.Exists(_path))
            {
                // Someone else has just created it: open that.
            }
        }
    }

    [SupportedOSPlatform("linux")]
    [SupportedOSPlatform("macos")]
    private FileStream OpenExisting()
    {
        var file = UnixFile.OpenToAppend(_path);
        try
        {
            var status = UnixFile.StatusOf(file);
            if (status.Kind != FileKind.File)
                throw new NotSupportedException("It is a device or a pipe, not a regular file.");
            if (status.Owner != UnixFile.User && status.Owner != 0)
                throw new NotSupportedException($"It belongs to another user (user id {status.Owner}).");
            if (status.Links > 1)
                throw new NotSupportedException("It is a hard link, and could be any other file.");
            var stream = new FileStream(file, FileAccess.Write, bufferSize: 0);
            stream.Seek(0, SeekOrigin.End);
            return stream;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private async Task WriteAsync()
    {
        var batch = new StringBuilder();
        var batchSize = Math.Min(BatchSize, _limit / 4); // so that a file is nearly full when it is renamed
        while (await _lines.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var count = 0;
            for (batch.Clear(); batch.Length < batchSize && _lines.Reader.TryRead(out var line); count++)
                batch.Append(line);
            var dropped = Interlocked.Exchange(ref _dropped, 0);
            if (dropped > 0)
                batch.Insert(0, "\n" + Line(LogLevel.Warning, 0, $"{dropped} lines are missing here: the file could not be written")); // the newline ends a partly written line
            if (await TryAppendAsync(batch.ToString()).ConfigureAwait(false))
                continue;
            Interlocked.Add(ref _dropped, dropped + count);
            await Task.Delay(s_retryDelay, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> TryAppendAsync(string lines)
    {
        await s_appending.WaitAsync().ConfigureAwait(false);
        try
        {
            var bytes = Encoding.UTF8.GetBytes(lines);
            var file = Open();
            if (file.Length > 0 && file.Length + bytes.Length > _limit)
            {
                await file.DisposeAsync().ConfigureAwait(false);
                File.Move(_path, _path + ".1", overwrite: true);
                file = Open();
            }
            await using var closing = file.ConfigureAwait(false);
            await file.WriteAsync(bytes, _stopping.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or OperationCanceledException)
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
