using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Unicode;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>
/// Session files, such as <c>ada.xpra</c>: lines <c>name=value</c> that xpra's launcher connects by when a person double-clicks the file
/// (client/gtk3/launcher.py and scripts/config.py; client/gtk_base/client_launcher.py in 3.1). A file may come by mail, from anyone: of what
/// it says, only where the server is and how to encrypt is followed.
/// </summary>
internal sealed class SessionFile
{
    private const string
        Host = "host",
        Port = "port",
        Mode = "mode",
        UrlPath = "path",
        UserName = "username",
        Encryption = "encryption",
        KeyFile = "encryption-keyfile",
        VerifyMode = "ssl-server-verify-mode";

    /// <summary>The launcher's names for TCP with AES; anything after it is the mode.</summary>
    private const string TcpWithAes = "tcp + aes";

    private const int MaxNamesShown = 10;

    // 3.1 has the older names too.
    private static readonly string[] s_encryption = [Encryption, "tcp-encryption"], s_keyFile = [KeyFile, "tcp-encryption-keyfile"];

    private static readonly string[] s_trust = ["ssl-ca-certs", VerifyMode, "ssl-server-hostname"];

    private static readonly string[] s_passwords = ["password", "proxy_password"];

    /// <summary>What else the launcher saves: how it shows windows, whether it waits for a click, and how to go by ssh.</summary>
    private static readonly string[] s_harmless =
        ["autoconnect", "encoding", "quality", "min-quality", "speed", "min-speed", "ssh_port", "proxy_port", "proxy_username", "proxy_key", "proxy_host"];

    private SessionFile(XpraUri uri, IReadOnlyList<string> warnings)
    {
        Uri = uri;
        Warnings = warnings;
    }

    /// <summary>The server, its encryption, the key file and the user name. The caller disposes of it.</summary>
    public XpraUri Uri { get; }

    /// <summary>What the file has that is not followed; never a value.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Reads a session file.</summary>
    /// <exception cref="XpraAesException">SessionFileUnusable.</exception>
    public static SessionFile Read(string path)
    {
        try
        {
            using var content = SecretFile.Read(path, "session file", out _);
            if (content.Length > Limits.KeyFileSize)
                throw Error($"is larger than {Limits.KeyFileSize} bytes", "Check the path: a session file has a few short lines.");
            if (!Utf8.IsValid(content.Span))
                throw Error("is not text in UTF-8", "Check the path, or write the file again with Export-XpraSessionFile.");
            return Parse(Encoding.UTF8.GetString(content.Span).TrimStart('\uFEFF'));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or ArgumentException)
        {
            throw At(path, Error("does not exist", "Check the path.", e));
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw At(path, Error($"cannot be read: {e.Message}", "Give the path of a session file that you may read.", e));
        }
        catch (NotSupportedException e)
        {
            throw At(path, Error(e.Message, "Give the path of a regular file.", e));
        }
        catch (XpraAesException e)
        {
            throw At(path, e);
        }
    }

