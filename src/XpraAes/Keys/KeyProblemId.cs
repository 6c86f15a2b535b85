namespace XpraAes.Keys;

/// <summary>The stable names of the problems that a readable key can have.</summary>
public enum KeyProblemId
{
    /// <summary>There is no key data.</summary>
    Empty,
    /// <summary>The key has fewer bits than <see cref="Limits.WeakKeyBits"/>.</summary>
    Weak,
    /// <summary>The key is a password: it can be guessed offline.</summary>
    Password,
    /// <summary>The key begins with a UTF-8 byte order mark, which xpra treats as part of the key.</summary>
    ByteOrderMark,
    /// <summary>The key is UTF-16 text, whose NUL bytes xpra treats as part of the key.</summary>
    Utf16,
    /// <summary>The key begins or ends with white space, which xpra treats as part of the key.</summary>
    SurroundingWhiteSpace,
    /// <summary>The key begins with <c>0x</c>, <c>base64:</c> or <c>b64:</c>, which means nothing in a key file or an environment variable.</summary>
    PrefixTakenLiterally,
    /// <summary>The base64 text contained characters that are not base64; xpra skips them silently.</summary>
    CharactersSkipped,
    /// <summary>Other users of this machine can read or change the key file.</summary>
    OpenToOthers,
    /// <summary>The key file belongs to another user of this machine, who is not root.</summary>
    ForeignOwner,
    /// <summary>Other users of this machine can replace the key file: they can write to a folder on its path, or own a folder or symbolic link there.</summary>
    FolderOpenToOthers,
    /// <summary>What is there is the pre-shared key of <c>Export-XpraAesPsk</c>, not the key it was derived from.</summary>
    PreSharedKey,
}
