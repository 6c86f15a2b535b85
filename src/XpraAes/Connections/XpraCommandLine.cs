using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>The command line of an xpra client or server of a given version that matches a listener or connection of this module (PROTOCOL section 10).</summary>
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

    /// <summary>The arguments after the program's name, unquoted.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>The whole line.</summary>
    public override string ToString() => CommandLine;

    /// <summary>
    /// Creates the command line. Throws, with the reason, what that version cannot do: ModeRejected; VersionRejected where it has no AES on that transport;
    /// KeyMissing where it takes no key data on the command line; InvalidOption where it would misread a path or user name, or cannot be limited to these modes.
    /// </summary>
    /// <param name="role">Which end of the connection.</param>
    /// <param name="xpraVersion">For example <c>6.2</c>, <c>6.5.2</c> or <c>master</c>.</param>
    /// <param name="endpoint">Where the server listens.</param>
    /// <param name="modes">The allowed modes, the preferred one first; empty for all.</param>
    /// <param name="keyFile">The path of the key file where the command will run; null where the key is given.</param>
    /// <param name="key">The key, which appears on the command line; null where a file is given.</param>
    /// <param name="passwordFile">The path of a password file where the command will run; null for none.</param>
    /// <param name="userName">The user name that a client gives; null for none.</param>
    internal static XpraCommandLine Create(
        XpraRole role, string xpraVersion, XpraEndpoint endpoint, IReadOnlyList<AesMode> modes, string? keyFile, XpraKey? key, string? passwordFile = null, string? userName = null)
    {
        var release = XpraRelease.Parse(xpraVersion);
        if (endpoint.Transport == TransportKind.TlsPsk)
            throw new XpraAesException(XpraErrorId.VersionRejected, "No version of xpra speaks tls-psk.", "Let xpra connect to a local end, Connect-XpraAes -LocalSocket or on Windows -LocalPipe, and that to the listener.");
        if (endpoint.IsLocal && !release.EncryptsUnixSockets)
            throw new XpraAesException(XpraErrorId.VersionRejected, $"A server of {release} does not encrypt on a Unix socket or named pipe.", "Use a TCP port, or xpra 5.1 or later.");
        if (keyFile is null && key is null)
            throw new XpraAesException(XpraErrorId.KeyMissing, "A command line with AES needs a key file, and none is known.", "Give -KeyFile: the path of the key file where the command will run.");
        var usable = SupportedModes(release, modes);
        List<string> arguments = role == XpraRole.Server
            ? ["start", .. ServerArguments(release, endpoint, usable, keyFile, key)]
            : ["attach", .. ClientArguments(release, endpoint.IsLocal, WithUser(endpoint, userName, release), release.NamesModes && modes.Count > 0 ? usable[0] : null, keyFile, key)];
        if (role == XpraRole.Client)
            arguments.AddRange(TrustArguments(endpoint.Trust));
        if (passwordFile is not null)
            arguments.Add(role == XpraRole.Client ? $"--password-file={passwordFile}" : $"--{AuthOption(endpoint.Transport)}=file:filename={RequirePlainPath(passwordFile, release)}");
        return new XpraCommandLine(role, release, arguments);
    }

    private static IEnumerable<string> TrustArguments(TlsTrust? trust)
    {
        if (trust is null)
            yield break;
        if (trust.Fingerprint is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "xpra cannot pin a certificate by its fingerprint.", "Give ssl-ca-certs= with the certificate instead.");
        if (trust.AuthorityFile is { } file)
            yield return $"--ssl-ca-certs={file}";
        if (trust.HostName is { } name)
            yield return $"--ssl-server-hostname={name}";
        if (!trust.VerifiesServer)
            yield return "--ssl-server-verify-mode=none";
    }

    private static List<AesMode> SupportedModes(XpraRelease release, IReadOnlyList<AesMode> modes)
    {
        var usable = (modes.Count == 0 ? release.Modes : modes).Distinct().Where(mode => release.WhyUnsupported(mode) is null).ToList();
        if (usable.Count > 0)
            return usable;
        var reasons = string.Join(", ", modes.Distinct().Select(mode => $"AES-{mode} {release.WhyUnsupported(mode)}"));
        throw new XpraAesException(XpraErrorId.ModeRejected, $"{release} cannot do that: {reasons}.", $"Use one of its own modes: {string.Join(", ", release.Modes.Select(mode => $"AES-{mode}"))}.");
    }

    private static IEnumerable<string> ServerArguments(XpraRelease release, XpraEndpoint endpoint, List<AesMode> usable, string? keyFile, XpraKey? key)
    {
        if (release.ServerIgnoresAes)
        {
            throw new XpraAesException(XpraErrorId.VersionRejected,
                $"A server of {release} cannot do AES: servers of 6.4 and 6.5 silently ignore every option for it, and let clients in without encryption.",
                "Use a server of xpra 6.3 or earlier, or of master; a 6.4 or 6.5 client can do AES.");
        }
        if (endpoint.HasCertificate)
            throw new XpraAesException(XpraErrorId.InvalidOption, "A server's command line for TLS needs its certificate, which is not known here.", "Use tcp:// or ws://, and put ssl or wss, and ssl-cert=, into the line that you get.");
        if (usable.Count > 1 && usable.Count < release.Modes.Count)
        {
            throw new XpraAesException(XpraErrorId.InvalidOption,
                $"An xpra server accepts one mode or all that it supports, not just {string.Join(" and ", usable.Select(mode => $"AES-{mode}"))}.", "Give one mode, or none for all.");
        }
        // For a server, plain AES allows every mode that it has.
        var encryption = release.NamesModes && usable.Count == 1 ? NameOf(usable[0]) : "AES";
        var (option, address) = endpoint.Transport switch
        {
            TransportKind.Unix or TransportKind.NamedPipe => ("bind", RequirePlainPath(endpoint.Path!, release)),
            TransportKind.WebSocket => ("bind-ws", endpoint.HostAndPort),
            _ => ("bind-tcp", endpoint.HostAndPort),
        };
        if (!release.HasSocketOptions)
            return [$"--{option}={address}", "--tcp-encryption=AES", $"--tcp-encryption-keyfile={RequireFile(release, keyFile)}"];
        var keyOption = keyFile is null ? $"keydata={KeyText.ToPrefixedHex(key!.Data)}" : $"keyfile={RequirePlainPath(keyFile, release)}";
        return [$"--{option}={address},encryption={encryption},{keyOption}"];
    }

    private static IEnumerable<string> ClientArguments(XpraRelease release, bool isLocal, string uri, AesMode? mode, string? keyFile, XpraKey? key)
    {
        // For a client, plain AES means CBC.
        var encryption = mode is { } named ? NameOf(named) : "AES";
        if (!release.HasSocketOptions)
            return [uri, "--tcp-encryption=AES", $"--tcp-encryption-keyfile={RequireFile(release, keyFile)}"];
        // No version reads the options of a Unix socket's or named pipe's URI.
        if (release.IgnoresEncryptionInUris || isLocal)
            return [uri, $"--encryption={encryption}", $"--encryption-keyfile={RequireFile(release, keyFile)}"];
        if (keyFile is null)
            return [$"{uri}?encryption={encryption}&keydata={KeyText.ToPrefixedHex(key!.Data)}"];
        var encoded = XpraUri.EncodePath(keyFile);
        if (encoded != keyFile && !release.DecodesUris)
            throw MisreadPath(keyFile, release);
        return [$"{uri}?encryption={encryption}&keyfile={encoded}"];
    }

    private static string WithUser(XpraEndpoint endpoint, string? userName, XpraRelease release)
    {
        if (userName is null)
            return $"{endpoint}";
        // xpra does not decode percent-encoding in user names.
        if (!userName.All(static c => char.IsLetterOrDigit(c) || c is '.' or '_' or '-' or '$'))
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{release} would misread the user name {userName} in a URI.", "Leave it out if the server takes any name.") { Target = userName };
        return $"{endpoint}".Replace("://", $"://{userName}@", StringComparison.Ordinal);
    }

    private static string NameOf(AesMode mode) => $"AES-{mode}";

    private static string AuthOption(TransportKind transport) => transport switch
    {
        TransportKind.Unix or TransportKind.NamedPipe => "auth",
        TransportKind.WebSocket => "ws-auth",
        _ => "tcp-auth",
    };

    private static string RequireFile(XpraRelease release, string? keyFile) => keyFile ?? throw new XpraAesException(
        XpraErrorId.KeyMissing,
        $"A command line of {release} takes the key only from a file here.",
        "Write the key to a file with New-XpraAesKey -Path or Set-Content -NoNewline, and give -KeyFile.");

    /// <summary>Bind options have neither quotes nor escapes.</summary>
    private static string RequirePlainPath(string path, XpraRelease release)
        => path.AsSpan().ContainsAny(",()=") || path != path.Trim() ? throw MisreadPath(path, release) : path;

    private static XpraAesException MisreadPath(string path, XpraRelease release)
        => new(XpraErrorId.InvalidOption, $"{release} would misread the path {path}.", "Give the file a name of letters, digits, dots and hyphens, or a symbolic link with such a name.") { Target = path };
}
