using System.Globalization;
using System.Runtime.Versioning;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace XpraAes.Logging;

/// <summary>
/// Appends log events of level Debug and above to a file, a line each. Whoever logs never waits for the disk: lines queue up, and
/// those that cannot be written are dropped, and counted in the file once it can be written again. It is opened for each batch, so
/// that it can be renamed or removed meanwhile. A file that would get too large is renamed to end in .1, in place of the one before.
/// </summary>
/// <remarks>
/// Who can write to its folder must not choose what is written to: no symbolic link is followed at the end of the path, and a file
/// that belongs to another user, has a second name, or is a device or pipe is not written to. Windows is spared these checks.
/// </remarks>
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
    private readonly long _limit;
    private readonly Channel<string> _lines;
    private readonly Task _writing;
    private readonly CancellationTokenSource _ending = new();
    private long _lost;

    /// <summary>Opens the file once, to tell what is wrong with it at once.</summary>
    /// <param name="path">Its full path.</param>
    /// <param name="limit">The bytes after which it is renamed.</param>
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
            throw Unwritable($"The log file {path} is not written to: {e.Message}", "Give the path of a file of your own, or of one that is still to be made, in a folder that nobody else can write to.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable($"The log file {path} cannot be written: {e.Message}", "Check the folder, the rights to it and the space on the disk.", e);
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

    private XpraAesException Unwritable(string message, string action, Exception inner) => new(XpraErrorId.LogUnwritable, message, action, inner) { Target = _path };

    /// <summary>A new file is its owner's alone, since it tells who connects; one that is there keeps its mode.</summary>
    private FileStream Open()
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
            return new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        while (true)
        {
            try
            {
                return OpenThere();
            }
            catch (FileNotFoundException)
            {
                // Then it is made, which fails where meanwhile somebody else has made it, or a link of that name.
            }
            try
            {
                return new FileStream(_path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            }
            catch (IOException) when (Path.Exists(_path))
            {
                // It is there by now.
            }
        }
    }

    [SupportedOSPlatform("linux")]
    [SupportedOSPlatform("macos")]
    private FileStream OpenThere()
    {
        var file = UnixFile.OpenToAppend(_path);
        try
        {
            var status = UnixFile.StatusOf(file);
            if (status.Kind != FileKind.File)
                throw new NotSupportedException("It is a device or a pipe and no file.");
            if (status.Owner != UnixFile.User && status.Owner != 0)
                throw new NotSupportedException($"It belongs to another user, number {status.Owner}.");
            if (status.Links > 1)
                throw new NotSupportedException("It has a second name (a hard link), and could be any file.");
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
        var batchSize = Math.Min(BatchSize, _limit / 4); // a file that has just been renamed is to be nearly full
        while (await _lines.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var count = 0;
            for (batch.Clear(); batch.Length < batchSize && _lines.Reader.TryRead(out var line); count++)
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
            var bytes = Encoding.UTF8.GetBytes(lines);
            var file = Open();
            if (file.Length > 0 && file.Length + bytes.Length > _limit)
            {
                await file.DisposeAsync().ConfigureAwait(false);
                File.Move(_path, _path + ".1", overwrite: true);
                file = Open();
            }
            await using var closing = file.ConfigureAwait(false);
            await file.WriteAsync(bytes, _ending.Token).ConfigureAwait(false);
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
