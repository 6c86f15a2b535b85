using System.Management.Automation;
using System.Management.Automation.Provider;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>-Certificate Cert:\…, which Windows alone has: elsewhere a provider that stands in for its store.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class CertificateStoreTests : IDisposable
{
    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly X509Certificate2 _certificate = TestCertificates.Create("localhost");

    public CertificateStoreTests()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has a store of its own.");
        StandInStore.Certificate = _certificate;
        Assert.Empty(_host.Run($"Import-Module '{typeof(StandInStore).Assembly.Location}'; $null = New-PSDrive Cert -PSProvider {nameof(StandInStore)} -Root ''").Errors);
    }

    public void Dispose()
    {
        _host.Run("Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _certificate.Dispose();
    }

    [Fact]
    public void A_listener_takes_a_certificate_of_the_store()
    {
        var started = _host.Run(@"(Start-XpraAesListener -Port 0 -KeyData 0x00112233445566778899aabbccddeeff -Certificate Cert:\LocalMachine\My\THUMBPRINT).Certificate.Fingerprint");
        Assert.Empty(started.Errors);
        Assert.Equal(ServerCertificate.FormatFingerprint(_certificate.GetCertHashString(HashAlgorithmName.SHA256)), started.Text);
    }

    [Theory]
    [InlineData(@"Cert:\LocalMachine\My\OTHER", "", "CertificateUnusable")]
    [InlineData(@"Cert:\LocalMachine\My\FOLDER", "", "CertificateUnusable")]
    [InlineData(@"Cert:\LocalMachine\My\THUMBPRINT", "-CertificateKeyFile key.pem", "InvalidOption")]
    public void What_is_no_certificate_with_its_key_is_refused(string path, string more, string expected)
    {
        var started = _host.Run($"Start-XpraAesListener -Port 0 -KeyData 0x00112233445566778899aabbccddeeff -Certificate {path} {more}");
        Assert.StartsWith($"{expected},", Assert.Single(started.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }
}

/// <summary>A drive with one certificate.</summary>
[CmdletProvider(nameof(StandInStore), ProviderCapabilities.None)]
public sealed class StandInStore : NavigationCmdletProvider
{
    internal static X509Certificate2? Certificate { get; set; }

    protected override bool IsValidPath(string path) => true;

    protected override bool IsItemContainer(string path) => !path.EndsWith("THUMBPRINT", StringComparison.Ordinal);

    protected override bool HasChildItems(string path) => false;

    protected override bool ItemExists(string path) => !path.EndsWith("OTHER", StringComparison.Ordinal);

    protected override void GetItem(string path) => WriteItemObject(path.EndsWith("THUMBPRINT", StringComparison.Ordinal) ? Certificate! : path, path, isContainer: false);
}
