using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace XpraAes.Keys;

/// <summary>Key files, as xpra reads them: every byte counts except CR and LF at both ends (PROTOCOL section 5). Key data is only ever in pinned buffers.</summary>
internal static partial class KeyFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The key data of a file, and how others can read or replace it. Throws KeyFileNotFound, KeyFileIsFolder, KeyFileUnreadable, LimitReached.</summary>
    internal static SecretBuffer Read(string path, out IReadOnlyList<KeyProblem> problems)
    {
        try
        {
            using var content = SecretFile.Read(path, "key file", out problems);
            if (content.Length > Limits.KeyFileSize)
                throw Error(XpraErrorId.LimitReached, path, $"The key file {path} is larger than {Limits.KeyFileSize} bytes.", "Check the path: a key file holds one key, and seldom more than 100 bytes.");
            return new SecretBuffer(content.Span.Trim("\r\n"u8));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or ArgumentException)
        {
            throw Error(XpraErrorId.KeyFileNotFound, path, $"There is no key file {path}.", "Check the path, or make a key there with New-XpraAesKey -Path.", e);
        }
        catch (UnauthorizedAccessException e) when (Directory.Exists(path))
        {
            throw Error(XpraErrorId.KeyFileIsFolder, path, $"{path} is a folder, not a key file.", "Give the path of the key file in it.", e);
        }
        catch (NotSupportedException e)
        {
            throw Error(XpraErrorId.KeyFileUnreadable, path, $"{path} {e.Message}.", "Give the path of a regular file. Pipes are read only if this process inherited them, as /dev/stdin or /dev/fd/3.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw Error(XpraErrorId.KeyFileUnreadable, path, $"The key file {path} cannot be read: {e.Message}", "Give the user that runs this the right to read it.", e);
        }
    }

    /// <summary>Writes a key file, or another file of secrets, atomically, with mode 0600 from the start. Throws KeyFileExists, KeyFileUnwritable.</summary>
    internal static void Write(string path, ReadOnlySpan<byte> data, bool overwrite, string what = "key file")
    {
        if (!overwrite && Path.Exists(path))
            throw Exists(path);
        var folder = Path.GetDirectoryName(path);
        var temporary = Path.Combine(folder ?? "", $".xpra-key-{RandomNumberGenerator.GetHexString(16, lowercase: true)}");
        try
        {
            using (var file = new FileStream(temporary, NewFile()))
            {
                file.Write(data);
                file.Flush(flushToDisk: true);
            }
            Publish(temporary, path, overwrite);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            if (File.Exists(temporary))
                File.Delete(temporary);
            if (!overwrite && Path.Exists(path))
                throw Exists(path);
            var action = Directory.Exists(folder)
                ? "Check the folder's permissions and the free disk space. If the file system has no hard links, use -Force, which does not need them."
                : "Create the folder first.";
            throw Error(XpraErrorId.KeyFileUnwritable, path, $"The {what} {path} cannot be written: {e.Message}", action, e);
        }
    }

    // File.Move without overwriting checks first and renames then, so two concurrent saves could both succeed. link(2) is atomic.
    private static void Publish(string temporary, string path, bool overwrite)
    {
        if (overwrite || OperatingSystem.IsWindows())
        {
            File.Move(temporary, path, overwrite);
            return;
        }
        if (Link(temporary, path) != 0)
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        File.Delete(temporary);
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string existing, string path);

    private static FileStreamOptions NewFile()
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        return options;
    }

    private static XpraAesException Exists(string path)
        => Error(XpraErrorId.KeyFileExists, path, $"{path} exists.", "Choose another path, or use -Force to replace it; anyone who has only what it holds now is then locked out.");

    private static XpraAesException Error(XpraErrorId id, string path, string message, string action, Exception? inner = null)
        => new(id, message, action, inner) { Target = path };
}
