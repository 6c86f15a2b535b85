using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace XpraAes;

/// <summary>
/// What .NET has no words for: to open without waiting and without following a link, and whose a file is. On Linux and macOS;
/// structures and
/// numbers are those of their headers (linux/stat.h, asm/fcntl.h; sys/stat.h, sys/fcntl.h).
/// </summary>
[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
internal static partial class UnixFile
{
    private const int NoSuchFile = 2; // ENOENT
    private const int Interrupted = 4; // EINTR
    private const int NobodyReads = 6; // ENXIO
    private const int AccessDenied = 13; // EACCES
    private const int NotAFolder = 20; // ENOTDIR

    private const int CurrentFolder = -100; // AT_FDCWD
    private const int NoFollowOfPath = 0x100; // AT_SYMLINK_NOFOLLOW
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH
    private const uint TypeModeLinksAndOwner = 0x0F; // STATX_TYPE, STATX_MODE, STATX_NLINK, STATX_UID

    private const short Readable = 1; // POLLIN

    /// <summary>Links that are followed in one path; Linux's own bound.</summary>
    private const int MaxLinks = 40;

    private static readonly bool s_isMac = OperatingSystem.IsMacOS();
    private static readonly int s_tooManyLinks = s_isMac ? 62 : 40; // ELOOP
    private static readonly int s_tryAgain = s_isMac ? 35 : 11; // EAGAIN
    private static readonly int s_noFollow = s_isMac ? 0x100 : RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.Arm or Architecture.Armv6 or Architecture.Arm64 or Architecture.Ppc64le => 0x8000,
        _ => 0x20000,
    };

    // O_NONBLOCK, O_NOCTTY, O_CLOEXEC: a pipe that nobody writes to opens at once, and a terminal does not become ours.
    private static readonly int s_reading = s_isMac ? 0x4 | 0x20000 | 0x1000000 : 0x800 | 0x100 | 0x80000;
    private static readonly int s_appending = s_reading | 1 | (s_isMac ? 0x8 : 0x400); // O_WRONLY, O_APPEND

    /// <summary>The user that this process acts as.</summary>
    public static uint User => EffectiveUser();

    /// <summary>Opens what is there to read, whatever it is, without waiting.</summary>
    /// <exception cref="FileNotFoundException">There is nothing.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read.</exception>
    /// <exception cref="IOException">Anything else.</exception>
    public static SafeFileHandle OpenToRead(string path) => Open(path, s_reading);

    /// <summary>Opens what is there to append to it, whatever it is, without waiting; a symbolic link at the end of the path is not followed.</summary>
    /// <exception cref="FileNotFoundException">There is nothing.</exception>
    /// <exception cref="NotSupportedException">It is a symbolic link.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be written to.</exception>
    /// <exception cref="IOException">Anything else.</exception>
    public static SafeFileHandle OpenToAppend(string path) => Open(path, s_appending | s_noFollow);

    /// <summary>The status of what is open.</summary>
    /// <exception cref="IOException">The system does not tell.</exception>
    public static FileStatus StatusOf(SafeFileHandle file)
    {
        Span<byte> status = stackalloc byte[256];
        var result = s_isMac ? MacStatus(file, status) : LinuxStatus(file, "", EmptyPath, TypeModeLinksAndOwner, status);
        return result == 0 ? Parse(status) : throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    /// <summary>Every folder and symbolic link that the system passes on its way to a file, and the file, each with its status; it ends where there is nothing.</summary>
    public static IEnumerable<(string Path, FileStatus Status)> Way(string path)
    {
        var names = new Stack<string>();
        Push(path);
        var at = "/";
        var links = 0;
        if (TryStatusOf(at) is { } root)
            yield return (at, root);
        while (names.TryPop(out var name))
        {
            if (name == "..")
            {
                at = Path.GetDirectoryName(at) ?? "/";
                continue;
            }
            var next = Path.Combine(at, name);
            if (TryStatusOf(next) is not { } status)
                yield break;
            yield return (next, status);
            if (status.Kind != FileKind.Link)
            {
                at = next;
                continue;
            }
            if (++links > MaxLinks || new FileInfo(next).LinkTarget is not { } target)
                yield break;
            if (target.StartsWith('/'))
                at = "/";
            Push(target);
        }

        void Push(string part)
        {
            foreach (var name in part.Split('/').AsEnumerable().Reverse())
            {
                if (name is not ("" or "."))
                    names.Push(name);
            }
        }
    }

    /// <summary>Reads what a pipe's writers send until they have all closed it or the buffer is full.</summary>
    /// <exception cref="TimeoutException">They have not closed it in time.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static int ReadPipe(SafeFileHandle pipe, Span<byte> buffer, TimeSpan timeout)
    {
        var started = Stopwatch.GetTimestamp();
        var length = 0;
        while (length < buffer.Length)
        {
            var left = timeout - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
                throw new TimeoutException();
            Wait(pipe, left);
            var read = Read(pipe, buffer[length..], (nuint)(buffer.Length - length));
            if (read == 0)
                break;
            if (read > 0)
                length += (int)read;
            else if (Marshal.GetLastPInvokeError() is var error && error != s_tryAgain && error != Interrupted)
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
        }
        return length;
    }

    private static SafeFileHandle Open(string path, int flags)
    {
        if (path.Contains('\0', StringComparison.Ordinal))
            throw new FileNotFoundException("The path has a NUL in it.");
        while (true)
        {
            var file = Open(path, (uint)flags);
            if (file >= 0)
                return new SafeFileHandle(file, ownsHandle: true);
            var error = Marshal.GetLastPInvokeError();
            if (error == Interrupted)
                continue;
            var message = Marshal.GetPInvokeErrorMessage(error);
            throw error switch
            {
                NoSuchFile or NotAFolder => new FileNotFoundException(message),
                NobodyReads => new NotSupportedException("It is a device or a pipe and no file."),
                AccessDenied => new UnauthorizedAccessException(message),
                _ when error == s_tooManyLinks && (flags & s_noFollow) != 0 => new NotSupportedException("It is a symbolic link, which is not followed."),
                _ => new IOException(message),
            };
        }
    }

    /// <summary>The status of what is at this path, of a symbolic link its own. Null: nothing, or nothing that may be seen.</summary>
    private static FileStatus? TryStatusOf(string path)
    {
        Span<byte> status = stackalloc byte[256];
        var result = s_isMac ? MacStatus(path, status) : LinuxStatus(CurrentFolder, path, NoFollowOfPath, TypeModeLinksAndOwner, status);
        return result == 0 ? Parse(status) : null;
    }

    // struct statx is one on all of Linux, struct stat one on all of macOS since 10.6.
    private static FileStatus Parse(ReadOnlySpan<byte> status) => s_isMac
        ? FileStatus.From(BinaryPrimitives.ReadUInt16LittleEndian(status[4..]), BinaryPrimitives.ReadUInt32LittleEndian(status[16..]), BinaryPrimitives.ReadUInt16LittleEndian(status[6..]))
        : FileStatus.From(MemoryMarshal.Read<ushort>(status[28..]), MemoryMarshal.Read<uint>(status[20..]), MemoryMarshal.Read<uint>(status[16..]));

    private static void Wait(SafeFileHandle pipe, TimeSpan time)
    {
        var added = false;
        try
        {
            pipe.DangerousAddRef(ref added);
            var wanted = new Poll { Descriptor = (int)pipe.DangerousGetHandle(), Wanted = Readable };
            _ = PollOne(ref wanted, 1, (int)Math.Ceiling(time.TotalMilliseconds));
        }
        finally
        {
            if (added)
                pipe.DangerousRelease();
        }
    }

    // The names that these have in the headers of a Mac with an Intel processor.
    private static int MacStatus(SafeFileHandle file, Span<byte> status)
        => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? MacIntelStatus(file, status) : MacArmStatus(file, status);

    private static int MacStatus(string path, Span<byte> status)
        => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? MacIntelStatus(path, status) : MacArmStatus(path, status);

    [StructLayout(LayoutKind.Sequential)]
    private struct Poll
    {
        public int Descriptor;
        public short Wanted;
        public short Found;
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, uint flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Read(SafeFileHandle file, Span<byte> buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int PollOne(ref Poll descriptor, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int LinuxStatus(SafeFileHandle file, string path, int flags, uint mask, Span<byte> status);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int LinuxStatus(int folder, string path, int flags, uint mask, Span<byte> status);

    [LibraryImport("libc", EntryPoint = "fstat", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MacArmStatus(SafeFileHandle file, Span<byte> status);

    [LibraryImport("libc", EntryPoint = "fstat$INODE64", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MacIntelStatus(SafeFileHandle file, Span<byte> status);

    [LibraryImport("libc", EntryPoint = "lstat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MacArmStatus(string path, Span<byte> status);

    [LibraryImport("libc", EntryPoint = "lstat$INODE64", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MacIntelStatus(string path, Span<byte> status);
}
