using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using XpraAes.Keys;

namespace XpraAes.Transports;

/// <summary>A byte stream inside TLS 1.2 or 1.3 with a server's certificate, by the platform's <see cref="SslStream"/>. It proves the server, not who holds the key.</summary>
internal sealed class TlsStream : LayeredStream
{
    private const SslProtocols Protocols = SslProtocols.Tls12 | SslProtocols.Tls13;

    private readonly SslStream _ssl;
    private readonly Stream _below;
    private readonly SemaphoreSlim _writing = new(1, 1); // SslStream allows one write at a time

    private TlsStream(SslStream ssl, Stream below)
        : base(ssl) => (_ssl, _below) = (ssl, below);

    public override TlsStream Tls => this;

    public override TransportKind Transport => TransportKind.Tls;

    /// <summary>For example <c>TLS 1.3</c>.</summary>
    public string Protocol => _ssl.SslProtocol == SslProtocols.Tls13 ? "TLS 1.3" : "TLS 1.2";

    /// <summary>The server's certificate, on the client's side; null on the server's.</summary>
    public X509Certificate2? PeerCertificate => _ssl.RemoteCertificate as X509Certificate2;

    /// <summary>The server's handshake.</summary>
    /// <exception cref="XpraAesException">TlsRefused if the client ends it, or shares no version of TLS; ConnectionLost.</exception>
    public static async Task<TlsStream> AcceptAsync(Stream stream, ServerCertificate certificate, CancellationToken cancellationToken)
    {
        // A client that fails here is not cut off before it has read why.
        var ssl = new SslStream(stream, leaveInnerStreamOpen: true);
        try
        {
            await ssl.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = certificate.Context,
                EnabledSslProtocols = Protocols,
                AllowRenegotiation = false,
            }, cancellationToken).ConfigureAwait(false);
            return new TlsStream(ssl, stream);
        }
        catch (Exception e)
        {
            await ssl.DisposeAsync().ConfigureAwait(false);
            throw e switch
            {
                AuthenticationException => new XpraAesException(XpraErrorId.TlsRefused, $"The client did not complete the TLS handshake: {PeerIdentification.Sanitize((e.InnerException ?? e).Message)}",
                    "Often it does not trust the certificate yet; TLS 1.2 and 1.3 are offered.", e),
                IOException => new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection during the TLS handshake.", innerException: e),
                _ => e,
            };
        }
    }

    /// <summary>The client's handshake.</summary>
    /// <exception cref="XpraAesException">TlsNotOffered, TlsTooOld, CertificateUntrusted, CertificateNameMismatch, CertificateExpired, CertificateUnusable, TlsFailed, ConnectionLost.</exception>
    public static async Task<TlsStream> ConnectAsync(Stream stream, string host, TlsTrust trust, CancellationToken cancellationToken)
    {
        var greeting = new GreetingStream(stream);
        var name = trust.HostName ?? host;
        XpraAesException? distrust = null;
        var ssl = new SslStream(greeting);
        try
        {
            await ssl.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = name,
                EnabledSslProtocols = Protocols,
                AllowRenegotiation = false,
                CertificateChainPolicy = PolicyOf(trust),
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) => (distrust = Judge(certificate as X509Certificate2, chain, errors, trust, name)) is null,
            }, cancellationToken).ConfigureAwait(false);
            return new TlsStream(ssl, greeting);
        }
        catch (Exception e)
        {
            await ssl.DisposeAsync().ConfigureAwait(false);
            throw e is AuthenticationException or IOException ? distrust ?? Explain(e, greeting.First) : e;
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => Inner.ReadAsync(buffer, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Inner.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Sends close_notify; what the peer sends after that is still read.</summary>
    public override async ValueTask CloseSendAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var shutdown = _ssl.ShutdownAsync();
            // It cannot be cancelled: it goes on, and fails once the stream is closed.
            _ = shutdown.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            await shutdown.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidOperationException)
        {
            // It has been sent, or the stream is closed.
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Frees a server's TLS with its keys, and leaves the connection below it open, so that the client still reads what it was sent.</summary>
    public void Release() => _ssl.Dispose();

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            _below.Dispose();
    }

    private static X509ChainPolicy PolicyOf(TlsTrust trust)
    {
        // Nothing is fetched from addresses that a certificate names: a stranger's certificate must not make this machine connect anywhere.
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.ApplicationPolicy.Add(new Oid(CertificateGenerator.ServerAuthentication));
        if (trust.AuthorityFile is not { } file)
            return policy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Unusable($"The certificates in {file} cannot be read: {e.Message}");
        }
        return policy.CustomTrustStore.Count > 0 ? policy : throw Unusable($"{file} holds no certificate in PEM.");

        XpraAesException Unusable(string message) => new(XpraErrorId.CertificateUnusable, message, "ssl-ca-certs= takes a file of certificates in PEM (BEGIN CERTIFICATE).") { Target = file };
    }

    /// <summary>Why the certificate is not accepted; null if it is.</summary>
    private static XpraAesException? Judge(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors, TlsTrust trust, string name)
    {
        if (certificate is null)
            return new(XpraErrorId.CertificateUntrusted, "The server has no certificate.", "Check the port.");
        var fingerprint = certificate.GetCertHashString(HashAlgorithmName.SHA256);
        if (trust.Fingerprint is { } pinned)
        {
            return pinned == fingerprint ? null : new(XpraErrorId.CertificateUntrusted,
                $"The server's certificate has another SHA-256 fingerprint than the one given: {ServerCertificate.FormatFingerprint(fingerprint)}.",
                "If the server's certificate was renewed, compare that with what its administrator says, and change ssl-fingerprint=. Otherwise somebody else answers there.");
        }
        if (!trust.VerifiesServer || errors == SslPolicyErrors.None)
            return null;
        if (certificate.NotAfter < DateTime.Now || certificate.NotBefore > DateTime.Now)
        {
            return new(XpraErrorId.CertificateExpired, $"The server's certificate is valid from {certificate.NotBefore:yyyy-MM-dd} to {certificate.NotAfter:yyyy-MM-dd}, and so not today.",
                "Have it renewed; and check this machine's clock.");
        }
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            var why = string.Join("; ", chain?.ChainStatus.Select(status => status.StatusInformation.Trim().TrimEnd('.')).Distinct() ?? []);
            return new(XpraErrorId.CertificateUntrusted, $"The server's certificate is not trusted here ({why}). Its SHA-256 fingerprint is {ServerCertificate.FormatFingerprint(fingerprint)}.",
                "If it was issued by an authority of your own, or by itself: give ssl-ca-certs= with that certificate, or ssl-fingerprint= after comparing the fingerprint with the server's.");
        }
        return new(XpraErrorId.CertificateNameMismatch, $"The server's certificate is not for {name}: it is for {string.Join(", ", ServerCertificate.NamesIn(certificate))}.",
            "Use one of these names in the URI, or give ssl-server-hostname=. If none is the server that you mean, somebody else answers there.");
    }

    /// <summary>What went wrong, as the server's first bytes show it: its alert, its version, or that it does not speak TLS.</summary>
    private static XpraAesException Explain(Exception e, ReadOnlySpan<byte> first)
    {
        const byte Alert = 21, Handshake = 22, ServerHello = 2, ProtocolVersion = 70, HandshakeFailure = 40, AlertSize = 2;
        if (first.Length == 0)
            return new(XpraErrorId.ConnectionLost, "The server closed the connection during the TLS handshake.", "Check the port: an xpra server does that on its sockets without TLS. Try tcp:// or ws://.", e);
        if (first is not [Alert or Handshake, 3, ..])
        {
            var peer = PeerIdentification.Describe(first);
            return new(XpraErrorId.TlsNotOffered, $"The server does not speak TLS there. {peer.Message}", "Use tcp:// in place of ssl://, or ws:// in place of wss://; or a port of the server's --bind-ssl or --bind-wss.", e);
        }
        // An alert of another size is encrypted, and before any key is agreed it can only be another connection's.
        if (first is [Alert, ..] and not [Alert, _, _, 0, AlertSize, ..])
            return new(XpraErrorId.TlsFailed, "The server answered with the end of another TLS connection.", "Try again: xpra 3.1's servers do that now and then. If it lasts, restart the server.", e) { IsTransient = true };
        if (first is [Alert, _, _, _, _, _, ProtocolVersion, ..] or [Handshake, _, _, _, _, ServerHello, _, _, _, 3, <= 2, ..])
            return new(XpraErrorId.TlsTooOld, "The server speaks no version of TLS from 1.2 on.", "Update it: TLS 1.0 and 1.1 are not secure.", e);
        if (first is [Alert, _, _, _, _, _, HandshakeFailure, ..])
            return new(XpraErrorId.TlsFailed, "The server refuses TLS with a certificate.", "If it is a listener of this module without a certificate, use tls-psk://, or give it one: Start-XpraAesListener -Certificate.", e);
        return new(XpraErrorId.TlsFailed, $"The TLS handshake failed: {PeerIdentification.Sanitize((e.InnerException ?? e).Message)}", "Check the port and what listens there.", e) { IsTransient = first is [Handshake, ..] };
    }

    /// <summary>Keeps the first bytes that the peer sends.</summary>
    private sealed class GreetingStream(Stream inner) : LayeredStream(inner)
    {
        public override TransportKind Transport => TransportKind.Tcp;

        private readonly byte[] _first = new byte[PeerIdentification.GreetingSize];
        private int _length;

        public ReadOnlySpan<byte> First => _first.AsSpan(0, _length);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await Inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            var kept = Math.Min(count, _first.Length - _length);
            if (kept > 0)
            {
                buffer.Span[..kept].CopyTo(_first.AsSpan(_length));
                _length += kept;
            }
            return count;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => Inner.WriteAsync(buffer, cancellationToken);

        public override ValueTask CloseSendAsync(CancellationToken cancellationToken) => CloseSendAsync(Inner, cancellationToken);
    }
}
