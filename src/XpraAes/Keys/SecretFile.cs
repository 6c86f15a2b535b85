using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace XpraAes.Keys;

/// <summary>Reads files that hold secrets straight into pinned buffers, and tells who else can read or replace them, as sshd's StrictModes does.</summary>
internal static class SecretFile
{
    private const UnixFileMode OthersReadOrWrite = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>For the writer of a pipe to have written all; arbitrary, a program that asks nobody takes less.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    /// <summary>The content, of files larger than <see cref="Limits.KeyFileSize"/> one byte more than that.</summary>
    /// <param name="path">Its full path.</param>
    /// <param name="what">What it is, in words for its problems: key file.</param>
    /// <param name="problems">Who else can read or replace it.</param>
    /// <param name="timeout">For the writer of a pipe; ten seconds unless said.</param>
    /// <exception cref="NotSupportedException">It is none that secrets are read from.</exception>
    /// <exception cref="IOException">It cannot be read; FileNotFoundException or DirectoryNotFoundException where there is none.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read, or is a folder.</exception>
    internal static SecretBuffer Read(string path, string what, out IReadOnlyList<KeyProblem> problems, TimeSpan? timeout = null)
    {
        problems = [];
        using var content = new SecretBuffer(Limits.KeyFileSize + 1);
        int length;
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            using var file = UnixFile.OpenToRead(path);
            var status = UnixFile.StatusOf(file);
            if (status.Kind == FileKind.Pipe && IsOurDescriptor(path))
            {
                length = ReadPipe(file, content, timeout ?? s_timeout);
            }
            else
            {
                RequireFile(status);
                problems = ProblemsOf(path, what, status);
                length = ReadFile(new FileStream(file, FileAccess.Read, bufferSize: 0), content);
            }
        }
        else
        {
            length = ReadFile(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0), content);
        }
        return new SecretBuffer(content.Span[..length]);
    }

    // Without a buffer of its own, the stream reads into ours and nowhere else.
    private static int ReadFile(FileStream stream, SecretBuffer content)
    {
        using (stream)
            return stream.ReadAtLeast(content.Span, content.Length, throwOnEndOfStream: false);
    }

    [SupportedOSPlatform("linux")]
    [SupportedOSPlatform("macos")]
    private static int ReadPipe(SafeFileHandle pipe, SecretBuffer content, TimeSpan timeout)
    {
        try
        {
            return UnixFile.ReadPipe(pipe, content.Span, timeout);
        }
        catch (TimeoutException e)
        {
            throw new NotSupportedException($"is a pipe whose writer had not written all after {timeout.TotalSeconds:0.#} s", e);
        }
    }

    /// <summary>
    /// Whether the path names a descriptor that whoever started this process gave to it, as a shell does with &lt;(command). Its writer is
    /// waited for, but not for ever. A pipe that has a name of its own can be anybody's, who could hold up everyone that reads it.
    /// </summary>
    private static bool IsOurDescriptor(string path)
        => path == "/dev/stdin" || path.StartsWith("/dev/fd/", StringComparison.Ordinal) || path.StartsWith("/proc/self/fd/", StringComparison.Ordinal);

    private static void RequireFile(FileStatus status)
    {
        if (status.Kind == FileKind.Folder)
            throw new UnauthorizedAccessException("It is a folder.");
        if (status.Kind != FileKind.File)
            throw new NotSupportedException($"is a {(status.Kind == FileKind.Pipe ? "pipe" : "device")} and no file");
    }

    /// <summary>Of the file that is open, and of the way to it.</summary>
    [SupportedOSPlatform("linux")]
    [SupportedOSPlatform("macos")]
    private static List<KeyProblem> ProblemsOf(string path, string what, FileStatus file)
    {
        var problems = new List<KeyProblem>();
        var user = UnixFile.User;
        if ((file.Mode & (IsCredential(path) ? OthersReadOrWrite & ~UnixFileMode.GroupRead : OthersReadOrWrite)) != 0)
            problems.Add(KeyInspector.OpenToOthers(what, path, file.Mode));
        if (IsForeign(file))
            problems.Add(KeyInspector.ForeignOwner(what, path, file.Owner, user));
        foreach (var (place, status) in UnixFile.Way(path).Distinct())
        {
            if (status.Kind is FileKind.Link or FileKind.Folder && IsForeign(status))
                problems.Add(KeyInspector.ForeignPlace(what, path, place, status));
            else if (status.Kind == FileKind.Folder && (status.Mode & OthersWrite) != 0 && (status.Mode & UnixFileMode.StickyBit) == 0)
                problems.Add(KeyInspector.FolderOpenToOthers(what, place, status.Mode));
        }
        return problems;

        bool IsForeign(FileStatus status) => status.Owner != user && status.Owner != 0;
    }

    /// <summary>Whether systemd has put the file there for this service (LoadCredential=): its user reads it by an ACL, whose mask shows as the group's right.</summary>
    private static bool IsCredential(string path)
        => Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY") is { Length: > 0 } folder && Path.GetDirectoryName(path) == Path.TrimEndingDirectorySeparator(folder);
}
