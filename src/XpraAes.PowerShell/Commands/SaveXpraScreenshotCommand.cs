using System.Management.Automation;
using XpraAes.Administration;
using XpraAes.Connections;
using XpraAes.Transports;

namespace XpraAes.PowerShell.Commands;

/// <summary>Saves pictures of xpra sessions' windows.</summary>
[Cmdlet(VerbsData.Save, "XpraScreenshot", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class SaveXpraScreenshotCommand : AdministrationCommand
{
    private FilePattern? _files;

    /// <summary>The file: {0:host}, {0:port} and {0:date} in it are replaced. In a folder that exists, the file is HOST-PORT.png.</summary>
    [Parameter(Mandatory = true)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Replaces files that exist.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    private protected override string Activity => "Taking screenshots of xpra sessions";

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        _files = new FilePattern(this, Path, ".png");
    }

    private protected override bool Confirm(string server) => ShouldProcess(server, $"Save a screenshot to {_files!.PathFor(EndpointOf(server))}");

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var path = _files!.Claim(EndpointOf(server.Server));
        var picture = await server.TakeScreenshotAsync(cancellationToken)
            ?? throw new XpraAesException(XpraErrorId.ScreenshotEmpty, $"{server.Server}: the screenshot is empty, as the session shows no window.", "Windows are shown while a client is attached. Get-XpraWindow lists them.") { Target = server.Server };
        await ImageFile.WriteAsync(path, picture, Force, cancellationToken);
        output.WriteObject(new FileInfo(path));
    }

    private static XpraEndpoint EndpointOf(string server)
    {
        using var uri = XpraUri.Parse(server);
        return uri.Endpoint;
    }
}
