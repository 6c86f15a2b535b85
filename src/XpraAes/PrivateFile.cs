namespace XpraAes;

/// <summary>Creates files and folders that only their owner can use, from their first moment on: by their mode, and on Windows by their access control list.</summary>
internal static class PrivateFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Opens a file for writing, and for reading too except with CreateNew. A file that exists keeps its rights. The stream has no buffer.</summary>
    /// <param name="path">Its full path.</param>
    /// <param name="mode">CreateNew or OpenOrCreate.</param>
    /// <param name="share">What others may open it for meanwhile.</param>
    /// <exception cref="IOException">It cannot be opened; with CreateNew also if it exists.</exception>
    /// <exception cref="UnauthorizedAccessException">Access is denied.</exception>
    public static FileStream Open(string path, FileMode mode, FileShare share)
    {
        if (OperatingSystem.IsWindows())
            return WindowsFile.Open(path, mode, share);
        var access = mode == FileMode.CreateNew ? FileAccess.Write : FileAccess.ReadWrite;
        return new FileStream(path, new FileStreamOptions { Mode = mode, Access = access, Share = share, BufferSize = 0, UnixCreateMode = OwnerOnly });
    }

    /// <summary>Creates a folder if it does not exist; one that exists keeps its rights.</summary>
    /// <exception cref="IOException">It cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">Access is denied.</exception>
    public static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            WindowsFile.CreateFolder(path);
        else
            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
    }
}
