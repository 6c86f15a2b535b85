using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using XpraAes.Keys;
using XpraAes.Logging;

namespace XpraAes;

/// <summary>A TLS server's certificate with its private key. One from files is read again when they have changed, so that a renewed one is taken up without a restart.</summary>
public sealed class ServerCertificate : IDisposable
{
    /// <summary>How often files are looked at, at most; arbitrary.</summary>
    private static readonly TimeSpan s_checkInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_warningInterval = TimeSpan.FromDays(1);

    private readonly object _gate = new();
    private readonly string? _keyPath;
    private readonly SecretBuffer? _password;
    private readonly TimeProvider _clock;
    private State _state;
    private long _checked;
    private long _warned;

    private ServerCertificate(State state, string? path, string? keyPath, SecretBuffer? password, TimeProvider clock)
    {
        _state = state;
        Path = path;
        _keyPath = keyPath;
        _password = password;
        _clock = clock;
        _checked = clock.GetTimestamp();
    }

    /// <summary>How long before it expires a certificate warrants a warning.</summary>
    public static TimeSpan ExpiryWarning { get; } = TimeSpan.FromDays(14);

    /// <summary>The file that it was read from; null for one given as an object.</summary>
    public string? Path { get; }

    /// <summary>Whom it is for, as it names itself.</summary>
    public string Subject => _state.Leaf.Subject;

    /// <summary>The DNS names and addresses that it is for.</summary>
    public IReadOnlyList<string> DnsName => NamesIn(_state.Leaf);

    /// <summary>Its SHA-256 in hex, in pairs with colons between them: what a browser shows, and what <c>ssl-fingerprint=</c> takes.</summary>
    public string Fingerprint => FormatFingerprint(_state.Leaf.GetCertHashString(HashAlgorithmName.SHA256));

    /// <summary>The end of its validity.</summary>
    public DateTimeOffset NotAfter => _state.Leaf.NotAfter;

    /// <summary>The certificate in PEM, without its private key: for clients that are to trust it.</summary>
    public string Pem => _state.Leaf.ExportCertificatePem();

    /// <summary>What is wrong with its files: who else can read or replace them.</summary>
    public IReadOnlyList<KeyProblem> Problems => _state.Problems;

    /// <summary>What <see cref="SslStream"/> serves it with.</summary>
    internal SslStreamCertificateContext Context => Volatile.Read(ref _state).Context;

    /// <summary>Whether it expires soon, or has expired.</summary>
    internal bool ExpiresSoon => NotAfter - _clock.GetUtcNow() < ExpiryWarning;

    /// <summary>Reads a PFX (PKCS#12) or PEM file. In PEM, the first certificate is the server's, and others are those of its issuers.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keyPath">The file with the private key in PEM; null if it is in the same file.</param>
    /// <param name="password">The password of the PFX or of the private key; null for none. It is copied.</param>
    /// <exception cref="XpraAesException">CertificateUnusable.</exception>
    public static ServerCertificate FromFile(string path, string? keyPath = null, SecretBuffer? password = null) => FromFile(path, keyPath, password, TimeProvider.System);

    internal static ServerCertificate FromFile(string path, string? keyPath, SecretBuffer? password, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(path);
        return new ServerCertificate(State.Read(path, keyPath, password), path, keyPath, password?.Clone(), clock);
    }

    /// <summary>Takes a certificate with its private key, which may be one of Windows' certificate store. It is copied.</summary>
    /// <exception cref="XpraAesException">CertificateUnusable if it has no private key.</exception>
    public static ServerCertificate From(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        return new ServerCertificate(State.Create(new X509Certificate2(certificate), [], [], default, certificate.Subject), null, null, null, TimeProvider.System);
    }

    /// <summary>A copy with its own lifetime, which looks at the files by itself.</summary>
    public ServerCertificate Clone() => new(Volatile.Read(ref _state), Path, _keyPath, _password?.Clone(), _clock);

