using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>The command line that makes an xpra program of a given version do what a listener or a connection of ours does (PROTOCOL section 10).</summary>
public sealed class XpraCommandLine
{
    private XpraCommandLine(XpraRole role, XpraRelease release, IReadOnlyList<string> arguments)
    {
        Role = role;
        XpraVersion = release.Name;
        Arguments = arguments;
    }

    /// <summary>Which end of the connection it is for.</summary>
    public XpraRole Role { get; }

    /// <summary>The xpra version that it is for.</summary>
    public string XpraVersion { get; }

    /// <summary>The whole line, quoted for a POSIX shell, and for PowerShell where no argument holds a single quote.</summary>
    public string CommandLine => $"xpra {string.Join(' ', Arguments.Select(ShellText.Quote))}";

    /// <summary>What follows the program's name, one by one and without quotes.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>The whole line.</summary>
    public override string ToString() => CommandLine;

    /// <summary>
    /// Writes the command line. It throws what that version cannot do, with the reason: ModeRejected; VersionRejected where the version has no AES in that place;
    /// KeyMissing where it takes no key data on the command line; InvalidOption where it reads a path otherwise than it is written, or has no such choice of modes.
    /// </summary>
    /// <param name="role">Which end.</param>
    /// <param name="xpraVersion">As <c>6.2</c>, <c>6.5.2</c> or <c>master</c>.</param>
    /// <param name="endpoint">Where the server listens.</param>
    /// <param name="modes">The modes allowed, the preferred one first; none for any.</param>
    /// <param name="keyFile">The path of the key file where the command will run; null where the key is given.</param>
    /// <param name="key">The key, whose bytes will stand on the command line; null where a file is given.</param>
    /// <param name="passwordFile">The path of a password file where the command will run; null for none.</param>
    /// <param name="userName">The user name that a client gives; null for none.</param>
    internal static XpraCommandLine Create(
        XpraRole role, string xpraVersion, XpraEndpoint endpoint, IReadOnlyList<AesMode> modes, string? keyFile, XpraKey? key, string? passwordFile = null, string? userName = null)
    {
        var release = XpraRelease.Parse(xpraVersion);
        if (endpoint.Transport == TransportKind.Unix && !release.EncryptsUnixSockets)
            throw new XpraAesException(XpraErrorId.VersionRejected, $"A server of {release} does not encrypt on a Unix socket.", "Use a TCP port, or xpra 5.1 or later.");
        if (keyFile is null && key is null)
            throw new XpraAesException(XpraErrorId.KeyMissing, "A command line with AES needs a key file, and none is known.", "Give -KeyFile: the path of the key file where the command will run.");
        var usable = Usable(release, modes);
        List<string> arguments = role == XpraRole.Server
            ? ["start", .. ServerArguments(release, endpoint, usable, keyFile, key)]
            : ["attach", .. ClientArguments(release, endpoint.Transport, WithUser(endpoint, userName, release), release.NamesModes && modes.Count > 0 ? usable[0] : null, keyFile, key)];
        if (passwordFile is not null)
            arguments.Add(role == XpraRole.Client ? $"--password-file={passwordFile}" : $"--{AuthOption(endpoint.Transport)}=file:filename={Plain(passwordFile, release)}");
        return new XpraCommandLine(role, release, arguments);
    }

    private static List<AesMode> Usable(XpraRelease release, IReadOnlyList<AesMode> modes)
    {
        var usable = (modes.Count == 0 ? release.Modes : modes).Distinct().Where(mode => release.WhyNot(mode) is null).ToList();
        if (usable.Count > 0)
            return usable;
        var reasons = string.Join(", ", modes.Distinct().Select(mode => $"AES-{mode} {release.WhyNot(mode)}"));
        throw new XpraAesException(XpraErrorId.ModeRejected, $"{release} cannot do that: {reasons}.", $"Use one of its own modes: {string.Join(", ", release.Modes.Select(mode => $"AES-{mode}"))}.");
    }

