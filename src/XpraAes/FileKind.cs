namespace XpraAes;

/// <summary>What a path can lead to.</summary>
internal enum FileKind
{
    /// <summary>A regular file.</summary>
    File,
    /// <summary>A folder.</summary>
    Folder,
    /// <summary>A symbolic link.</summary>
    Link,
    /// <summary>A pipe, named or anonymous.</summary>
    Pipe,
    /// <summary>A device or a socket.</summary>
    Other,
}