    /// <summary>Whom it is for, and until when.</summary>
    public override string ToString() => $"{Subject}, valid until {NotAfter:yyyy-MM-dd}, SHA-256 {Fingerprint}";

    /// <summary>Zeroes the password. The certificate itself may still be in use by a handshake.</summary>
    public void Dispose() => _password?.Dispose();

    /// <summary>Reads the files again if they have changed; if that fails, the certificate stays as it is, and the next look tries again. Warns once a day of one that expires soon.</summary>
    internal void Refresh(ILogger log)
    {
        if (!Monitor.TryEnter(_gate))
            return;
        try
        {
            if (Path is not null && _clock.GetElapsedTime(_checked) >= s_checkInterval)
            {
                _checked = _clock.GetTimestamp();
                ReadIfChanged(Path, log);
            }
            if (ExpiresSoon && (_warned == 0 || _clock.GetElapsedTime(_warned) >= s_warningInterval))
            {
                _warned = _clock.GetTimestamp();
                Log.CertificateExpires(log, Subject, NotAfter);
            }
        }
        finally
        {
            Monitor.Exit(_gate);
        }
    }

    /// <summary>The names and addresses in a certificate's subjectAltName; its common name if it has none.</summary>
    internal static IReadOnlyList<string> NamesIn(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString()))).ToArray();
        return names.Length > 0 ? names : [certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)];
    }

    /// <summary>Hex digits in pairs, with colons between them.</summary>
    internal static string FormatFingerprint(string hex) => string.Join(':', hex.Chunk(2).Select(pair => new string(pair)));

    private void ReadIfChanged(string path, ILogger log)
    {
        try
        {
            var stamp = Stamp.Of(path, _keyPath);
            if (stamp == _state.Stamp)
                return;
            Volatile.Write(ref _state, State.Read(path, _keyPath, _password));
            _warned = 0;
            Log.CertificateRenewed(log, path, Subject, NotAfter, Fingerprint);
            foreach (var problem in Problems)
                Log.CertificateProblem(log, $"{problem.Message} {problem.RecommendedAction}");
        }
        catch (Exception e) when (e is XpraAesException or IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            Log.CertificateNotRenewed(log, path, e.Message);
        }
    }

    /// <summary>What shows that files have changed.</summary>
    private readonly record struct Stamp(DateTime Certificate, long Size, DateTime Key)
    {
        public static Stamp Of(string path, string? keyPath)
        {
            var file = new FileInfo(path);
            return new(file.LastWriteTimeUtc, file.Exists ? file.Length : -1, keyPath is null ? default : File.GetLastWriteTimeUtc(keyPath));
        }
    }

    /// <summary>A certificate as read at one time.</summary>
    private sealed record State(X509Certificate2 Leaf, SslStreamCertificateContext Context, IReadOnlyList<KeyProblem> Problems, Stamp Stamp)
    {
        private const string What = "certificate file";

        public static State Read(string path, string? keyPath, SecretBuffer? password)
        {
            var stamp = Stamp.Of(path, keyPath); // before it is read, so that a change meanwhile is seen later
            try
            {
                using var content = ReadFile(path, out var problems);
                if (!content.Span.StartsWith("-----BEGIN"u8) && content.Span.IndexOf("\n-----BEGIN"u8) < 0)
                    return ReadPfx(path, content, password, problems, stamp);
                IReadOnlyList<KeyProblem> keyProblems = [];
                using var key = keyPath is null ? null : ReadFile(keyPath, out keyProblems);
                // A certificate without its key may be read by everyone.
                return ReadPem(path, content, key ?? content, password, keyPath is null ? problems : keyProblems, stamp);
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                throw Unusable(path, $"The certificate in {path} cannot be used: {e.Message.TrimEnd('.')}.",
                    "Give a PFX, or PEM with certificate and private key, which belong together; and the password (-CertificatePassword), if it has one.", e);
            }
        }

        public static State Create(X509Certificate2 leaf, X509Certificate2Collection others, IReadOnlyList<KeyProblem> problems, Stamp stamp, string name)
        {
            if (!leaf.HasPrivateKey)
                throw Unusable(name, $"The certificate {name} has no private key here.", "Give a PFX, or a PEM file with both; or the key's own file with -CertificateKeyFile (ssl-key= in bind options).");
            // Windows' TLS takes no key that is only in memory.
            if (OperatingSystem.IsWindows() && stamp != default)
                leaf = new X509Certificate2(leaf.Export(X509ContentType.Pkcs12), (string?)null, X509KeyStorageFlags.Exportable);
            return new State(leaf, SslStreamCertificateContext.Create(leaf, others, offline: true), problems, stamp);
        }

        private static State ReadPfx(string path, SecretBuffer content, SecretBuffer? password, IReadOnlyList<KeyProblem> problems, Stamp stamp)
        {
            var all = new X509Certificate2Collection();
            using (var text = new Text(password))
                all.Import(content.Span, text.Span, OperatingSystem.IsWindows() ? X509KeyStorageFlags.Exportable : X509KeyStorageFlags.EphemeralKeySet);
            var leaf = all.FirstOrDefault(certificate => certificate.HasPrivateKey) ?? all.FirstOrDefault()
                ?? throw Unusable(path, $"{path} holds no certificate.", "Give a PFX, or a PEM file.");
            all.Remove(leaf);
            return Create(leaf, all, problems, stamp, path);
        }

        private static State ReadPem(string path, SecretBuffer content, SecretBuffer key, SecretBuffer? password, IReadOnlyList<KeyProblem> problems, Stamp stamp)
        {
            using var certificates = new Text(content);
            using var keyText = new Text(key);
            using var passwordText = new Text(password);
            var all = new X509Certificate2Collection();
            all.ImportFromPem(certificates.Span);
            if (all.Count == 0)
                throw Unusable(path, $"{path} holds no certificate.", "Give a PFX, or a PEM file.");
            var issuers = new X509Certificate2Collection(all.Skip(1).ToArray());
            if (keyText.Span.IndexOf("PRIVATE KEY-----") < 0)
                return Create(all[0], issuers, problems, stamp, path);
            var leaf = password is null
                ? X509Certificate2.CreateFromPem(certificates.Span, keyText.Span)
                : X509Certificate2.CreateFromEncryptedPem(certificates.Span, keyText.Span, passwordText.Span);
            return Create(leaf, issuers, problems, stamp, path);
        }

        private static SecretBuffer ReadFile(string path, out IReadOnlyList<KeyProblem> problems)
        {
            try
            {
                var content = SecretFile.Read(path, What, out problems);
                if (content.Length <= Limits.KeyFileSize)
                    return content;
                content.Dispose();
                throw Unusable(path, $"The certificate file {path} is larger than {Limits.KeyFileSize} bytes.", "Check the path.");
            }
            catch (NotSupportedException e)
            {
                throw Unusable(path, $"{path} {e.Message}.", "Give the path of a regular file.", e);
            }
            catch (Exception e) when (e is UnauthorizedAccessException or IOException or ArgumentException)
            {
                throw Unusable(path, $"The certificate file {path} cannot be read: {e.Message}", "Check the path and who may read it.", e);
            }
        }

        private static XpraAesException Unusable(string path, string message, string action, Exception? inner = null)
            => new(XpraErrorId.CertificateUnusable, message, action, inner) { Target = path };
    }

    /// <summary>The text of secret bytes in UTF-8, pinned, and zeroed when disposed of; empty for none.</summary>
    private readonly struct Text : IDisposable
    {
        private readonly char[] _characters;

        public Text(SecretBuffer? secret)
        {
            _characters = secret is null ? [] : GC.AllocateUninitializedArray<char>(Encoding.UTF8.GetCharCount(secret.Span), pinned: true);
            if (secret is not null)
                Encoding.UTF8.GetChars(secret.Span, _characters);
        }

        public ReadOnlySpan<char> Span => _characters;

        public void Dispose() => Array.Clear(_characters);
    }
}