    private static IEnumerable<string> ServerArguments(XpraRelease release, XpraEndpoint endpoint, List<AesMode> usable, string? keyFile, XpraKey? key)
    {
        if (release.ServerIgnoresAes)
        {
            throw new XpraAesException(XpraErrorId.VersionRejected,
                $"A server of {release} cannot do AES: those of 6.4 and 6.5 ignore every option for it without a word, and let clients in without encryption.",
                "Use a server of xpra 6.3 or earlier, or of master; a 6.4 or 6.5 client can do AES.");
        }
        if (usable.Count > 1 && usable.Count < release.Modes.Count)
        {
            throw new XpraAesException(XpraErrorId.InvalidOption,
                $"An xpra server lets in one mode or all that it has, and not {string.Join(" and ", usable.Select(mode => $"AES-{mode}"))} alone.", "Give one mode, or none for all.");
        }
        // Plain AES is every mode the server has.
        var encryption = release.NamesModes && usable.Count == 1 ? NameOf(usable[0]) : "AES";
        var (option, address) = endpoint.Transport switch
        {
            TransportKind.Unix => ("bind", Plain(endpoint.Path!, release)),
            TransportKind.WebSocket => ("bind-ws", endpoint.HostAndPort),
            _ => ("bind-tcp", endpoint.HostAndPort),
        };
        if (!release.HasSocketOptions)
            return [$"--{option}={address}", "--tcp-encryption=AES", $"--tcp-encryption-keyfile={RequireFile(release, keyFile)}"];
        var keyOption = keyFile is null ? $"keydata={KeyText.ToPrefixedHex(key!.Data)}" : $"keyfile={Plain(keyFile, release)}";
        return [$"--{option}={address},encryption={encryption},{keyOption}"];
    }

    private static IEnumerable<string> ClientArguments(XpraRelease release, TransportKind transport, string uri, AesMode? mode, string? keyFile, XpraKey? key)
    {
        // Plain AES is CBC for a client.
        var encryption = mode is { } named ? NameOf(named) : "AES";
        if (!release.HasSocketOptions)
            return [uri, "--tcp-encryption=AES", $"--tcp-encryption-keyfile={RequireFile(release, keyFile)}"];
        // Of a Unix socket's URI, no version hands the options on.
        if (release.IgnoresEncryptionInUris || transport == TransportKind.Unix)
            return [uri, $"--encryption={encryption}", $"--encryption-keyfile={RequireFile(release, keyFile)}"];
        if (keyFile is null)
            return [$"{uri}?encryption={encryption}&keydata={KeyText.ToPrefixedHex(key!.Data)}"];
        var encoded = XpraUri.EncodePath(keyFile);
        if (encoded != keyFile && !release.DecodesUris)
            throw Misread(keyFile, release);
        return [$"{uri}?encryption={encryption}&keyfile={encoded}"];
    }

    private static string WithUser(XpraEndpoint endpoint, string? userName, XpraRelease release)
    {
        if (userName is null)
            return $"{endpoint}";
        // xpra decodes nothing there.
        if (!userName.All(static c => char.IsLetterOrDigit(c) || c is '.' or '_' or '-' or '$'))
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{release} would not read the user name {userName} in a URI as it is written.", "Leave it out, where the server takes any name.") { Target = userName };
        return $"{endpoint}".Replace("://", $"://{userName}@", StringComparison.Ordinal);
    }

    private static string NameOf(AesMode mode) => $"AES-{mode}";

    private static string AuthOption(TransportKind transport) => transport switch
    {
        TransportKind.Unix => "auth",
        TransportKind.WebSocket => "ws-auth",
        _ => "tcp-auth",
    };

    private static string RequireFile(XpraRelease release, string? keyFile) => keyFile ?? throw new XpraAesException(
        XpraErrorId.KeyMissing,
        $"This command line of {release} takes a key from a file alone.",
        "Write the key to a file with New-XpraAesKey -Path or Set-Content -NoNewline, and give -KeyFile.");

    /// <summary>Bind options have no quotes and no escapes.</summary>
    private static string Plain(string path, XpraRelease release)
        => path.AsSpan().ContainsAny(",()=") || path != path.Trim() ? throw Misread(path, release) : path;

    private static XpraAesException Misread(string path, XpraRelease release)
        => new(XpraErrorId.InvalidOption, $"{release} would not read the path {path} as it is written.", "Give the file a name of letters, digits, dots and hyphens, or a symbolic link with such a name.") { Target = path };
}
