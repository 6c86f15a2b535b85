using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace XpraAes;

/// <summary>
/// File operations of Linux and macOS that .NET lacks: opening without blocking and without following a link, and a file's owner.
/// Structures and numbers are from the systems' headers (linux/stat.h, asm/fcntl.h; sys/stat.h, sys/fcntl.h).
/// </summary>
[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
internal static partial class UnixFile
{
    private const int NoSuchFile = 2; // ENOENT
    private const int Interrupted = 4; // EINTR
    private const int NoSuchDeviceOrReader = 6; // ENXIO
    private const int AccessDenied = 13; // EACCES
    private const int NotAFolder = 20; // ENOTDIR

    private const int CurrentFolder = -100; // AT_FDCWD
    private const int NoFollowOfPath = 0x100; // AT_SYMLINK_NOFOLLOW
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH
    private const uint TypeModeLinksAndOwner = 0x0F; // STATX_TYPE, STATX_MODE, STATX_NLINK, STATX_UID

    private const short Readable = 1; // POLLIN

    /// <summary>Symbolic links followed in one path; Linux's own limit.</summary>
    private const int MaxLinks = 40;

    private static readonly bool s_isMac = OperatingSystem.IsMacOS();
    private static readonly int s_tooManyLinks = s_isMac ? 62 : 40; // ELOOP
    private static readonly int s_tryAgain = s_isMac ? 35 : 11; // EAGAIN
    private static readonly int s_noFollow = s_isMac ? 0x100 : RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.Arm or Architecture.Armv6 or Architecture.Arm64 or Architecture.Ppc64le => 0x8000,
        _ => 0x20000,
    };

    // O_NONBLOCK, O_NOCTTY, O_CLOEXEC: opening a pipe without a writer does not block, and a terminal does not become the controlling one.
    private static readonly int s_reading = s_isMac ? 0x4 | 0x20000 | 0x1000000 : 0x800 | 0x100 | 0x80000;
    private static readonly int s_appending = s_reading | 1 | (s_isMac ? 0x8 : 0x400); // O_WRONLY, O_APPEND

    /// <summary>The effective user id of this process.</summary>
    public static uint User => EffectiveUser();

    /// <summary>Opens an existing file, of any kind, for reading, without blocking.</summary>
    /// <exception cref="FileNotFoundException">It does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">Access is denied.</exception>
    /// <exception cref="IOException">Anything else.</exception>
    public static SafeFileHandle OpenToRead(string path) => Open(path, s_reading);

    /// <summary>Opens an existing file, of any kind, for appending, without blocking; does not follow a symbolic link at the end of the path.</summary>
    /// <exception cref="FileNotFoundException">It does not exist.</exception>
    /// <exception cref="NotSupportedException">It is a symbolic link, or a device or pipe.</exception>
    /// <exception cref="UnauthorizedAccessException">Access is denied.</exception>
    /// <exception cref="IOException">Anything else.</exception>
    public static SafeFileHandle OpenToAppend(string path) => Open(path, s_appending | s_noFollow);

    /// <summary>The status of an open file.</summary>
    /// <exception cref="IOException">The system call failed.</exception>
    public static FileStatus StatusOf(SafeFileHandle file)
    {
        Span<byte> status = stackalloc byte[256];
        var result = s_isMac ? MacStatus(file, status) : LinuxStatus(file, "", EmptyPath, TypeModeLinksAndOwner, status);
        return result == 0 ? Parse(status) : throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    /// <summary>Every folder and symbolic link that resolving the path passes through, and the file itself, with their status; ends early if one does not exist.</summary>
    public static IEnumerable<(string Path, FileStatus Status)> Traverse(string path)
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

    /// <summary>Reads from a pipe until all writers have closed it or the buffer is full.</summary>
    /// <exception cref="TimeoutException">The writers have not closed it in time.</exception>
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
            throw new FileNotFoundException("The path contains a NUL character.");
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
                NoSuchDeviceOrReader => new NotSupportedException("It is a device or a pipe, not a regular file."),
                AccessDenied => new UnauthorizedAccessException(message),
                _ when error == s_tooManyLinks && (flags & s_noFollow) != 0 => new NotSupportedException("It is a symbolic link, which is not followed."),
                _ => new IOException(message),
            };
        }
    }

    /// <summary>The status of what is at this path, without following a symbolic link; null if there is nothing or access is denied.</summary>
    private static FileStatus? TryStatusOf(string path)
    {
        Span<byte> status = stackalloc byte[256];
        var result = s_isMac ? MacStatus(path, status) : LinuxStatus(CurrentFolder, path, NoFollowOfPath, TypeModeLinksAndOwner, status);
        return result == 0 ? Parse(status) : null;
    }

    // struct statx is the same on every Linux architecture, struct stat the same on all of macOS since 10.6.
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

    // On Intel Macs these functions have another name.
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