    /// <summary>The content of a session file, with paths but without a key or password. It connects by itself unless the person has to type a password first.</summary>
    /// <param name="endpoint">The server.</param>
    /// <param name="mode">The AES mode; CBC, which every version has, is called AES.</param>
    /// <param name="keyFile">The path of the key file where the session file will be used.</param>
    /// <param name="passwordFile">The path of a password file there; null for none.</param>
    /// <param name="asksPassword">Whether the server asks for a password.</param>
    /// <param name="userName">The user name; null for that of the person's account.</param>
    /// <exception cref="XpraAesException">InvalidOption: the launcher cannot do that.</exception>
    public static string Write(XpraEndpoint endpoint, AesMode mode, string keyFile, string? passwordFile, bool asksPassword, string? userName)
    {
        var scheme = TransportTable.Of(endpoint.Transport).Scheme;
        if (!IsMode(endpoint.Transport))
            throw Cannot($"xpra's launcher does not connect to {scheme}://.", "Use tcp, ws, ssl or wss. On the person's machine, Connect-XpraAes -LocalPort can lead from tcp to the others.");
        var types = asksPassword && passwordFile is null;
        if (types && endpoint.Transport != TransportKind.Tcp)
            throw Cannot($"With {scheme}, xpra's launcher omits AES if a person has to press Connect, as they do to type a password.", "Give -PasswordFile, or use tcp.");
        var text = new StringBuilder();
        Add(Mode, scheme);
        Add(Host, endpoint.Host);
        Add(Port, endpoint.Port.ToString(CultureInfo.InvariantCulture));
        if (endpoint.Path is { Length: > 1 } path)
            Add(UrlPath, path[1..]);
        if (userName is not null)
            Add(UserName, userName);
        Add(Encryption, mode == AesMode.CBC ? "AES" : $"AES-{mode}");
        Add(KeyFile, keyFile);
        if (passwordFile is not null)
            Add("password-file", passwordFile);
        if (endpoint.Trust is { } trust)
        {
            if (trust.Fingerprint is not null)
                throw Cannot("xpra cannot pin a certificate by its fingerprint.", "Give ssl-ca-certs= with the certificate instead.");
            if (!trust.VerifiesServer)
                throw Cannot("A session file must not turn off the verification of the server.", "Give ssl-ca-certs= with its certificate instead of ssl-server-verify-mode=none.");
            if (trust.AuthorityFile is { } file)
                Add("ssl-ca-certs", file);
            if (trust.HostName is { } name)
                Add("ssl-server-hostname", name);
        }
        Add("autoconnect", types ? "no" : "yes");
        return text.ToString();

        void Add(string name, string value)
        {
            // The launcher strips white space, joins lines that end in a backslash, and has no quotes or escapes.
            if (value.Length == 0 || value != value.Trim() || value.EndsWith('\\') || value.Any(char.IsControl))
                throw Cannot($"xpra's launcher would misread the {name}.", "Avoid control characters, white space at its ends, and a backslash at its end.");
            text.Append(CultureInfo.InvariantCulture, $"{name}={value}\n");
        }

        XpraAesException Cannot(string message, string action) => new(XpraErrorId.InvalidOption, $"{endpoint}: {message}", action) { Target = $"{endpoint}" };
    }

    /// <summary>The same path, if it is not one that Windows would send the user's credentials to another machine for.</summary>
    /// <exception cref="XpraAesException">SessionFileUnusable.</exception>
    public static string RequireLocal(string sessionFile, string fullPath)
        => fullPath is ['\\' or '/', '\\' or '/', ..]
            ? throw At(sessionFile, Error("names a file on another machine", "Copy that file to this machine, and give -KeyFile."))
            : fullPath;

    /// <summary>The error that a key file which a session file names is not used.</summary>
    public static XpraAesException RefusedKey(string sessionFile, string keyFile, KeyProblem problem)
        => At(sessionFile, Error($"names the key file {keyFile}, which is not used. {problem.Message}", "Whoever wrote the session file may know or guess that key. Correct this, or give -KeyFile if you trust both."));

    private static SessionFile Parse(string text)
    {
        var lines = PairsIn(text).ToList();
        var values = lines.ToLookup(pair => pair.Name, pair => pair.Value);
        var (transport, mode) = TransportOf(One(Mode) ?? "tcp");
        var host = One(Host)?.Trim('[', ']') ?? throw Error("has no host", "Write host=NAME.");
        if (!XpraUri.IsHost(host))
            throw Error("has a host that is not a host name or address", "Write host=NAME, without a user or port.");
        var endpoint = new XpraEndpoint(transport, host.ToLowerInvariant(), PortOf(One(Port)) ?? TransportTable.Of(transport).DefaultPort, PathOf(transport, One(UrlPath)));
        var options = new OptionSet(XpraErrorId.SessionFileUnusable);
        Follow("encryption", s_encryption.Select(One).Prepend(mode));
        Follow("keyfile", s_keyFile.Select(One));
        Follow("username", [One(UserName)]);
        if (endpoint.HasCertificate)
        {
            if (One(VerifyMode) == "none")
                throw Error($"turns off the verification of the server ({VerifyMode}=none)", "Remove that line. If you do not need the verification, give the URI instead of the file.");
            foreach (var name in s_trust)
                Follow(name, [One(name)]);
        }
        return new SessionFile(XpraUri.Create(endpoint, options), WarningsAbout(lines.Where(pair => pair.Value.Length > 0).Select(pair => pair.Name).Distinct()));

        string? One(string name) => values[name].ToList() switch
        {
            [] or [""] => null,
            // Paths are shown in messages, and must not drive the terminal.
            [var value] when value.Any(c => char.IsControl(c) || char.GetUnicodeCategory(c) == UnicodeCategory.Format) => throw Error($"has a control character in {name}=", "Remove it."),
            [var value] => value,
            _ => throw Error($"has {name}= more than once", "Write it once."),
        };

        void Follow(string name, IEnumerable<string?> candidates)
        {
            if (candidates.FirstOrDefault(value => value is not null) is { } value)
                options.Add(name, value);
        }
    }

