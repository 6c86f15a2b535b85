using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace XpraAes.Tests.Keys;

/// <summary>Certificates of any kind, for TLS servers in tests.</summary>
internal static class TestCertificates
{
    /// <summary>A certificate with its private key: self-signed, or signed by an issuer.</summary>
    public static X509Certificate2 Create(string name, DateTimeOffset? notAfter = null, X509Certificate2? issuer = null, bool isAuthority = false, DateTimeOffset? notBefore = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(name, out var address))
            names.AddIpAddress(address);
        else
            names.AddDnsName(name);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        var (from, to) = (notBefore ?? DateTimeOffset.UtcNow.AddDays(-60), notAfter ?? DateTimeOffset.UtcNow.AddDays(90));
        if (issuer is null)
            return request.CreateSelfSigned(from, to);
        using var signed = request.Create(issuer, from < issuer.NotBefore ? issuer.NotBefore : from, to > issuer.NotAfter ? issuer.NotAfter : to, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    /// <summary>Writes a certificate and its private key in PEM.</summary>
    public static string WritePem(this TempFolder folder, string file, X509Certificate2 certificate, params X509Certificate2[] issuers)
        => folder.Write(file, System.Text.Encoding.ASCII.GetBytes(string.Join('\n', [certificate.ExportCertificatePem(), .. issuers.Select(issuer => issuer.ExportCertificatePem()), KeyPem(certificate)])));

    /// <summary>The private key in PEM.</summary>
    public static string KeyPem(X509Certificate2 certificate) => certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem();
}
