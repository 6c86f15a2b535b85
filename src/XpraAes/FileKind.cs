namespace XpraAes;

/// <summary>What there can be at a path.</summary>
internal enum FileKind
{
    /// <summary>A regular file.</summary>
    File,
    /// <summary>A folder.</summary>
    Folder,
    /// <summary>A symbolic link.</summary>
    Link,
    /// <summary>A pipe, with a name or without.</summary>
    Pipe,
    /// <summary>A device or a socket.</summary>
    Other,
}
