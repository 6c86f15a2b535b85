using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>What a listener has, and what it passes its clients on to; for the cmdlets that start one and that change one.</summary>
public abstract class GatewayCommand : EncryptionCommand
{
    /// <summary>The secrets that were read; the listener has copies of its own.</summary>
    private protected List<IDisposable> Secrets { get; } = [];

    /// <summary>The xpra server that sessions are passed on to: unix:///run/user/1000/xpra/host-100, tcp://host:port/, ws://host:port/; with encryption= and keyfile= over AES.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? Target { get; set; }

    /// <summary>The key file of the target, in place of keyfile= in its URI; of several the one that fits is taken.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? TargetKeyFile { get; set; }

    /// <summary>Requests that a client may send on to the target before it has proven that it has the key: stop, screenshot, command.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(RequestCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? AllowRequest { get; set; }

    /// <summary>The origins of the pages that may connect: of the browser client, http://localhost:8080.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? AllowOrigin { get; set; }

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        if (Password is not null)
            Secrets.Add(Password);
        if (Target is null && TargetKeyFile is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-TargetKeyFile is given, and no -Target.", "Give -Target too.");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var secret in Secrets)
                secret.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>What the modes other than CBC need, once.</summary>
    private protected void WarnOfStreams(IEnumerable<AesMode> modes)
    {
        if (modes.Any(mode => mode != AesMode.CBC))
            WarnOnce("CTR, GCM and CFB are keystreams: whoever has one salt used twice reads what was sent under it. Give this listener a key of its own, and -StatePath, so that it remembers salts after a restart too; or let in CBC alone, the default.");
    }

    /// <summary>What -Target says; null without. Throws InvalidUri, InvalidOption, KeyMissing and those of key files.</summary>
    private protected TargetOptions? ReadTarget()
    {
        if (Target is null)
            return null;
        var uri = XpraUri.Parse(Target);
        Secrets.Add(uri);
        foreach (var warning in uri.Warnings)
            WarnOnce(warning);
        if (uri.Password is not null)
            throw Refuse(uri, XpraErrorId.InvalidOption, "The URI of the target holds a password, and clients answer the target's challenge themselves.", "Take it out of the URI; a user name alone may stay.");
        if (TargetKeyFile is not null && (uri.Key is not null || uri.KeyFile is not null))
            throw Refuse(uri, XpraErrorId.InvalidOption, "The URI of the target gives a key, and so does -TargetKeyFile.", "Leave one of them out.");
        var keys = TargetKeys(uri);
        if (keys.Count == 0 && uri.Encryption is not null)
            throw Refuse(uri, XpraErrorId.KeyMissing, "The target asks for AES, and has no key.", "Add keyfile= to its URI, or give -TargetKeyFile.");
        if (keys.Count == 0 && uri.Endpoint.Transport != TransportKind.Unix && !IsLoopback(uri.Endpoint.Host))
            WarnOnce($"What goes to {uri.Endpoint} is not encrypted. Add encryption=AES and keyfile= to the target's URI, where the server has AES.");
        return new TargetOptions
        {
            Endpoint = uri.Endpoint,
            UserName = uri.UserName,
            Keys = keys,
            Mode = uri.Encryption ?? AesMode.CBC,
            KeySize = KeySize / 8,
            KeyHash = KeyHash,
            Iterations = Iterations,
        };
    }

    private IReadOnlyList<XpraKey> TargetKeys(XpraUri uri)
    {
        if (uri.Key is not null)
            return [uri.Key];
        var files = uri.KeyFile is not null ? [uri.KeyFile] : TargetKeyFile ?? [];
        var keys = KeyInput.ReadFiles(this, files);
        Secrets.AddRange(keys);
        return keys;
    }

    private static bool IsLoopback(string host) => host == "localhost" || IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address);

    private static XpraAesException Refuse(XpraUri uri, XpraErrorId id, string message, string action)
        => new(id, $"{uri.Endpoint}: {message}", action) { Target = $"{uri.Endpoint}" };
}
