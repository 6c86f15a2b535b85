using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Handshake;

/// <summary>
/// The file in which the salts of one key outlive the process: appended to, and written anew under another name now and then.
/// <code>
///  0  16  "XpraAes salts 1\n"
/// 16  20  for each salt: 16 its trace, 4 when it can be forgotten: minutes since 1970, big endian, or 0 for never
/// </code>
/// Each record goes out in one write, so that a process that is killed leaves whole records behind; a part of one at the end, as a full
/// disk leaves it, is cut off. A lock file beside it keeps a second process away.
/// </summary>
internal sealed class SaltJournal : IDisposable
{
    private const int TraceSize = 16, RecordSize = TraceSize + sizeof(uint);

    /// <summary>Superfluous records that are not worth writing the file anew for; arbitrary, 2 MB.</summary>
    private const int MaxSuperfluous = 100_000;

    /// <summary>Between a record and its way from the system's memory to the disk, for what came together; arbitrary.</summary>
    private static readonly TimeSpan s_syncDelay = TimeSpan.FromSeconds(1);

    private readonly ILogger _log;
    private readonly FileStream _lock;
    private readonly object _gate = new();
    private FileStream _file;
    private long _count;
    private bool _syncs;
    private bool _failed;
    private bool _disposed;

    private SaltJournal(string path, FileStream @lock, ILogger log, out IReadOnlyList<(UInt128 Trace, DateTimeOffset? Expires)> records)
    {
        Path = path;
        _lock = @lock;
        _log = log;
        _file = OpenFile(path);
        try
        {
            records = Read();
            _count = records.Count;
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    private static ReadOnlySpan<byte> Header => "XpraAes salts 1\n"u8;

    /// <summary>Where the file is.</summary>
    public string Path { get; }

    /// <summary>How many keep it open.</summary>
    public int Users { get; set; }

    /// <summary>The file of a key's salts in a folder.</summary>
    public static string PathIn(string folder, SaltTags tags) => System.IO.Path.Combine(System.IO.Path.GetFullPath(folder), $"{tags.FileName}.salts");

    /// <summary>Opens a file of salts; it and its folder are made where they are missing, for their owner alone.</summary>
    /// <param name="path">As <see cref="PathIn"/> gives it.</param>
    /// <param name="log">For what cannot be written later.</param>
    /// <param name="records">What the file held, without what could be forgotten by now.</param>
    /// <exception cref="XpraAesException">StateInUse: another process has it open. StateUnusable: it cannot be read or written, or is no such file.</exception>
    public static SaltJournal Open(string path, ILogger log, out IReadOnlyList<(UInt128 Trace, DateTimeOffset? Expires)> records)
    {
        var folder = System.IO.Path.GetDirectoryName(path)!;
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(folder);
            else
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var @lock = Lock($"{path}.lock");
            try
            {
                return new SaltJournal(path, @lock, log, out records);
            }
            catch
            {
                @lock.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new XpraAesException(XpraErrorId.StateUnusable, $"The salts in {path} cannot be kept: {e.Message}", "Check the folder, the rights to it and the space on the disk.", e) { Target = path };
        }
    }

    /// <summary>Adds a record. What cannot be written is logged once: the process remembers it all the same.</summary>
    public void Append(UInt128 trace, DateTimeOffset? expires)
    {
        Span<byte> record = stackalloc byte[RecordSize];
        Write(record, trace, expires);
        lock (_gate)
        {
            if (_disposed)
                return;
            try
            {
                _file.Write(record);
                _count++;
                SyncSoon();
            }
            catch (IOException e)
            {
                Fail(e);
            }
        }
    }

    /// <summary>Whether so much of the file is superfluous that it should be written anew.</summary>
    /// <param name="needed">The records that it would have then, those that have expired meanwhile included.</param>
    public bool IsDueForCompaction(int needed) => Interlocked.Read(ref _count) > 2L * needed + MaxSuperfluous;

    /// <summary>Writes the file anew with these records. Whenever the process is killed, the old file or the new one is there, and whole.</summary>
    public void Replace(IEnumerable<(UInt128 Trace, DateTimeOffset? Expires)> records)
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            FileStream? next = null;
            try
            {
                var temporary = $"{Path}.new";
                File.Delete(temporary);
                next = OpenFile(temporary);
                var count = WriteAll(next, records);
                next.Flush(flushToDisk: true);
                File.Move(temporary, Path, overwrite: true);
                _file.Dispose();
                (_file, _count) = (next, count);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The old file goes on.
                next?.Dispose();
                Fail(e);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            Sync();
            _file.Dispose();
        }
        _lock.Dispose();
    }

    /// <summary>A process that is killed loses nothing; what a machine without power may lose is a second's records.</summary>
    private void SyncSoon()
    {
        if (_syncs)
            return;
        _syncs = true;
        _ = Task.Delay(s_syncDelay).ContinueWith(_ =>
        {
            lock (_gate)
            {
                _syncs = false;
                if (!_disposed)
                    Sync();
            }
        }, TaskScheduler.Default);
    }

    private void Sync()
    {
        try
        {
            _file.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            Fail(e);
        }
    }

    private void Fail(Exception e)
    {
        if (!_failed)
            Log.SaltsNotKept(_log, Path, e);
        _failed = true;
    }

    private static FileStream Lock(string path)
    {
        try
        {
            return new FileStream(path, OwnFile(FileMode.OpenOrCreate, FileShare.None));
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new XpraAesException(XpraErrorId.StateInUse, $"Another process remembers salts in {System.IO.Path.GetDirectoryName(path)} for the same key.",
                "Give each listener a key and a -StatePath of its own.", e) { Target = path };
        }
    }

    private static FileStream OpenFile(string path) => new(path, OwnFile(FileMode.OpenOrCreate, FileShare.Read | FileShare.Delete));

    private static FileStreamOptions OwnFile(FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = share, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return options;
    }

    private List<(UInt128 Trace, DateTimeOffset? Expires)> Read()
    {
        if (_file.Length < Header.Length)
        {
            // Killed before the header was there.
            _file.SetLength(0);
            _file.Write(Header);
            return [];
        }
        var content = new byte[_file.Length];
        _file.ReadExactly(content);
        if (!content.AsSpan().StartsWith(Header))
            throw new XpraAesException(XpraErrorId.StateUnusable, $"{Path} is no file of salts.", "Give -StatePath a folder of its own.") { Target = Path };
        var now = DateTimeOffset.UtcNow;
        var records = new List<(UInt128, DateTimeOffset?)>((content.Length - Header.Length) / RecordSize);
        var at = Header.Length;
        for (; at + RecordSize <= content.Length; at += RecordSize)
        {
            var record = content.AsSpan(at, RecordSize);
            var minutes = BinaryPrimitives.ReadUInt32BigEndian(record[TraceSize..]);
            DateTimeOffset? expires = minutes == 0 ? null : DateTimeOffset.UnixEpoch.AddMinutes(minutes);
            if (expires is null || expires >= now)
                records.Add((BinaryPrimitives.ReadUInt128BigEndian(record), expires));
        }
        _file.SetLength(at);
        _file.Seek(0, SeekOrigin.End);
        return records;
    }

    private static long WriteAll(FileStream file, IEnumerable<(UInt128 Trace, DateTimeOffset? Expires)> records)
    {
        var content = new ArrayBufferWriter<byte>();
        content.Write(Header);
        var count = 0L;
        foreach (var (trace, expires) in records)
        {
            Write(content.GetSpan(RecordSize)[..RecordSize], trace, expires);
            content.Advance(RecordSize);
            count++;
        }
        file.Write(content.WrittenSpan);
        return count;
    }

    private static void Write(Span<byte> record, UInt128 trace, DateTimeOffset? expires)
    {
        BinaryPrimitives.WriteUInt128BigEndian(record, trace);
        // Rounded up: never forgotten too early, and no later for being written again.
        var minutes = expires is { } time ? Math.Ceiling((time - DateTimeOffset.UnixEpoch).TotalMinutes) : 0;
        BinaryPrimitives.WriteUInt32BigEndian(record[TraceSize..], (uint)Math.Clamp(minutes, 0, uint.MaxValue));
    }
}
