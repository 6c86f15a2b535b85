using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Handshake;

/// <summary>
/// An append-only file of one key's used salts, compacted now and then by writing a new file and renaming it.
/// <code>
///  0  16  "XpraAes salts 1\n"
/// 16  20  per salt: 16 bytes trace, 4 bytes expiry in minutes since 1970, big endian, or 0 for never
/// </code>
/// Each record is one write, so a killed process leaves whole records behind; a partial one at the end, as left by a full disk, is
/// truncated. A lock file beside it keeps out other processes.
/// </summary>
internal sealed class SaltJournal : IDisposable
{
    private const int TraceSize = 16, RecordSize = TraceSize + sizeof(uint);

    /// <summary>Compaction has to remove at least this many records; arbitrary, 2 MB.</summary>
    private const int MaxStaleRecords = 100_000;

    /// <summary>The delay from a write to the fsync, which then covers all records of that time; arbitrary.</summary>
    private static readonly TimeSpan s_syncDelay = TimeSpan.FromSeconds(1);

    private readonly ILogger _log;
    private readonly FileStream _lock;
    private readonly object _gate = new();
    private FileStream _file;
    private long _count;
    private bool _syncPending;
    private bool _hasLogged;
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

    /// <summary>How many users share this instance.</summary>
    public int Users { get; set; }

    /// <summary>The path of a key's salt file in a folder.</summary>
    public static string PathIn(string folder, SaltTags tags) => System.IO.Path.Combine(System.IO.Path.GetFullPath(folder), $"{tags.FileName}.salts");

    /// <summary>Opens a salt file. It and its folder are created if missing, accessible only to their owner.</summary>
    /// <param name="path">A path from <see cref="PathIn"/>.</param>
    /// <param name="log">For later write errors.</param>
    /// <param name="records">The file's records that have not expired.</param>
    /// <exception cref="XpraAesException">StateInUse: another process has it open. StateUnusable: it cannot be read or written, or is not a salt file.</exception>
    public static SaltJournal Open(string path, ILogger log, out IReadOnlyList<(UInt128 Trace, DateTimeOffset? Expires)> records)
    {
        var folder = System.IO.Path.GetDirectoryName(path)!;
        try
        {
            PrivateFile.CreateFolder(folder);
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
            throw new XpraAesException(XpraErrorId.StateUnusable, $"The salt file {path} cannot be used: {e.Message}", "Check the folder, its permissions and the disk space.", e) { Target = path };
        }
    }

    /// <summary>Appends a record. A write error is logged once and not thrown: the salt is still remembered in memory.</summary>
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
                ScheduleSync();
            }
            catch (IOException e)
            {
                LogOnce(e);
            }
        }
    }

    /// <summary>Whether so many records are stale that the file should be rewritten.</summary>
    /// <param name="needed">The number of records that a rewrite would keep.</param>
    public bool IsDueForCompaction(int needed) => Interlocked.Read(ref _count) > 2L * needed + MaxStaleRecords;

    /// <summary>Replaces the file's content with these records. If the process is killed, either the complete old or the complete new file is left.</summary>
    public void Rewrite(IEnumerable<(UInt128 Trace, DateTimeOffset? Expires)> records)
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
                // Windows does not replace a file that is open.
                _file.Dispose();
                try
                {
                    File.Move(temporary, Path, overwrite: true);
                }
                catch
                {
                    _file = OpenFile(Path);
                    _file.Seek(0, SeekOrigin.End);
                    throw;
                }
                (_file, _count) = (next, count);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The old file stays in use.
                next?.Dispose();
                LogOnce(e);
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

    /// <summary>A killed process loses nothing; a power failure loses the records of at most a second.</summary>
    private void ScheduleSync()
    {
        if (_syncPending)
            return;
        _syncPending = true;
        _ = Task.Delay(s_syncDelay).ContinueWith(_ =>
        {
            lock (_gate)
            {
                _syncPending = false;
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
            LogOnce(e);
        }
    }

    private void LogOnce(Exception e)
    {
        if (!_hasLogged)
            Log.SaltsNotKept(_log, Path, e);
        _hasLogged = true;
    }

    private static FileStream Lock(string path)
    {
        try
        {
            return PrivateFile.Open(path, FileMode.OpenOrCreate, FileShare.None);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new XpraAesException(XpraErrorId.StateInUse, $"Another process is already using {System.IO.Path.GetDirectoryName(path)} for the same key.",
                "Give each listener a key and a -StatePath of its own.", e) { Target = path };
        }
    }

    private static FileStream OpenFile(string path) => PrivateFile.Open(path, FileMode.OpenOrCreate, FileShare.Read | FileShare.Delete);

    private List<(UInt128 Trace, DateTimeOffset? Expires)> Read()
    {
        if (_file.Length < Header.Length)
        {
            // Empty, or the process was killed before it had written the header.
            _file.SetLength(0);
            _file.Write(Header);
            return [];
        }
        var content = new byte[_file.Length];
        _file.ReadExactly(content);
        if (!content.AsSpan().StartsWith(Header))
            throw new XpraAesException(XpraErrorId.StateUnusable, $"{Path} is not a salt file.", "Give -StatePath a folder of its own.") { Target = Path };
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
        // Rounded up, so that a salt never expires early; rewriting a rounded time does not change it.
        var minutes = expires is { } time ? Math.Ceiling((time - DateTimeOffset.UnixEpoch).TotalMinutes) : 0;
        BinaryPrimitives.WriteUInt32BigEndian(record[TraceSize..], (uint)Math.Clamp(minutes, 0, uint.MaxValue));
    }
}
