namespace XpraAes;

/// <summary>The result of stat(2), as far as it is needed.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Its permissions, including the sticky bit.</param>
/// <param name="Owner">The owner's user id.</param>
/// <param name="Links">Its number of hard links.</param>
internal readonly record struct FileStatus(FileKind Kind, UnixFileMode Mode, uint Owner, uint Links)
{
    private const int KindMask = 0xF000; // S_IFMT
    private const int ModeMask = 0x0FFF;

    /// <summary>Decodes <c>st_mode</c>.</summary>
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
