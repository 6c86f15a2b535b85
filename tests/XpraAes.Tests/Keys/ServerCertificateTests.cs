using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using XpraAes.Keys;
using XpraAes.Tests.Logging;

namespace XpraAes.Tests.Keys;

/// <summary>Certificates with their private keys, from files of every form.</summary>
public sealed class ServerCertificateTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _certificate = TestCertificates.Create("host.example");
    private readonly SecretBuffer _password = new("pässword"u8);

    public void Dispose()
    {
        _folder.Dispose();
        _certificate.Dispose();
        _password.Dispose();
    }

    [Theory]
    [InlineData("pem")]
    [InlineData("pem with password")]
    [InlineData("pem and key")]
    [InlineData("pfx")]
    [InlineData("pfx with password")]
    public void It_is_read_from_every_form(string form)
    {
        string? key = null;
        SecretBuffer? password = null;
        var path = _folder["certificate"];
        switch (form)
        {
            case "pem":
                _folder.WritePem("certificate", _certificate);
                break;
            case "pem with password":
                password = _password;
                _folder.Write("certificate", Encoding.ASCII.GetBytes(_certificate.ExportCertificatePem() + "\n"
                    + _certificate.GetECDsaPrivateKey()!.ExportEncryptedPkcs8PrivateKeyPem("pässword", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000))));
                break;
            case "pem and key":
                _folder.Write("certificate", Encoding.ASCII.GetBytes(_certificate.ExportCertificatePem()), (UnixFileMode)0b110_100_100);
                key = _folder.Write("key", Encoding.ASCII.GetBytes(TestCertificates.KeyPem(_certificate)));
                break;
            case "pfx":
                _folder.Write("certificate", _certificate.Export(X509ContentType.Pkcs12));
                break;
            default:
                password = _password;
                _folder.Write("certificate", _certificate.Export(X509ContentType.Pkcs12, "pässword"));
                break;
        }
        using var read = ServerCertificate.FromFile(path, key, password);
        Assert.Equal(["host.example"], read.DnsName);
        Assert.Equal((_certificate.NotAfter, path), (read.NotAfter.LocalDateTime, read.Path));
        Assert.Equal(_certificate.GetCertHashString(HashAlgorithmName.SHA256), read.Fingerprint.Replace(":", "", StringComparison.Ordinal));
        Assert.Empty(read.Problems);
        Assert.DoesNotContain("PRIVATE", read.Pem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    [InlineData("no key")]
    [InlineData("another key")]
    [InlineData("no password")]
    [InlineData("folder")]
    [InlineData("rubbish")]
    public void What_cannot_be_used_is_said(string what)
    {
        var path = _folder["certificate"];
        string? key = null;
        switch (what)
        {
            case "empty":
                _folder.Write("certificate", default);
                break;
            case "no key":
                _folder.Write("certificate", Encoding.ASCII.GetBytes(_certificate.ExportCertificatePem()));
                break;
            case "another key":
                using (var other = TestCertificates.Create("host.example"))
                    key = _folder.Write("key", Encoding.ASCII.GetBytes(TestCertificates.KeyPem(other)));
                _folder.WritePem("certificate", _certificate);
                break;
            case "no password":
                _folder.Write("certificate", _certificate.Export(X509ContentType.Pkcs12, "secret"));
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "rubbish":
                _folder.Write("certificate", "-----BEGIN CERTIFICATE-----\nrubbish"u8);
                break;
        }
        var failure = Assert.Throws<XpraAesException>(() => ServerCertificate.FromFile(path, key));
        Assert.Equal((XpraErrorId.CertificateUnusable, path), (failure.Id, failure.Target));
        Assert.NotNull(failure.RecommendedAction);
    }

    [Fact]
    public void A_private_key_that_others_can_read_is_a_problem()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        _folder.Write("certificate", Encoding.ASCII.GetBytes(_certificate.ExportCertificatePem() + '\n' + TestCertificates.KeyPem(_certificate)), (UnixFileMode)0b110_100_100);
        using var read = ServerCertificate.FromFile(_folder["certificate"]);
        Assert.Single(read.Problems);
    }

    [Fact]
    public void It_is_looked_at_once_a_second_and_renewed_when_it_has_changed()
    {
        var (clock, log) = (new FakeClock(), new ListLogger());
        var path = _folder.WritePem("certificate", _certificate);
        using var read = ServerCertificate.FromFile(path, null, null, clock);
        var before = read.Fingerprint;
        using var renewed = TestCertificates.Create("host.example");
        _folder.WritePem("certificate", renewed);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(5));
        read.Refresh(log);
        Assert.Equal(before, read.Fingerprint);
        clock.Advance(TimeSpan.FromSeconds(1));
        read.Refresh(log);
        Assert.NotEqual(before, read.Fingerprint);

        File.Delete(path);
        clock.Advance(TimeSpan.FromSeconds(1));
        read.Refresh(log);
        Assert.Equal(ServerCertificate.FormatFingerprint(renewed.GetCertHashString(HashAlgorithmName.SHA256)), read.Fingerprint);
        Assert.Equal(2, log.Events.Count);
    }

    [Fact]
    public void Its_expiry_is_warned_of_once_a_day()
    {
        var (clock, log) = (new FakeClock(), new ListLogger());
        using var read = ServerCertificate.FromFile(_folder.WritePem("certificate", _certificate), null, null, clock);
        read.Refresh(log);
        Assert.Empty(log.Events);
        clock.Date = read.NotAfter.AddDays(-13);
        clock.Advance(TimeSpan.FromHours(1));
        read.Refresh(log);
        read.Refresh(log);
        Assert.Single(log.Events);
        clock.Advance(TimeSpan.FromDays(1));
        read.Refresh(log);
        Assert.Equal(2, log.Events.Count);
    }

    [Theory]
    [InlineData("c.pfx")]
    [InlineData("c.pem")]
    public void One_of_our_own_is_for_these_names_and_for_its_owner_alone(string file)
    {
        using var made = CertificateGenerator.Create(["host.example", "10.0.0.1", "*.host.example"], 397, _folder[file], _password, overwrite: false);
        Assert.Equal(["host.example", "*.host.example", "10.0.0.1"], made.DnsName);
        Assert.InRange((made.NotAfter - DateTimeOffset.Now).TotalDays, 395.9, 396.1);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder[file]));
        Assert.Equal(XpraErrorId.CertificateUnusable, Assert.Throws<XpraAesException>(() => ServerCertificate.FromFile(_folder[file])).Id);
        Assert.Equal(XpraErrorId.KeyFileExists, Assert.Throws<XpraAesException>(() => CertificateGenerator.Create(["h"], 1, _folder[file], null, overwrite: false)).Id);
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => CertificateGenerator.Create(["a b"], 1, _folder["x"], null, overwrite: false)).Id);
    }

    [Fact]
    public void One_from_an_object_needs_its_private_key()
    {
        using var bare = X509Certificate2.CreateFromPem(_certificate.ExportCertificatePem());
        Assert.Equal(XpraErrorId.CertificateUnusable, Assert.Throws<XpraAesException>(() => ServerCertificate.From(bare)).Id);
        using var copy = new X509Certificate2(_certificate);
        using var held = ServerCertificate.From(copy);
        copy.Dispose();
        Assert.Equal(["host.example"], held.DnsName);
    }
}
