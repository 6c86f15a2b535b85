using System.Management.Automation;
using System.Security;
using XpraAes.Keys;

namespace XpraAes.PowerShell.Commands;

/// <summary>Creates a self-signed certificate for a listener's TLS, for trials and for clients that pin it, and writes it to a file with its private key.</summary>
[Cmdlet(VerbsCommon.New, "XpraAesCertificate", SupportsShouldProcess = true)]
[OutputType(typeof(ServerCertificate))]
public sealed class NewXpraAesCertificateCommand : XpraCmdlet
{
    /// <summary>The names and addresses that clients connect to; the first is also the certificate's subject.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] DnsName { get; set; } = [];

    /// <summary>The file to write, with mode 0600: PEM if it ends in .pem, otherwise PFX.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>The password of the file; none by default, as for key files.</summary>
    [Parameter]
    public SecureString? Password { get; set; }

    /// <summary>The days for which it is valid; browsers accept no more than 397.</summary>
    [Parameter]
    [ValidateRange(2, CertificateGenerator.Days)]
    public int Days { get; set; } = CertificateGenerator.Days;

    /// <summary>Replaces an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        var path = FilePath.Resolve(this, Path);
        if (!ShouldProcess(path, $"Write a new certificate for {string.Join(", ", DnsName)}, valid for {Days} days"))
            return;
        using var password = Password is null ? null : SecretText.ToUtf8(Password);
        WriteObject(CertificateGenerator.Create(DnsName, Days, path, password, Force));
    }
}
