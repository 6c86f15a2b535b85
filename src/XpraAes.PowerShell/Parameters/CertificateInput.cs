using System.Management.Automation;
using System.Security;
using System.Security.Cryptography.X509Certificates;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>The certificate of -Certificate, and what URIs say about those of servers.</summary>
internal static class CertificateInput
{
    /// <summary>The certificate, which the caller disposes of. Warns of problems with its files, and if it expires soon. Throws CertificateUnusable, InvalidOption.</summary>
    /// <param name="cmdlet">The cmdlet.</param>
    /// <param name="certificate">A path, also in Cert:\, an <see cref="X509Certificate2"/>, or the output of New-XpraAesCertificate.</param>
    /// <param name="keyFile">The path of its private key; null if it is in the same file.</param>
    /// <param name="password">The password of the private key; null for none.</param>
    public static ServerCertificate Resolve(XpraCmdlet cmdlet, object certificate, string? keyFile, SecureString? password)
    {
        var value = certificate is PSObject wrapped ? wrapped.BaseObject : certificate;
        if (value is string path && FromStore(cmdlet, path) is { } stored)
            value = stored;
        if (value is not string && (keyFile is not null || password is not null))
            throw new XpraAesException(XpraErrorId.InvalidOption, "-CertificateKeyFile and -CertificatePassword are for a certificate from a file.", "Omit them.");
        switch (value)
        {
            case ServerCertificate ours:
                return Check(cmdlet, ours.Clone());
            case X509Certificate2 certificateWithKey:
                return Check(cmdlet, ServerCertificate.From(certificateWithKey));
            case string file:
                using (var secret = password is null ? null : SecretText.ToUtf8(password))
                    return Read(cmdlet, file, keyFile, secret);
            default:
                throw new XpraAesException(XpraErrorId.InvalidOption, "-Certificate takes a path, a certificate with its private key, or the output of New-XpraAesCertificate.", "Give the path of a PFX or PEM file.");
        }
    }

    /// <summary>The certificate in a file. Throws CertificateUnusable, InvalidOption.</summary>
    public static ServerCertificate Read(XpraCmdlet cmdlet, string path, string? keyFile, SecretBuffer? password)
        => Check(cmdlet, ServerCertificate.FromFile(FilePath.Resolve(cmdlet, path), keyFile is null ? null : FilePath.Resolve(cmdlet, keyFile), password));

    /// <summary>The endpoint with the full path of its certificates to trust. Warns if the server will not be verified.</summary>
    public static XpraEndpoint ResolveTrust(XpraCmdlet cmdlet, XpraEndpoint endpoint)
    {
        if (endpoint.Trust is not { } trust)
            return endpoint;
        if (!trust.VerifiesServer)
            cmdlet.WarnOnce($"{endpoint}: the server's certificate is not verified (ssl-server-verify-mode=none): TLS protects only from those who cannot change the traffic. Use ssl-ca-certs= or ssl-fingerprint=.");
        return trust.AuthorityFile is { } file ? endpoint with { Trust = trust with { AuthorityFile = FilePath.Resolve(cmdlet, file) } } : endpoint;
    }

    private static ServerCertificate Check(XpraCmdlet cmdlet, ServerCertificate certificate)
    {
        foreach (var problem in certificate.Problems)
            cmdlet.WarnOnce($"{problem.Message} {problem.RecommendedAction}");
        if (certificate.NotAfter < DateTimeOffset.Now)
            cmdlet.WarnOnce($"The certificate of {certificate.Subject} expired on {certificate.NotAfter:yyyy-MM-dd}: clients refuse it.");
        else if (certificate.ExpiresSoon)
            cmdlet.WarnOnce($"The certificate of {certificate.Subject} expires on {certificate.NotAfter:yyyy-MM-dd}.");
        return certificate;
    }

    /// <summary>The certificate at a path of Windows' certificate store; null if the path is not one.</summary>
    private static X509Certificate2? FromStore(XpraCmdlet cmdlet, string path)
    {
        if (!path.StartsWith("Cert:", StringComparison.OrdinalIgnoreCase))
            return null;
        try
        {
            return (cmdlet.Outer ?? cmdlet).SessionState.InvokeProvider.Item.Get(path).Select(item => item.BaseObject).OfType<X509Certificate2>().FirstOrDefault()
                ?? throw new XpraAesException(XpraErrorId.CertificateUnusable, $"{path} is not a certificate.", @"Give one such as Cert:\LocalMachine\My\THUMBPRINT.") { Target = path };
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ItemNotFoundException or ProviderInvocationException)
        {
            throw new XpraAesException(XpraErrorId.CertificateUnusable, $"There is no certificate {path}: {e.Message}", "Windows has a certificate store; elsewhere, give the path of a PFX or PEM file.", e) { Target = path };
        }
    }
}
