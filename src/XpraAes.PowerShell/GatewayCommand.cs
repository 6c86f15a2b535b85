using System.Management.Automation;
using System.Net;
using System.Security;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>Parameters of the cmdlets that start or change a listener, including its target.</summary>
public abstract class GatewayCommand : EncryptionCommand
{
    /// <summary>The secrets that were read and are disposed of with the cmdlet; the listener has its own copies.</summary>
    private protected List<IDisposable> Secrets { get; } = [];

    /// <summary>The xpra server to forward sessions to: unix:///run/user/1000/xpra/host-100, named-pipe://name, tcp://host:port/, ws://host:port/; with encryption= and keyfile= over AES.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? Target { get; set; }

    /// <summary>The target's key file, instead of keyfile= in its URI; of several, the one that fits is used.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? TargetKeyFile { get; set; }

    /// <summary>Requests that are forwarded to the target before the client has proven the key: stop, screenshot, command.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(RequestCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? AllowRequest { get; set; }

    /// <summary>The origins of web pages that may connect, such as http://localhost:8080 for the browser client.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? AllowOrigin { get; set; }

    /// <summary>The certificate for TLS on the same port: the path of a PFX or PEM file with its private key, a path in Cert:\, an X509Certificate2, or the output of New-XpraAesCertificate.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? Certificate { get; set; }

    /// <summary>The file with the certificate's private key in PEM, if it has its own.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? CertificateKeyFile { get; set; }

    /// <summary>The password of the certificate's private key.</summary>
    [Parameter]
    [ValidateNotNull]
    public SecureString? CertificatePassword { get; set; }

    /// <summary>The folder with the browser client's files, served on the same port; with -Certificate and -Target, by default where xpra's packages install it. Empty for none.</summary>
    [Parameter]
    [TextOnly]
    [AllowEmptyString]
    public string? WebRoot { get; set; }

    /// <summary>The transports that clients may use: Tcp, WebSocket, TlsPsk, and with -Certificate Tls and WebSocketTls; all of them by default.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public TransportKind[]? Transport { get; set; }

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        if (Password is not null)
            Secrets.Add(Password);
        if (Target is null && TargetKeyFile is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-TargetKeyFile requires -Target.", "Give -Target too.");
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

    /// <summary>Warns once about what modes other than CBC need.</summary>
    private protected void WarnAboutKeystreams(IEnumerable<AesMode> modes)
    {
        if (modes.Any(mode => mode != AesMode.CBC))
            WarnOnce("CTR, GCM and CFB are keystream modes: what was sent under a salt that is used twice can be read. Give this listener a key of its own, and -StatePath, so that it remembers salts across restarts; or accept only CBC, the default.");
    }

    /// <summary>Reads -Target; null if not given. Throws InvalidUri, InvalidOption, KeyMissing and the errors of key files.</summary>
    private protected TargetOptions? ReadTarget()
    {
        if (Target is null)
            return null;
        var uri = XpraUri.Parse(Target);
        Secrets.Add(uri);
        foreach (var warning in uri.Warnings)
            WarnOnce(warning);
        if (uri.Password is not null)
            throw Error(uri, XpraErrorId.InvalidOption, "The URI of the target contains a password, but clients answer the target's challenge themselves.", "Remove it from the URI; a user name alone may stay.");
        if (TargetKeyFile is not null && (uri.Key is not null || uri.KeyFile is not null))
            throw Error(uri, XpraErrorId.InvalidOption, "Both the URI of the target and -TargetKeyFile give a key.", "Leave one of them out.");
        var keys = TargetKeys(uri);
        if (keys.Count == 0 && (uri.Encryption is not null || uri.Endpoint.Transport == TransportKind.TlsPsk))
            throw Error(uri, XpraErrorId.KeyMissing, "The target's URI asks for encryption, but there is no key.", "Add keyfile= to its URI, or give -TargetKeyFile.");
        var endpoint = CertificateInput.ResolveTrust(this, uri.Endpoint);
        var isPrivate = endpoint.IsLocal || IsLoopback(endpoint.Host) || endpoint is { HasCertificate: true, Trust: null or { VerifiesServer: true } };
        if (keys.Count == 0 && !isPrivate)
            WarnOnce($"The connection to {uri.Endpoint} is not encrypted. If the server has AES on, add encryption=AES and keyfile= to the target's URI.");
        return new TargetOptions
        {
            Endpoint = endpoint,
            UserName = uri.UserName,
            Keys = keys,
            Mode = uri.Encryption ?? AesMode.CBC,
            KeySize = KeySize / 8,
            KeyHash = KeyHash,
            Iterations = Iterations,
        };
    }

    /// <summary>Reads -Certificate; null if not given. Throws CertificateUnusable, InvalidOption.</summary>
    private protected ServerCertificate? ReadCertificate()
    {
        if (Certificate is null)
        {
            return CertificateKeyFile is null && CertificatePassword is null ? null
                : throw new XpraAesException(XpraErrorId.InvalidOption, "-CertificateKeyFile and -CertificatePassword require -Certificate.", "Give -Certificate too.");
        }
        var certificate = CertificateInput.Resolve(this, Certificate, CertificateKeyFile, CertificatePassword);
        Secrets.Add(certificate);
        return certificate;
    }

    /// <summary>The full path of -WebRoot; null if it is not given, or empty. Warns if others can change its files.</summary>
    private protected string? ReadWebRoot()
    {
        if (string.IsNullOrEmpty(WebRoot))
            return null;
        var folder = FilePath.Resolve(this, WebRoot);
        foreach (var problem in Listening.WebRoot.ProblemsOf(folder))
            WarnOnce($"{problem.Message} {problem.RecommendedAction}");
        return folder;
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

    private static XpraAesException Error(XpraUri uri, XpraErrorId id, string message, string action)
        => new(id, $"{uri.Endpoint}: {message}", action) { Target = $"{uri.Endpoint}" };
}