    /// <summary>As the launcher takes a file apart.</summary>
    private static IEnumerable<(string Name, string Value)> PairsIn(string text)
    {
        var line = "";
        using var reader = new StringReader(text);
        while (reader.ReadLine() is { } next)
        {
            next = next.Trim();
            if (next.Length == 0 || next[0] is '#' or '!')
                continue;
            if (next.EndsWith('\\'))
            {
                line += $"{next[..^1]} ";
                continue;
            }
            line += next;
            if (Pair(line) is { } pair)
                yield return pair;
            line = "";
        }
        if (Pair(line) is { } last)
            yield return last;

        static (string Name, string Value)? Pair(string line)
            => line.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals ? (line[..equals].Trim(), line[(equals + 1)..].Trim()) : null;
    }

    private static (TransportKind Transport, string? Encryption) TransportOf(string mode)
    {
        var name = mode.ToLowerInvariant();
        if (name.StartsWith(TcpWithAes, StringComparison.Ordinal))
            return (TransportKind.Tcp, $"AES{name[TcpWithAes.Length..]}");
        return TransportTable.WithScheme(name) is { } transport && IsMode(transport.Kind)
            ? (transport.Kind, null)
            : throw Error("has a mode other than tcp, ws, ssl and wss", "For ssh, forward a port with ssh -L and write mode=tcp.");
    }

    private static bool IsMode(TransportKind kind) => kind is TransportKind.Tcp or TransportKind.WebSocket or TransportKind.Tls or TransportKind.WebSocketTls;

    // The launcher writes -1 where there is none.
    private static int? PortOf(string? text)
    {
        if (text is null or "0" or "-1")
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= IPEndPoint.MaxPort
            ? port
            : throw Error("has a port that is not a number from 1 to 65535", "Write port=10000.");
    }

    private static string? PathOf(TransportKind transport, string? text)
    {
        if (text is null || transport is not (TransportKind.WebSocket or TransportKind.WebSocketTls))
            return null;
        return text.All(c => c is > ' ' and < '\u007f' and not ('?' or '#')) ? $"/{text.TrimStart('/')}" : throw Error("has a path with other characters than a URI's", "Percent-encode them.");
    }

    private static List<string> WarningsAbout(IEnumerable<string> names)
    {
        string[] followed = [Host, Port, Mode, UrlPath, UserName, .. s_encryption, .. s_keyFile, .. s_trust];
        var others = names.Except(followed).Except(s_harmless).ToList();
        var warnings = new List<string>();
        if (others.RemoveAll(s_passwords.Contains) > 0)
            warnings.Add("holds a password, which is not used: remove it, and give -Credential.");
        if (others.Count > 0)
        {
            var shown = others.Take(MaxNamesShown).Select(name => name.Length <= 40 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? name : "another");
            warnings.Add($"also has {string.Join(", ", shown.Distinct())}{(others.Count > MaxNamesShown ? " and more" : "")}, which are not followed here. xpra's launcher would follow them, and some run programs or read files.");
        }
        return warnings;
    }

    private static XpraAesException Error(string what, string action, Exception? inner = null) => new(XpraErrorId.SessionFileUnusable, what, action, inner);

    private static XpraAesException At(string path, XpraAesException e)
        => new(XpraErrorId.SessionFileUnusable, $"The session file {path} {(e.Id == XpraErrorId.SessionFileUnusable ? $"{e.Message.TrimEnd('.')}." : $"is wrong: {e.Message}")}", e.RecommendedAction, e) { Target = path };
}
