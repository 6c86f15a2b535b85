using System.Globalization;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>What a URI says to an xpra client: where the server is, how to encrypt, and with which key (PROTOCOL section 10). Disposing of it disposes of its key and its password.</summary>
public sealed class XpraUri : IDisposable
{
    private const string Socket = "socket";

    // Spellings of a scheme that mean another one. What is neither here nor a scheme in TransportTable is refused.
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
        Endpoint = endpoint;
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
            user = NotEmpty(colon < 0 ? userInfo : userInfo[..colon]) ?? user;
            password = (colon < 0 ? null : NotEmpty(userInfo[(colon + 1)..])) ?? password;
            if (userInfo.Contains('%', StringComparison.Ordinal))
                warnings.Add("The user name or password in the URI contains %. xpra does not decode percent-encoding there, and neither is it decoded here.");
        }
        UserName = user;
        (KeyFile, Key) = options.TakeKey();
        Encryption = parsed ?? (mode is not null || KeyFile is not null || Key is not null ? AesMode.CBC : null);
        Password = password is null ? null : KeyText.ToUtf8(password);
        Options = options.Rest();
        Warnings = warnings;
    }

    /// <summary>Where the server is.</summary>
    public XpraEndpoint Endpoint { get; }

    /// <summary>The AES mode: <c>encryption=AES</c> is CBC, and so is a key alone; null where the URI asks for no encryption.</summary>
    public AesMode? Encryption { get; }

    /// <summary>The path of the key file as it was written, relative to wherever the caller stands; null where none is given.</summary>
    public string? KeyFile { get; }

    /// <summary>The key of <c>keydata=</c>; null where none is given.</summary>
    public XpraKey? Key { get; }

    /// <summary>The user name; null where none is given.</summary>
    public string? UserName { get; }

    /// <summary>The password, in UTF-8; null where none is given.</summary>
    public SecretBuffer? Password { get; }

    /// <summary>What stands between the slash and the options: the display that a proxy server is asked for; null where there is nothing.</summary>
    public string? Display { get; }

    /// <summary>Every other option, without passwords.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }

    /// <summary>What is in the URI that probably means something else to xpra than to its writer; never with a secret in it.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>
    /// Reads the forms that some xpra version reads: <c>tcp://[user[:password]@]host[:port][/display][?name=value&amp;…]</c>, the same with <c>tcp:host:port</c>, <c>tcp/host:port/</c>
    /// or <c>,name=value</c> after the slash, with xpra and ws for tcp; <c>socket:///path</c>, <c>socket:/path</c>, <c>unix:///path</c>, <c>/path</c>.
    /// Throws InvalidUri, KeyTextInvalid; the messages hold no part of the URI but its endpoint.
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
            // socket://user:password/path, without an @, is a form of xpra 4.
            if (userInfo is null && hostAndPort.Contains(':', StringComparison.Ordinal))
                (userInfo, hostAndPort) = (hostAndPort, "");
            if (path.Length <= 1 || hostAndPort.Length > 0)
                throw Error("The URI of a Unix socket has no absolute path.", "Write socket:///run/user/1000/xpra/name, with three slashes.");
            return new XpraUri(new XpraEndpoint(TransportKind.Unix, "", 0, path), options, userInfo, null, warnings);
        }

        var display = TakePathOptions(path.TrimStart('/'), options);
        options.AddQuery(query);
        if (query.Split('&').Any(static o => o.Contains("keydata=", StringComparison.Ordinal) && o.Contains('+', StringComparison.Ordinal)))
            warnings.Add("A + in a URI means a space, here and to xpra 5 and later: in keydata=, write %2B for each.");
        var (host, port) = SplitHostAndPort(hostAndPort);
        var transport = TransportTable.WithScheme(scheme)!;
        var endpoint = new XpraEndpoint(transport.Kind, host, port ?? transport.DefaultPort, transport.Kind == TransportKind.WebSocket && display.Length > 0 ? "/" + display : null);
        return new XpraUri(endpoint, options, userInfo, display, warnings);
    }

    /// <summary>The URI that makes an xpra client connect like that. Never holds key data. Every version that reads options in URIs reads it: 4.1 and later.</summary>
    public static string Build(XpraEndpoint endpoint, AesMode? mode, string? keyFile)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var options = new List<string>();
        // Plain AES is CBC for every client, and the only name that 4.1 and 4.2 know.
        if (mode is not null)
            options.Add(mode == AesMode.CBC ? "encryption=AES" : $"encryption=AES-{mode}");
        if (!string.IsNullOrEmpty(keyFile))
            options.Add($"keyfile={EncodePath(keyFile)}");
        return options.Count == 0 ? endpoint.ToString() : $"{endpoint}?{string.Join('&', options)}";
    }

    /// <summary>A path as the value of a URI's option. xpra 4 does not decode: what need not be encoded is not.</summary>
    internal static string EncodePath(string path)
        => Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal).Replace("%3A", ":", StringComparison.Ordinal);

    /// <summary>Zeroes the key and the password.</summary>
    public void Dispose()
    {
        Key?.Dispose();
        Password?.Dispose();
    }

    /// <summary>The URI without user name, password, key data and other options.</summary>
    public override string ToString() => Build(Endpoint, Encryption, KeyFile);

    // tcp://host, tcp:host and tcp/host; socket:/path keeps its slash.
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
            case "ssl" or "wss":
                throw Error($"The transport {scheme} is not supported: TLS is not spoken here.", "Use tcp:// or ws:// and a port of the server's --bind-tcp or --bind-ws, with encryption=AES.");
            case "ssh":
                throw Error("The transport ssh is not supported.", "Forward a port with ssh -L 10000:localhost:10000 HOST, then use tcp://localhost:10000/.");
            case var unknown when TransportTable.WithScheme(unknown) is null:
                throw Error("The scheme of the URI is not supported.", "Use tcp://HOST:PORT/, ws://HOST:PORT/ or socket:///PATH.");
        }
        if (rest.StartsWith("://", StringComparison.Ordinal))
            return (scheme, rest[3..]);
        if (scheme == Socket && rest.StartsWith(":/", StringComparison.Ordinal))
            return (scheme, rest[1..]);
        if (rest.StartsWith(":/", StringComparison.Ordinal) || rest.StartsWith("//", StringComparison.Ordinal))
            throw Error("The slashes after the scheme of the URI are not two.", $"Write {scheme}://HOST:PORT/.");
        return (scheme, rest[1..]);
    }

    // What follows a # is no option, for any xpra version.
    private static (string Hierarchy, string Query) SplitQuery(string rest)
    {
        var hash = rest.IndexOf('#', StringComparison.Ordinal);
        if (hash >= 0)
            rest = rest[..hash];
        var question = rest.IndexOf('?', StringComparison.Ordinal);
        // Spaces around the whole are no part of it, so that they cannot end an address that is written without its options.
        return question < 0 ? (rest.TrimEnd(' '), "") : (rest[..question].TrimEnd(' '), rest[(question + 1)..]);
    }

    // Options after the slash: xpra 4 separates them by commas and decodes nothing, xpra 5 and later read what follows the first comma like a query.
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

    // host, host:port, [address], [address]:port, address:port; a port of 0 or none is the default one.
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
            throw Error("The host and port of the URI cannot be told apart.", "Write HOST:PORT, with an IPv6 address in brackets.");

        if (host.Length == 0)
            host = "127.0.0.1";
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown && !IsIPv6(host))
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

    private static string? NotEmpty(string text) => text.Length == 0 ? null : text;

    private static XpraAesException Error(string message, string action) => new(XpraErrorId.InvalidUri, message, action);
}
