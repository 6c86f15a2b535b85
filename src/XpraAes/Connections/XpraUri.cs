using System.Globalization;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>A parsed xpra URI: the server's endpoint, the encryption and the key (PROTOCOL section 10). Disposing of it disposes of its key and password.</summary>
public sealed class XpraUri : IDisposable
{
    private const string Socket = "socket", Pipe = "named-pipe";

    // Alternative spellings of schemes. Anything that is neither here nor in TransportTable is refused.
    private static readonly Dictionary<string, string> Aliases = new()
    {
        ["xpra"] = "tcp",
        ["xpra+tcp"] = "tcp",
        ["xpratcp"] = "tcp",
        ["xpra+ws"] = "ws",
        ["xpraws"] = "ws",
        ["unix"] = Socket,
        ["unix-domain"] = Socket,
        ["xpras"] = "ssl",
        ["xpra+ssl"] = "ssl",
        ["xprassl"] = "ssl",
        ["xpra+tls"] = "ssl",
        ["xpratls"] = "ssl",
        ["xpra+wss"] = "wss",
        ["xprawss"] = "wss",
        ["xpra+ssh"] = "ssh",
        ["xprassh"] = "ssh",
        ["vnc+ssh"] = "ssh",
    };

    private XpraUri(XpraEndpoint endpoint, OptionSet options, string? userInfo, string? display, List<string> warnings)
    {
        Endpoint = endpoint with { Trust = TakeTrust(endpoint, options), SendsProxyHeader = TakeSendProxy(endpoint, options) };
        Display = string.IsNullOrEmpty(display) ? null : display;
        var mode = options.Take("encryption");
        AesMode? parsed = null;
        if (mode is not null && !EncryptionName.TryParse(mode, out parsed))
            throw Error("The value of encryption= is not AES, AES-CBC, AES-CTR, AES-GCM or AES-CFB.", "Write one of these, or AES for CBC.");
        var user = options.Take("username");
        var password = options.Take("password");
        if (userInfo is not null)
        {
            var colon = userInfo.IndexOf(':', StringComparison.Ordinal);
            user = NullIfEmpty(colon < 0 ? userInfo : userInfo[..colon]) ?? user;
            password = (colon < 0 ? null : NullIfEmpty(userInfo[(colon + 1)..])) ?? password;
            if (userInfo.Contains('%', StringComparison.Ordinal))
                warnings.Add("The user name or password in the URI contains %. xpra does not decode percent-encoding there, and neither does XpraAes.");
        }
        UserName = user;
        (KeyFile, Key) = options.TakeKey();
        var isSealed = endpoint.Transport == TransportKind.TlsPsk;
        if (isSealed && mode is not null)
            throw Error("tls-psk:// encrypts by itself, and the URI has encryption= too.", "Remove encryption= from the URI: one encryption is enough.");
        Encryption = isSealed ? null : parsed ?? (mode is not null || KeyFile is not null || Key is not null ? AesMode.CBC : null);
        Password = password is null ? null : KeyText.ToUtf8(password);
        Options = options.Rest();
        Warnings = warnings;
    }

    /// <summary>Where the server is.</summary>
    public XpraEndpoint Endpoint { get; }

    /// <summary>The AES mode: CBC for <c>encryption=AES</c> and for a key alone; null where the URI does not ask for encryption.</summary>
    public AesMode? Encryption { get; }

    /// <summary>The path of the key file as written, possibly relative; null where none is given.</summary>
    public string? KeyFile { get; }

    /// <summary>The key of <c>keydata=</c>; null where none is given.</summary>
    public XpraKey? Key { get; }

    /// <summary>The user name; null where none is given.</summary>
    public string? UserName { get; }

    /// <summary>The password, in UTF-8; null where none is given.</summary>
    public SecretBuffer? Password { get; }

    /// <summary>The display, or the name of the session, to request from a proxy server or a gateway, which is written between the slash and the options; null where there is none.</summary>
    public string? Display { get; }

    /// <summary>The session's name to send to a proxy server or gateway: the display, except by WebSocket, where it is the path of the request and may be anything.</summary>
    internal string? SessionName => Endpoint.Path is null ? Display : null;

