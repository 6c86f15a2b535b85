using XpraAes.Transports;

namespace XpraAes.Diagnostics.Checks;

/// <summary>What is to be known of the certificate with which TLS has been established. TLS that fails is a failure of the connection.</summary>
internal static class TlsCheck
{
    public static void Report(ProbeReport report, TlsStream tls, TlsTrust trust)
    {
        if (tls.PeerCertificate is not { } certificate)
            return;
        var fingerprint = ServerCertificate.FormatFingerprint(certificate.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256));
        if (!trust.VerifiesServer)
        {
            report.Add(DiagnosisFinding.CertificateNotVerified, $"The server's certificate, for {string.Join(", ", ServerCertificate.NamesIn(certificate))}, was not verified: whoever is in the path could be the one who answers. Its SHA-256 fingerprint is {fingerprint}.",
                "Give ssl-ca-certs= or ssl-fingerprint= in place of ssl-server-verify-mode=none.");
        }
        else if (certificate.NotAfter - DateTime.Now < ServerCertificate.ExpiryWarning)
        {
            report.Add(DiagnosisFinding.CertificateExpiresSoon, $"The server's certificate expires on {certificate.NotAfter:yyyy-MM-dd}.", "Have it renewed.");
        }
        else
        {
            var how = trust.Fingerprint is null ? "is trusted, and for this name" : "has the fingerprint that was given";
            report.Add(DiagnosisFinding.CertificateTrusted, $"{tls.Protocol}: the server's certificate {how}, and valid until {certificate.NotAfter:yyyy-MM-dd}.");
        }
    }
}
