using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>Reads -Target and -AddTarget: a URI, several URIs of which one will do, or a table from the names of routes to those.</summary>
internal sealed class TargetInput(XpraCmdlet cmdlet)
{
    /// <summary>Unencrypted targets to name in the warning about them.</summary>
    private const int ShownTargets = 3;

    private readonly Dictionary<string, IReadOnlyList<XpraKey>> _keys = [];
    private readonly List<XpraEndpoint> _unencrypted = [];

    /// <summary>-TargetKeyFile.</summary>
    public string[]? KeyFile { get; init; }

    /// <summary>The size in bytes of the AES key for the target's leg.</summary>
    public required int KeySize { get; init; }

    /// <summary>The PBKDF2 hash for the target's leg.</summary>
    public required KeyHash KeyHash { get; init; }

    /// <summary>The PBKDF2 iterations for the target's leg.</summary>
    public required int Iterations { get; init; }

    /// <summary>Collects the secrets to dispose of.</summary>
    public required ICollection<IDisposable> Secrets { get; init; }

    /// <summary>Reads -Target: a single server, or routes. Throws InvalidUri, InvalidOption, KeyMissing and the errors of key files.</summary>
    public (TargetOptions? Target, IReadOnlyList<RouteOptions> Routes) Read(object value)
    {
        if (Unwrap(value) is IDictionary table)
            return (null, ReadRoutes(table, "-Target"));
        var uris = Uris(value, "-Target");
        RequireOneTarget(uris.Length == 1);
        TargetOptions[] targets = [.. uris.Select(ReadUri)];
        WarnAboutUnencrypted();
        return targets is [var single] ? (single, []) : (null, [new RouteOptions { Name = RouteName.Every, Targets = targets }]);
    }

    /// <summary>Reads a table of routes. Throws as <see cref="Read"/>.</summary>
    public IReadOnlyList<RouteOptions> ReadRoutes(IDictionary table, string parameter)
    {
        RequireOneTarget(false);
        var routes = new List<RouteOptions>(table.Count);
        foreach (DictionaryEntry entry in table)
        {
            var name = Text(entry.Key) ?? throw NotText(parameter, "a name");
            routes.Add(new RouteOptions { Name = RouteName.Parse(name).ToString(), Targets = [.. Uris(entry.Value, $"{parameter}, route '{PeerIdentification.Sanitize(name)}'").Select(ReadUri)] });
        }
        WarnAboutUnencrypted();
        return routes;
    }

    private void RequireOneTarget(bool isOne)
    {
        if (KeyFile is not null && !isOne)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-TargetKeyFile is for a single target.", "With several, write keyfile= in each URI.");
    }

    private TargetOptions ReadUri(string text)
    {
        var uri = XpraUri.Parse(text);
        Secrets.Add(uri);
        foreach (var warning in uri.Warnings)
            cmdlet.WarnOnce(warning);
        if (uri.Password is not null)
            throw Error(uri, XpraErrorId.InvalidOption, "The URI of the target contains a password, but clients answer the target's challenge themselves.", "Remove it from the URI; a user name alone may stay.");
        if (KeyFile is not null && (uri.Key is not null || uri.KeyFile is not null))
            throw Error(uri, XpraErrorId.InvalidOption, "Both the URI of the target and -TargetKeyFile give a key.", "Leave one of them out.");
        var keys = Keys(uri);
        if (keys.Count == 0 && (uri.Encryption is not null || uri.Endpoint.Transport == TransportKind.TlsPsk))
            throw Error(uri, XpraErrorId.KeyMissing, "The target's URI asks for encryption, but there is no key.", "Add keyfile= to its URI, or give -TargetKeyFile.");
        var endpoint = CertificateInput.ResolveTrust(cmdlet, uri.Endpoint);
        var isPrivate = endpoint.IsLocal || IsLoopback(endpoint.Host) || endpoint is { HasCertificate: true, Trust: null or { VerifiesServer: true } };
        if (keys.Count == 0 && !isPrivate)
            _unencrypted.Add(uri.Endpoint);
        return new TargetOptions
        {
            Endpoint = endpoint,
            UserName = uri.UserName,
            SessionName = uri.SessionName,
            Keys = keys,
            Mode = uri.Encryption ?? AesMode.CBC,
            KeySize = KeySize,
            KeyHash = KeyHash,
            Iterations = Iterations,
        };
    }

    private void WarnAboutUnencrypted()
    {
        if (_unencrypted.Count == 0)
            return;
        var others = _unencrypted.Count > ShownTargets ? string.Create(CultureInfo.InvariantCulture, $" and {_unencrypted.Count - ShownTargets} others") : "";
        cmdlet.WarnOnce($"The connection to {string.Join(", ", _unencrypted.Take(ShownTargets))}{others} is not encrypted. If the server has AES on, add encryption=AES and keyfile= to the target's URI.");
        _unencrypted.Clear();
    }

    /// <summary>The keys of a target; a file is read once, as thousands of routes may share it.</summary>
    private IReadOnlyList<XpraKey> Keys(XpraUri uri)
    {
        if (uri.Key is not null)
            return [uri.Key];
        var files = uri.KeyFile is not null ? [uri.KeyFile] : KeyFile ?? [];
        var name = string.Join('\n', files);
        if (!_keys.TryGetValue(name, out var keys))
        {
            keys = _keys[name] = KeyInput.ReadFiles(cmdlet, files);
            foreach (var key in keys)
                Secrets.Add(key);
        }
        return keys;
    }

    private static string[] Uris(object? value, string where)
    {
        value = Unwrap(value);
        string?[] uris = value is IEnumerable and not string and not IDictionary ? [.. ((IEnumerable)value).Cast<object?>().Select(Text)] : [Text(value)];
        return uris.Length > 0 && !uris.Any(string.IsNullOrWhiteSpace) ? [.. uris.OfType<string>()] : throw NotText(where, "a URI");
    }

    /// <summary>Text and numbers. Not the text of any object: that of a key is the key, which an error would show.</summary>
    private static string? Text(object? value) => Unwrap(value) switch
    {
        string text => text,
        int or long => Convert.ToString(Unwrap(value), CultureInfo.InvariantCulture),
        _ => null,
    };

    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private static XpraAesException NotText(string where, string what)
        => new(XpraErrorId.InvalidOption, $"{where}: something there is not {what}.", "Give a URI, several URIs, or a table of names and URIs: @{ 'glxgears' = 'unix:///run/user/1000/xpra/host-100'; '*' = 'tcp://a:14500/', 'tcp://b:14500/' }.");

    private static bool IsLoopback(string host) => host == "localhost" || IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address);

    private static XpraAesException Error(XpraUri uri, XpraErrorId id, string message, string action)
        => new(id, $"{uri.Endpoint}: {message}", action) { Target = $"{uri.Endpoint}" };
}
