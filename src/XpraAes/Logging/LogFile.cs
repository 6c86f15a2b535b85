using System.Runtime.Versioning;
using System.Text;

namespace XpraAes.Logging;

/// <summary>
/// A private file that lines are appended to. It is opened each time, so it can be renamed or removed at any time. If it has a limit, a file that would get
/// too large is renamed to end in .1, replacing the previous one.
/// </summary>
/// <remarks>
/// Except on Windows, someone who can write to the folder cannot redirect the log: symbolic links at the end of the path, hard links,
/// devices, pipes and files of other users are rejected.
/// </remarks>
internal sealed class LogFile
{
    // Two logs of the same file in this process must take turns: each appends at the end that the file had when it was opened.
    private static readonly SemaphoreSlim s_appending = new(1, 1);

    private readonly string _path;
    private readonly long _limit;

    /// <summary>Opens the file once, to report problems immediately.</summary>
    /// <param name="path">The file's full path.</param>
    /// <param name="limit">The size in bytes after which it is renamed; <see cref="long.MaxValue"/> leaves that to others.</param>
    /// <exception cref="XpraAesException">LogUnwritable.</exception>
    public LogFile(string path, long limit)
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
    }

    /// <summary>Appends lines. False: that was not possible.</summary>
    public async Task<bool> TryAppendAsync(string lines, CancellationToken cancellationToken)
    {
        await s_appending.WaitAsync(CancellationToken.None).ConfigureAwait(false);
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
            await file.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
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
}
