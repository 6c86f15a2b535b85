using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace XpraAes.Keys;

/// <summary>Makes self-signed certificates for TLS servers: ECDSA P-256, for trials and for clients that pin the certificate.</summary>
internal static class CertificateGenerator
{
    /// <summary>The longest validity that browsers accept since 2020.</summary>
    public const int Days = 397;

    /// <summary>The extended key usage of a TLS server's certificate, id-kp-serverAuth (RFC 5280 section 4.2.1.12).</summary>
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>Creates a certificate and writes it with its private key: in PEM if the path ends in .pem, otherwise as a PFX. The file has mode 0600.</summary>
    /// <param name="names">DNS names and addresses; the first is also the subject's common name.</param>
    /// <param name="days">How long it is valid, 1 to 397.</param>
    /// <param name="path">The full path of the file.</param>
    /// <param name="password">The password of the file; null for none.</param>
    /// <param name="overwrite">Whether an existing file is replaced.</param>
    /// <exception cref="XpraAesException">InvalidOption, KeyFileExists, KeyFileUnwritable.</exception>
    public static ServerCertificate Create(IReadOnlyList<string> names, int days, string path, SecretBuffer? password, bool overwrite)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Sign(key, names, days);
        using var content = path.EndsWith(".pem", StringComparison.OrdinalIgnoreCase) ? ToPem(certificate, key, password) : ToPfx(certificate, password);
        KeyFile.Write(path, content.Span, overwrite, "certificate file");
        return ServerCertificate.FromFile(path, null, password);
    }

    private static X509Certificate2 Sign(ECDsa key, IReadOnlyList<string> names, int days)
    {
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
                alternatives.AddIpAddress(address);
            else if (Uri.CheckHostName(name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name) == UriHostNameType.Dns)
                alternatives.AddDnsName(name);
            else
                throw new XpraAesException(XpraErrorId.InvalidOption, $"'{name}' is neither a host name nor an address.", "Give the name that clients connect to: -DnsName host.example.") { Target = name };
        }
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(names[0]);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        // From yesterday on, since clocks differ.
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(days - 1));
    }

    private static SecretBuffer ToPfx(X509Certificate2 certificate, SecretBuffer? password)
    {
        var pfx = certificate.Export(X509ContentType.Pkcs12, password is null ? null : Encoding.UTF8.GetString(password.Span));
        var content = new SecretBuffer(pfx);
        CryptographicOperations.ZeroMemory(pfx);
        return content;
    }

    private static SecretBuffer ToPem(X509Certificate2 certificate, ECDsa key, SecretBuffer? password)
    {
        var privateKey = password is null
            ? key.ExportPkcs8PrivateKeyPem()
            : key.ExportEncryptedPkcs8PrivateKeyPem(Encoding.UTF8.GetString(password.Span), new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 600_000));
        return SecretBuffer.FromUtf8($"{certificate.ExportCertificatePem()}\n{privateKey}\n");
    }
}
