using System.Globalization;
using System.Management.Automation;
using System.Security;
using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>Parameters of the cmdlets that start or change a listener, including its target.</summary>
public abstract class GatewayCommand : EncryptionCommand
{
    private TargetInput? _targetInput;

    /// <summary>The secrets that were read and are disposed of with the cmdlet; the listener has its own copies.</summary>
    private protected List<IDisposable> Secrets { get; } = [];

    /// <summary>The xpra server to forward sessions to: unix:///run/user/1000/xpra/host-100, named-pipe://name, tcp://host:port/, ws://host:port/; with encryption= and keyfile= over AES. Several: the first that can be connected to. A table: which sessions go where, by session, user, key or bind.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public object? Target { get; set; }

    /// <summary>The single target's key file, instead of keyfile= in its URI; of several, the one that fits is used.</summary>
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

    /// <summary>Reads the parameters that name targets.</summary>
    private protected TargetInput TargetInput => _targetInput ??= new TargetInput(this) { KeyFile = TargetKeyFile, KeySize = KeySize / 8, KeyHash = KeyHash, Iterations = Iterations, Secrets = Secrets };

    /// <summary>What sessions are forwarded to, in words, for messages; empty for nothing.</summary>
    private protected static string Describe(TargetOptions? target, IReadOnlyList<RouteOptions> routes) => (target, routes) switch
    {
        (not null, _) => $"{target}{(target.Keys.Count == 0 ? "" : $" {target.Encryption}")}",
        (_, []) => "",
        (_, [{ Name: RouteName.Every } only]) => string.Join(" or ", only.Targets),
        _ => string.Create(CultureInfo.InvariantCulture, $"{routes.Count} routes"),
    };

    /// <summary>Warns about targets and routes that can be used against their owner.</summary>
    /// <param name="binds">The new options of the binds that have them.</param>
    /// <param name="fingerprints">The keys of all the listener's binds.</param>
    private protected void WarnAboutTargets(IReadOnlyCollection<ListenerOptions> binds, IEnumerable<string?> fingerprints)
    {
        // An end with a pre-shared key cannot tell its peer from itself (RFC 9257 calls it the Selfie attack).
        foreach (var bind in binds.Where(bind => bind.Allows(TransportKind.TlsPsk)))
        {
            TargetOptions[] targets = [.. bind.Targets.Where(target => target.Endpoint.Transport == TransportKind.TlsPsk)];
            // Fingerprints take a while, so only where they matter.
            var own = targets.Length > 0 ? KeysOf(bind).ToHashSet() : [];
            if (targets.FirstOrDefault(target => target.Keys.Any(key => own.Contains(key.Fingerprint))) is { } same)
                WarnOnce($"The listener and its target {same} have the same key: someone on the way could lead the gateway back to itself. Give the target a key of its own.");
        }
        RouteName[] names = [.. binds.SelectMany(bind => bind.Routes).Select(route => route.Parsed)];
        if (names.Any(name => name.Kind == RouteOwner.User) && binds.Any(bind => bind.Password is null || string.IsNullOrEmpty(bind.UserName)))
            WarnOnce("The user name in a route is what the client says, and everyone who has the key can say it. To keep users apart, give each a key of their own, and write key:FINGERPRINT/ in the route.");
        if (names.Any(name => name.DependsOnHello) && binds.Any(bind => bind.Password is null && !bind.IsSealedOnly))
            WarnOnce("Names are looked up once a client has proven its key. xpra's own clients are asked for a password for that, and any will do, such as x in tcp://USER:x@HOST:PORT/NAME. Give -PasswordFile for one that is checked.");
        RouteName[] forKeys = [.. names.Where(name => name.Kind == RouteOwner.Key)];
        var known = forKeys.Length > 0 ? fingerprints.Concat(binds.SelectMany(KeysOf)).ToHashSet() : [];
        if (forKeys.FirstOrDefault(name => !known.Contains(name.Owner)) is { Kind: RouteOwner.Key } stranger)
            WarnOnce($"The route '{stranger}' is for a key that this listener does not have, so nobody can use it.");
    }

    private static IEnumerable<string> KeysOf(ListenerOptions bind) => bind.OtherKeys.Append(bind.Key).OfType<XpraKey>().Select(key => key.Fingerprint);

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
}
