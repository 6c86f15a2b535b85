using System.Buffers.Text;
using System.Runtime.Versioning;
using System.Security.Principal;
using System.Text.Unicode;

namespace XpraAes.Keys;

/// <summary>Determines the format, strength and problems of key data. Makes no copy of it.</summary>
internal static class KeyInspector
{
    private const int MinBase64Length = 16;
    private const int UuidLength = 36;
    private const int RandomUuidBits = 122;
    private const int OtherUuidBits = 60;

    internal static KeyFormat FormatOf(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
            return KeyFormat.Empty;
        if (data.Length % 2 == 0 && All(data, char.IsAsciiHexDigit))
            return KeyFormat.Hex;
        if (IsUuid(data))
            return KeyFormat.Uuid;
        if (IsBase64(data))
            return KeyFormat.Base64;
        return IsText(data) ? KeyFormat.Text : KeyFormat.Binary;
    }

    /// <summary>The strength in bits, assuming that the key is random for its format; text that a person chose is weaker.</summary>
    internal static int BitsOf(ReadOnlySpan<byte> data, KeyFormat format) => format switch
    {
        KeyFormat.Empty => 0,
        KeyFormat.Hex => 4 * data.Length,
        KeyFormat.Base64 => 8 * Base64Size(data),
        // Version 4 has 122 random bits; the others consist mostly of a time, a machine id or a name (RFC 9562).
        KeyFormat.Uuid => data[14] == '4' ? RandomUuidBits : OtherUuidBits,
        KeyFormat.Text => (int)(data.Length * Math.Log2(AlphabetOf(data))),
        _ => 8 * data.Length,
    };

    internal static IEnumerable<KeyProblem> ProblemsOf(ReadOnlySpan<byte> data, KeyFormat format, int bits, KeySource source)
    {
        var problems = new List<KeyProblem>();
        if (format == KeyFormat.Empty)
        {
            problems.Add(new(KeyProblemId.Empty, "There is no key data.", "Make a key with New-XpraAesKey -Path."));
            return problems;
        }
        if (data.StartsWith("\uFEFF"u8))
            problems.Add(new(KeyProblemId.ByteOrderMark, "The key begins with a UTF-8 byte order mark, which xpra treats as part of the key.", "Write the key file again without one: Set-Content -Encoding utf8NoBOM."));
        if (IsUtf16(data))
            problems.Add(new(KeyProblemId.Utf16, "The key is UTF-16 text, whose NUL bytes xpra treats as part of the key.", "Write the key file again: Set-Content -Encoding utf8NoBOM."));
        else if (IsText(data) && (IsWhiteSpace(data[0]) || IsWhiteSpace(data[^1])))
            problems.Add(new(KeyProblemId.SurroundingWhiteSpace, "The key begins or ends with white space, which xpra treats as part of the key: it only strips CR and LF.", "Remove the white space on both sides of the connection, or make sure that both have it."));
        if (source is KeySource.KeyFile or KeySource.Environment && IsText(data) && HasPrefix(data))
            problems.Add(new(KeyProblemId.PrefixTakenLiterally, "The key begins with 0x, base64: or b64:. xpra decodes that only in keydata=: here the characters themselves are the key.", "Use the same form on both sides of the connection."));
        if (data.StartsWith(TlsPskSecrets.IdentityPrefix))
            problems.Add(new(KeyProblemId.PreSharedKey, "This is the pre-shared key that Export-XpraAesPsk derived from a key, not the key.", "Give the key file that it was exported from. stunnel's PSKsecrets takes this one."));
        if (source == KeySource.Password)
            problems.Add(new(KeyProblemId.Password, "The key is a password. Anyone who captures one encrypted packet can try to guess it offline.", "Use a key made with New-XpraAesKey, and the password only for authentication."));
        else if (bits < Limits.WeakKeyBits)
            problems.Add(new(KeyProblemId.Weak, $"The key has at most {bits} bits of strength. Anyone who captures one encrypted packet can try to guess it offline.", $"Use a key of {Limits.WeakKeyBits} bits or more, such as one made with New-XpraAesKey."));
        return problems;
    }

    internal static KeyProblem CharactersSkipped { get; } = new(
        KeyProblemId.CharactersSkipped,
        "The base64 text contains characters that are not base64. They were skipped, as xpra does silently.",
        "Compare the text with the original. In a URI, + has to be written %2B.");

    internal static KeyProblem OpenToOthers(string what, string path, UnixFileMode mode) => new(
        KeyProblemId.OpenToOthers,
        $"Other users of this machine can read or change the {what}: its mode is {Octal(mode)}.",
        $"Run: chmod 600 {ShellText.Quote(path)}");

    internal static KeyProblem ForeignOwner(string what, string path, uint owner, uint user) => new(
        KeyProblemId.ForeignOwner,
        $"The {what} belongs to another user of this machine (user id {owner}), who can read and change it.",
        $"Run: {(user == 0 ? "" : "sudo ")}chown {user} {ShellText.Quote(path)}");

    internal static KeyProblem FolderOpenToOthers(string what, string folder, UnixFileMode mode) => new(
        KeyProblemId.FolderOpenToOthers,
        $"Other users of this machine can replace the {what}: they can write to the folder {folder}, whose mode is {Octal(mode)}.",
        $"Run: chmod go-w {ShellText.Quote(folder)}");