    /// <summary>Every other option, without passwords.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }

    /// <summary>Warnings about parts that xpra probably reads differently than intended; they never hold a secret.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>
    /// Parses every form that some xpra version accepts: <c>tcp://[user[:password]@]host[:port][/display][?name=value&amp;…]</c>, the same with <c>tcp:host:port</c>, <c>tcp/host:port/</c>
    /// or <c>,name=value</c> after the slash, with xpra, ws, ssl and wss for tcp; <c>socket:///path</c>, <c>socket:/path</c>, <c>unix:///path</c>, <c>/path</c>; <c>named-pipe://name</c>.
    /// Throws InvalidUri, KeyTextInvalid; of the URI, the messages show only the endpoint.
    /// </summary>
    public static XpraUri Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // As Python's urlsplit does, which xpra uses.
        text = text.Replace("\t", "", StringComparison.Ordinal).Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal).Trim(' ');
        var warnings = new List<string>();
        var options = new OptionSet(XpraErrorId.InvalidUri);
        var (scheme, rest) = SplitScheme(text);
        var (hierarchy, query) = SplitQuery(rest);
        var slash = hierarchy.IndexOf('/', StringComparison.Ordinal);
        var authority = slash < 0 ? hierarchy : hierarchy[..slash];
        var path = slash < 0 ? "" : hierarchy[slash..];
        var at = authority.LastIndexOf('@');
        var userInfo = at < 0 ? null : authority[..at];
        var hostAndPort = authority[(at + 1)..];

        if (scheme == Socket)
        {
            options.AddQuery(query);
            // xpra 4 also accepts socket://user:password/path, without an @.
            if (userInfo is null && hostAndPort.Contains(':', StringComparison.Ordinal))
                (userInfo, hostAndPort) = (hostAndPort, "");
            if (path.Length <= 1 || hostAndPort.Length > 0)
                throw Error("The URI of a Unix socket has no absolute path.", "Write socket:///run/user/1000/xpra/name, with three slashes.");
            return new XpraUri(new XpraEndpoint(TransportKind.Unix, "", 0, path), options, userInfo, null, warnings);
        }

        if (scheme == Pipe)
        {
            options.AddQuery(query);
            var name = NamedPipeTransport.NameIn(hostAndPort + path.TrimEnd('/')) ?? throw Error("The URI does not name a pipe.", "Write named-pipe://NAME, with letters, digits, hyphens, underscores and dots.");
            return new XpraUri(new XpraEndpoint(TransportKind.NamedPipe, "", 0, name), options, userInfo, null, warnings);
        }

        var display = TakePathOptions(path.TrimStart('/'), options);
        options.AddQuery(query);
        if (query.Split('&').Any(static o => o.Contains("keydata=", StringComparison.Ordinal) && o.Contains('+', StringComparison.Ordinal)))
            warnings.Add("A + in a URI means a space, here and to xpra 5 and later: in keydata=, write %2B for each.");
        var (host, port) = SplitHostAndPort(hostAndPort);
        var transport = TransportTable.WithScheme(scheme)!;
        var endpoint = new XpraEndpoint(transport.Kind, host, port ?? transport.DefaultPort, transport.Kind is TransportKind.WebSocket or TransportKind.WebSocketTls && display.Length > 0 ? "/" + display : null);
        return new XpraUri(endpoint, options, userInfo, display, warnings);
    }

    /// <summary>What a session file names, in place of a URI. Throws InvalidUri, KeyTextInvalid.</summary>
    internal static XpraUri Create(XpraEndpoint endpoint, OptionSet options) => new(endpoint, options, null, null, []);

    /// <summary>Whether the text is a host name or an address, an IPv6 address without brackets.</summary>
    internal static bool IsHost(string text) => Uri.CheckHostName(text) != UriHostNameType.Unknown && !text.StartsWith('[') || IsIPv6(text);

    /// <summary>The URI for an xpra client to connect with, without key data. Every version that reads options in URIs accepts it: 4.1 and later.</summary>
    public static string Build(XpraEndpoint endpoint, AesMode? mode, string? keyFile)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var options = new List<string>();
        // Plain AES means CBC to every client, and is the only name that 4.1 and 4.2 know.
        if (mode is not null)
            options.Add(mode == AesMode.CBC ? "encryption=AES" : $"encryption=AES-{mode}");
        if (!string.IsNullOrEmpty(keyFile))
            options.Add($"keyfile={EncodePath(keyFile)}");
        return options.Count == 0 ? endpoint.ToString() : $"{endpoint}?{string.Join('&', options)}";
    }

    /// <summary>Encodes a path as a URI option. xpra 4 does not decode, so only what must be encoded is.</summary>
    internal static string EncodePath(string path)
        => Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal).Replace("%3A", ":", StringComparison.Ordinal).Replace("%5C", "\\", StringComparison.Ordinal);

    /// <summary>Zeroes the key and the password.</summary>
    public void Dispose()
    {
        Key?.Dispose();
        Password?.Dispose();
    }

    /// <summary>The URI without user name, password, key data and other options.</summary>
    public override string ToString() => Build(Endpoint, Encryption, KeyFile);

    /// <summary>How to verify the server, from xpra's <c>ssl-…</c> options and <c>ssl-fingerprint=</c>; null where none is given.</summary>
    private static TlsTrust? TakeTrust(XpraEndpoint endpoint, OptionSet options)
    {
        var (authorities, mode, fingerprint, name) = (options.Take("ssl-ca-certs", "ssl-ca-cert"), options.Take("ssl-server-verify-mode"), options.Take("ssl-fingerprint"), options.Take("ssl-server-hostname"));
        if ((authorities ?? mode ?? fingerprint ?? name) is null)
            return null;
        if (!endpoint.HasCertificate)
            throw Error("The URI has ssl- options, but its scheme does not use TLS with a certificate.", "Use ssl:// or wss://.");
        if (mode is not (null or "none" or "optional" or "required"))
            throw Error("The value of ssl-server-verify-mode= is not none, optional or required.", "Use required, the default; none accepts every certificate.");
        if (mode == "none" && (authorities ?? fingerprint) is not null)
            throw Error("ssl-server-verify-mode=none contradicts ssl-ca-certs= and ssl-fingerprint=.", "Leave it out, so that the certificate is verified.");
        return new TlsTrust
        {
            AuthorityFile = authorities == "default" ? null : authorities,
            Fingerprint = fingerprint is null ? null : TlsTrust.NormalizeFingerprint(fingerprint) ?? throw Error("The value of ssl-fingerprint= is not a SHA-256 fingerprint.", "Give 64 hex digits, with or without colons: New-XpraAesCertificate and openssl x509 -fingerprint -sha256 show them."),
            HostName = name,
            VerifiesServer = mode != "none",
        };
    }

    private static bool TakeSendProxy(XpraEndpoint endpoint, OptionSet options)
    {
        var version = options.Take("send-proxy");
        if (version is not null && (version != "v2" || endpoint.Transport == TransportKind.NamedPipe))
            throw Error("The value of send-proxy= is not v2, or the URI is that of a named pipe.", "Write send-proxy=v2 for a server by TCP or a Unix socket that wants a PROXY header; otherwise leave it out.");
        return version is not null;
    }

    // Accepts tcp://host, tcp:host and tcp/host; socket:/path keeps its slash.
    private static (string Scheme, string AfterScheme) SplitScheme(string text)
    {
        if (text.StartsWith('/'))
            return (Socket, text);
        var end = text.AsSpan().IndexOfAny(':', '/');
        if (end <= 0 || char.IsAsciiDigit(text[0]))
            throw Error("The text is not a URI of an xpra server.", "Write tcp://HOST:PORT/, ws://HOST:PORT/ or socket:///PATH. A display is reached through the path of its socket.");
        var scheme = text[..end].ToLowerInvariant();
        scheme = Aliases.GetValueOrDefault(scheme, scheme);
        var rest = text[end..];
        switch (scheme)
        {
            case "ssh":
                throw Error("The transport ssh is not supported.", "Forward a port with ssh -L 10000:localhost:10000 HOST, then use tcp://localhost:10000/.");
            case var unknown when TransportTable.WithScheme(unknown) is null:
                throw Error("The scheme of the URI is not supported.", "Use tcp://HOST:PORT/, ssl://HOST:PORT/, tls-psk://HOST:PORT/, ws://HOST:PORT/, wss://HOST:PORT/ or socket:///PATH.");
        }
        if (rest.StartsWith("://", StringComparison.Ordinal))
            return (scheme, rest[3..]);
        if (scheme == Socket && rest.StartsWith(":/", StringComparison.Ordinal))
            return (scheme, rest[1..]);
        if (rest.StartsWith(":/", StringComparison.Ordinal) || rest.StartsWith("//", StringComparison.Ordinal))
            throw Error("The scheme of the URI is not followed by two slashes.", $"Write {scheme}://HOST:PORT/.");
        return (scheme, rest[1..]);
    }

    // Every xpra version ignores what follows a #.
    private static (string Hierarchy, string Query) SplitQuery(string rest)
    {
        var hash = rest.IndexOf('#', StringComparison.Ordinal);
        if (hash >= 0)
            rest = rest[..hash];
        var question = rest.IndexOf('?', StringComparison.Ordinal);
        // Trailing spaces are not part of the address, so they are removed before the options too.
        return question < 0 ? (rest.TrimEnd(' '), "") : (rest[..question].TrimEnd(' '), rest[(question + 1)..]);
    }

    // Options after the slash: xpra 4 separates them by commas without decoding; xpra 5 and later parse what follows the first comma as a query.
    private static string TakePathOptions(string path, OptionSet options)
    {
        var comma = path.IndexOf(',', StringComparison.Ordinal);
        var equals = path.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0)
            return path;
        var end = comma >= 0 && comma < equals ? comma : 0;
        var display = path[..end].TrimEnd(' ');
        var list = path[end..].TrimStart(',');
        if (list.Contains('&', StringComparison.Ordinal))
        {
            options.AddQuery(list);
            return display;
        }
        foreach (var option in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var separator = option.IndexOf('=', StringComparison.Ordinal);
            if (separator <= 0)
                throw Error("An option after the slash of the URI has no value.", "Write name=value, separated by commas; or put the options after a ?, where values can be percent-encoded.");
            options.Add(option[..separator], option[(separator + 1)..]);
        }
        return display;
    }

    // Accepts host, host:port, [address], [address]:port and address:port; port 0 or none means the default.
    private static (string Host, int? Port) SplitHostAndPort(string text)
    {
        string host, port;
        var colon = text.LastIndexOf(':');
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']', StringComparison.Ordinal);
            host = end < 0 ? "" : text[1..end];
            port = text[(end + 1)..];
            if (!IsIPv6(host) || port.Length > 0 && port[0] != ':')
                throw Error("The brackets of the URI's host do not hold an IPv6 address.", "Write tcp://[ADDRESS]:PORT/.");
            port = port.TrimStart(':');
        }
        else if (colon < 0)
            (host, port) = (text, "");
        else if (text.IndexOf(':', StringComparison.Ordinal) == colon || IsIPv6(text[..colon]))
            (host, port) = (text[..colon], text[(colon + 1)..]);
        else if (IsIPv6(text))
            (host, port) = (text, "");
        else
            throw Error("The URI does not clearly separate host and port.", "Write HOST:PORT, with an IPv6 address in brackets.");

        if (host.Length == 0)
            host = "127.0.0.1";
        if (!IsHost(host))
            throw Error("The host in the URI is not a host name or address.", "Write tcp://HOST:PORT/; options go after /?.");
        if (port.Length == 0)
            return (host.ToLowerInvariant(), null);
        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            throw Error("The port in the URI is not a number from 1 to 65535.", "Write tcp://HOST:PORT/; options go after /?.");
        return (host.ToLowerInvariant(), number == 0 ? null : number);
    }

    private static bool IsIPv6(string text)
    {
        var zone = text.IndexOf('%', StringComparison.Ordinal);
        return IPAddress.TryParse(zone < 0 ? text : text[..zone], out var address) && address.AddressFamily == AddressFamily.InterNetworkV6;
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    private static XpraAesException Error(string message, string action) => new(XpraErrorId.InvalidUri, message, action);
}
