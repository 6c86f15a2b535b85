using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Principal;
using Microsoft.Win32.SafeHandles;

namespace XpraAes;

/// <summary>Files and folders of Windows by their access control lists (DACLs): creating private ones, and finding who else can use one.</summary>
[SupportedOSPlatform("windows")]
internal static partial class WindowsFile
{
    private const int DiskFile = 1; // FILE_TYPE_DISK

    private const FileSystemRights ReadOrChange = FileSystemRights.ReadData | FileSystemRights.WriteData | FileSystemRights.AppendData
        | FileSystemRights.Delete | FileSystemRights.ChangePermissions | FileSystemRights.TakeOwnership;

    // Of a folder: what lets another put a different file, or folder, in place of the one inside. Creating new ones does not.
    private const FileSystemRights Replace = FileSystemRights.DeleteSubdirectoriesAndFiles | FileSystemRights.ChangePermissions | FileSystemRights.TakeOwnership;

    // GENERIC_ALL, GENERIC_WRITE and GENERIC_READ, as in lists that were not written through the system's own tools.
    private const FileSystemRights AnyGeneric = unchecked((FileSystemRights)0xD0000000), GenericAll = (FileSystemRights)0x10000000;

    /// <summary>Folders and links followed in one path; Windows' own limit of links.</summary>
    private const int MaxLinks = 63;

    /// <summary>As <see cref="PrivateFile.Open"/>. The list of a new file takes nothing from the folder's.</summary>
    public static FileStream Open(string path, FileMode mode, FileShare share)
    {
        var security = new FileSecurity();
        Protect(security);
        var rights = mode == FileMode.CreateNew ? FileSystemRights.Write : FileSystemRights.Read | FileSystemRights.Write;
        // A buffer of one byte is none.
        return new FileInfo(path).Create(mode, rights, share, bufferSize: 1, FileOptions.None, security);
    }

    /// <summary>As <see cref="PrivateFile.CreateFolder"/>.</summary>
    public static void CreateFolder(string path)
    {
        if (Directory.Exists(path))
            return;
        var security = new DirectorySecurity();
        Protect(security);
        security.CreateDirectory(path);
    }

    /// <summary>Opens a file to read. The stream has no buffer.</summary>
    /// <exception cref="NotSupportedException">It is a device or a pipe. The message completes a sentence that starts with the path.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Access is denied, or it is a folder.</exception>
    public static FileStream OpenToRead(string path)
    {
        const string Refusal = "is a device or a pipe, not a regular file";
        // Opening a pipe, such as \\.\pipe\name, lets whoever made it act as us.
        if (path.Split('\\') is ["", "", ".", ..] or ["", "", _, "pipe" or "PIPE" or "Pipe", ..])
            throw new NotSupportedException(Refusal);
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (NotSupportedException e)
        {
            throw new NotSupportedException(Refusal, e);
        }
        if (TypeOf(file.SafeFileHandle) == DiskFile)
            return file;
        file.Dispose();
        throw new NotSupportedException(Refusal);
    }

    /// <summary>The accounts, other than those of <see cref="WindowsAccount.IsTrusted"/>, that may read or change an open file; and its owner if that is another.</summary>
    public static (IReadOnlyList<SecurityIdentifier> Others, SecurityIdentifier? ForeignOwner) AccessTo(FileStream file)
    {
        var security = file.GetAccessControl();
        return (OthersWith(security, ReadOrChange), ForeignOwnerOf(security));
    }

    /// <summary>Every folder and link that the path passes through in which others can replace the file, with those others. Ends where it may not look.</summary>
    public static IEnumerable<(string Place, IReadOnlyList<SecurityIdentifier> Others)> ReplaceableAt(string path)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        Queue<string> open = new([path]);
        while (open.TryDequeue(out var next) && seen.Count < 100 * MaxLinks)
        {
            for (var at = next; at is not null && seen.Add(at); at = Path.GetDirectoryName(at))
            {
                if (TargetOf(at) is { } target)
                    open.Enqueue(target);
                else if (at == next && File.Exists(at))
                    continue; // the file itself, which has been looked at
                if (OthersAt(at) is { Count: > 0 } others)
                    yield return (at, others);
            }
        }
    }

    private static List<SecurityIdentifier> OthersAt(string place)
    {
        try
        {
            FileSystemSecurity security = Directory.Exists(place) ? new DirectoryInfo(place).GetAccessControl() : new FileInfo(place).GetAccessControl();
            // Nobody can rename or delete the root of a drive.
            var others = OthersWith(security, Path.GetDirectoryName(place) is null ? Replace : Replace | FileSystemRights.Delete);
            if (ForeignOwnerOf(security) is { } owner && !others.Contains(owner))
                others.Add(owner);
            return others;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or InvalidOperationException or NotSupportedException)
        {
            return [];
        }
    }

    /// <summary>Where a symbolic link or a junction leads; null if it is neither.</summary>
    private static string? TargetOf(string path)
    {
        try
        {
            return (Directory.Exists(path) ? new DirectoryInfo(path) : (FileSystemInfo)new FileInfo(path)) is { LinkTarget: { } target }
                ? Path.GetFullPath(target, Path.GetDirectoryName(path) ?? path)
                : null;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or ArgumentException)
        {
            return null;
        }
    }

    private static void Protect(FileSystemSecurity security)
    {
        security.SetAccessRuleProtection(isProtected: true, preserveInheritance: false);
        var inheritance = security is DirectorySecurity ? InheritanceFlags.ContainerInherit | InheritanceFlags.ObjectInherit : InheritanceFlags.None;
        foreach (var account in new[] { WindowsAccount.User, WindowsAccount.System, WindowsAccount.Administrators })
            security.AddAccessRule(new FileSystemAccessRule(account, FileSystemRights.FullControl, inheritance, PropagationFlags.None, AccessControlType.Allow));
    }

    /// <summary>Entries that deny are not counted: they may come too late, and a list that needs them is better repaired.</summary>
    private static List<SecurityIdentifier> OthersWith(FileSystemSecurity security, FileSystemRights rights)
        => [.. security.GetAccessRules(includeExplicit: true, includeInherited: true, typeof(SecurityIdentifier)).Cast<FileSystemAccessRule>()
            .Where(rule => rule.AccessControlType == AccessControlType.Allow && !rule.PropagationFlags.HasFlag(PropagationFlags.InheritOnly)
                && (rule.FileSystemRights & (rights | (rights.HasFlag(FileSystemRights.ReadData) ? AnyGeneric : GenericAll))) != 0)
            .Select(rule => (SecurityIdentifier)rule.IdentityReference)
            .Where(account => !WindowsAccount.IsTrusted(account))
            .Distinct()];

    private static SecurityIdentifier? ForeignOwnerOf(FileSystemSecurity security)
        => security.GetOwner(typeof(SecurityIdentifier)) is SecurityIdentifier owner && !WindowsAccount.IsTrusted(owner) ? owner : null;

    [LibraryImport("kernel32", EntryPoint = "GetFileType")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int TypeOf(SafeFileHandle file);
}
