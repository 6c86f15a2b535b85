namespace XpraAes;

/// <summary>What the system says of a file.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Its permissions, the sticky bit included.</param>
/// <param name="Owner">The number of the user whose it is.</param>
/// <param name="Links">How many names it has.</param>
internal readonly record struct FileStatus(FileKind Kind, UnixFileMode Mode, uint Owner, uint Links)
{
    private const int KindMask = 0xF000; // S_IFMT
    private const int ModeMask = 0x0FFF;

    /// <summary>What <c>st_mode</c> says of the kind and the permissions.</summary>
    public static FileStatus From(ushort mode, uint owner, uint links) => new(KindOf(mode & KindMask), (UnixFileMode)(mode & ModeMask), owner, links);

    private static FileKind KindOf(int type) => type switch
    {
        0x1000 => FileKind.Pipe,
        0x4000 => FileKind.Folder,
        0x8000 => FileKind.File,
        0xA000 => FileKind.Link,
        _ => FileKind.Other,
    };
}
