using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace XpraAes.Keys;

/// <summary>Reads files that hold secrets into pinned buffers, and checks who else can read or replace them, as sshd's StrictModes does.</summary>
internal static class SecretFile
{
    private const UnixFileMode OthersReadOrWrite = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>How long a pipe's writer may take; arbitrary, enough for a program that does not prompt anyone.</summary>
    private static readonly TimeSpan s_pipeTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The content of a file; of one larger than <see cref="Limits.KeyFileSize"/>, one byte more than that limit.</summary>
    /// <param name="path">Its full path.</param>
    /// <param name="what">What to call it in messages, such as "key file".</param>
    /// <param name="problems">How others can read or replace it.</param>
    /// <param name="timeout">For a pipe's writer; ten seconds by default.</param>
    /// <exception cref="NotSupportedException">It is not a kind of file that secrets are read from. The message completes a sentence that starts with the path.</exception>
    /// <exception cref="IOException">It cannot be read; FileNotFoundException or DirectoryNotFoundException if it does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">Access is denied, or it is a folder.</exception>
    internal static SecretBuffer Read(string path, string what, out IReadOnlyList<KeyProblem> problems, TimeSpan? timeout = null)
    {
        problems = [];
        using var content = new SecretBuffer(Limits.KeyFileSize + 1);
        int length;
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            using var file = UnixFile.OpenToRead(path);
            var status = UnixFile.StatusOf(file);
            if (status.Kind == FileKind.Pipe && IsInheritedDescriptor(path))
            {
                length = ReadPipe(file, content, timeout ?? s_pipeTimeout);
            }
            else
            {
                RequireRegularFile(status);
                problems = ProblemsOf(path, what, status);
                length = ReadFile(new FileStream(file, FileAccess.Read, bufferSize: 0), content);
            }
        }
        else if (OperatingSystem.IsWindows())
        {
            var file = WindowsFile.OpenToRead(path);
            problems = ProblemsOf(path, what, file);
            length = ReadFile(file, content);
        }
        else
        {
            throw new NotSupportedException("cannot be read: who else may use a file is known only on Linux, macOS and Windows");
        }
        return new SecretBuffer(content.Span[..length]);
    }

    // The streams have no buffer (bufferSize: 0), so the secret goes nowhere but into ours.
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
            throw new NotSupportedException($"is a pipe whose writer had not finished after {timeout.TotalSeconds:0.#} s", e);
        }
    }

    /// <summary>Whether the path names an inherited descriptor, such as a shell's &lt;(command). Named pipes are not read: anyone could have made one to block its readers.</summary>
    private static bool IsInheritedDescriptor(string path)
        => path == "/dev/stdin" || path.StartsWith("/dev/fd/", StringComparison.Ordinal) || path.StartsWith("/proc/self/fd/", StringComparison.Ordinal);

    private static void RequireRegularFile(FileStatus status)
    {
        if (status.Kind == FileKind.Folder)
            throw new UnauthorizedAccessException("It is a folder.");
        if (status.Kind != FileKind.File)
            throw new NotSupportedException($"is a {(status.Kind == FileKind.Pipe ? "pipe" : "device")}, not a regular file");
    }

    /// <summary>Checks the open file, and every folder and link on its path.</summary>
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
        foreach (var (place, status) in UnixFile.Traverse(path).Distinct())
        {
            if (status.Kind is FileKind.Link or FileKind.Folder && IsForeign(status))
                problems.Add(KeyInspector.ForeignPlace(what, path, place, status));
            else if (status.Kind == FileKind.Folder && (status.Mode & OthersWrite) != 0 && (status.Mode & UnixFileMode.StickyBit) == 0)
                problems.Add(KeyInspector.FolderOpenToOthers(what, place, status.Mode));
        }
        return problems;

        bool IsForeign(FileStatus status) => status.Owner != user && status.Owner != 0;
    }

    /// <summary>The same checks by access control lists.</summary>
    [SupportedOSPlatform("windows")]
    private static List<KeyProblem> ProblemsOf(string path, string what, FileStream file)
    {
        var problems = new List<KeyProblem>();
        try
        {
            var (others, foreignOwner) = WindowsFile.AccessTo(file);
            if (others.Count > 0)
                problems.Add(KeyInspector.OpenToOthers(what, path, others));
            if (foreignOwner is not null)
                problems.Add(KeyInspector.ForeignOwner(what, path, foreignOwner));
            foreach (var (place, replacers) in WindowsFile.ReplaceableAt(path))
                problems.Add(KeyInspector.FolderOpenToOthers(what, path, place, replacers));
            return problems;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether the file is a systemd credential of this service (LoadCredential=). An ACL lets the service's user read it, and its mask shows up as group permission.</summary>
    private static bool IsCredential(string path)
        => Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY") is { Length: > 0 } folder && Path.GetDirectoryName(path) == Path.TrimEndingDirectorySeparator(folder);
}