    /// <summary>For another user's folder or link on the path. Suggests moving the file: taking over a folder, which may be someone's home, would go too far.</summary>
    internal static KeyProblem ForeignPlace(string what, string path, string place, FileStatus status) => new(
        KeyProblemId.FolderOpenToOthers,
        $"Another user of this machine (user id {status.Owner}) can replace the {what}: the {(status.Kind == FileKind.Link ? "link" : "folder")} {place} is theirs.",
        $"Use a copy that is yours. Run: install -b -m 600 {ShellText.Quote(path)} ~/{ShellText.Quote(Path.GetFileName(path))}");

    /// <summary>By its access control list. The command takes every right from everyone, and gives back what a new key file has.</summary>
    [SupportedOSPlatform("windows")]
    internal static KeyProblem OpenToOthers(string what, string path, IReadOnlyList<SecurityIdentifier> others) => new(
        KeyProblemId.OpenToOthers,
        $"Other accounts can read or change the {what}: {NamesOf(others)}.",
        $"Run: icacls {ShellText.QuoteForPowerShell(path)} /inheritance:r /grant:r {string.Join(' ', Trusted.Select(account => $"*{account}:F"))} /remove:g {string.Join(' ', others.Select(account => $"*{account}"))}");

    [SupportedOSPlatform("windows")]
    internal static KeyProblem ForeignOwner(string what, string path, SecurityIdentifier owner) => new(
        KeyProblemId.ForeignOwner,
        $"The {what} belongs to another account ({WindowsAccount.NameOf(owner)}), which can read and change it.",
        $"Run as an administrator: icacls {ShellText.QuoteForPowerShell(path)} /setowner *{WindowsAccount.User}");

    /// <summary>For a folder or link on the path. Suggests moving the file, which overwrites none: the folder may hold what others need.</summary>
    [SupportedOSPlatform("windows")]
    internal static KeyProblem FolderOpenToOthers(string what, string path, string place, IReadOnlyList<SecurityIdentifier> others) => new(
        KeyProblemId.FolderOpenToOthers,
        $"Other accounts can replace the {what}: {NamesOf(others)} can delete or rename what is in {place}, or that itself.",
        $"Keep it in a folder of yours. Run: Move-Item {ShellText.QuoteForPowerShell(path)} $env:USERPROFILE");

    [SupportedOSPlatform("windows")]
    private static SecurityIdentifier[] Trusted => [.. new[] { WindowsAccount.User, WindowsAccount.System, WindowsAccount.Administrators }.Distinct()];

    [SupportedOSPlatform("windows")]
    private static string NamesOf(IEnumerable<SecurityIdentifier> accounts) => string.Join(", ", accounts.Select(WindowsAccount.NameOf));

    /// <summary>Whether the bytes are UTF-8 text without control characters, and so survive conversion to a string and back.</summary>
    internal static bool IsText(ReadOnlySpan<byte> data)
        => Utf8.IsValid(data) && All(data, static c => !char.IsControl(c) || IsWhiteSpace((byte)c) || c >= 0x80);

    private static string Octal(UnixFileMode mode) => Convert.ToString((int)mode, 8);

    private static bool All(ReadOnlySpan<byte> data, Func<char, bool> holds)
    {
        foreach (var b in data)
        {
            if (!holds((char)b))
                return false;
        }
        return true;
    }

    // xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
    private static bool IsUuid(ReadOnlySpan<byte> data)
    {
        if (data.Length != UuidLength)
            return false;
        for (var i = 0; i < data.Length; i++)
        {
            var fits = i is 8 or 13 or 18 or 23 ? data[i] == '-' : char.IsAsciiHexDigit((char)data[i]);
            if (!fits)
                return false;
        }
        return true;
    }

    private static bool IsBase64(ReadOnlySpan<byte> data)
    {
        if (data.Length < MinBase64Length || data.Length % 4 != 0 || data.ContainsAny(" \t\r\n"u8) || !Base64.IsValid(data))
            return false;
        // Long words are valid base64 too, but random text of this length has both cases.
        return data[^1] == '=' || data.ContainsAnyInRange((byte)'A', (byte)'Z') && data.ContainsAnyInRange((byte)'a', (byte)'z');
    }

    private static int Base64Size(ReadOnlySpan<byte> data) => data.TrimEnd((byte)'=').Length * 6 / 8;

    // ASCII text, little or big endian, with or without a byte order mark; stripping the newline may have left half a character.
    private static bool IsUtf16(ReadOnlySpan<byte> data)
    {
        if (data.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || data.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
            data = data[2..];
        return data.Length >= 2 && (HasNulsAt(data, 0) || HasNulsAt(data, 1));
    }

    private static bool HasNulsAt(ReadOnlySpan<byte> data, int parity)
    {
        for (var i = 0; i < data.Length; i++)
        {
            if (i % 2 == parity ? data[i] != 0 : data[i] is 0 or >= 0x80)
                return false;
        }
        return true;
    }

    private static bool HasPrefix(ReadOnlySpan<byte> data)
    {
        Span<char> start = stackalloc char[8];
        var length = Math.Min(start.Length, data.Length);
        for (var i = 0; i < length; i++)
            start[i] = (char)data[i];
        var found = KeyText.HasPrefix(start[..length]);
        start.Clear();
        return found;
    }

    private static bool IsWhiteSpace(byte b) => b is (byte)' ' or >= (byte)'\t' and <= (byte)'\r';

    private static int AlphabetOf(ReadOnlySpan<byte> text)
    {
        int digits = 0, lower = 0, upper = 0, others = 0;
        foreach (var b in text)
        {
            if (char.IsAsciiDigit((char)b)) digits = 10;
            else if (char.IsAsciiLetterLower((char)b)) lower = 26;
            else if (char.IsAsciiLetterUpper((char)b)) upper = 26;
            else others = 33;
        }
        return digits + lower + upper + others;
    }
}
