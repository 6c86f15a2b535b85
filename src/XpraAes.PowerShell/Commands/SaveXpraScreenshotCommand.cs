using System.Collections.Concurrent;
using System.Management.Automation;
using XpraAes.Administration;
using XpraAes.Connections;

namespace XpraAes.PowerShell.Commands;

/// <summary>Saves pictures of xpra sessions' windows.</summary>
[Cmdlet(VerbsData.Save, "XpraScreenshot", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class SaveXpraScreenshotCommand : AdministrationCommand
{
    private const string HiddenStart = "{0\uE000";

    private readonly ConcurrentDictionary<string, string> _written = new();
    private readonly DateTime _now = DateTime.Now;
    private string _pattern = "";

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
        // The engine would take what precedes a colon for a drive.
        _pattern = FilePath.Resolve(this, Path.Replace("{0:", HiddenStart, StringComparison.Ordinal)).Replace(HiddenStart, "{0:", StringComparison.Ordinal);
        if (Directory.Exists(_pattern))
            _pattern = System.IO.Path.Combine(_pattern, "{0:host}-{0:port}.png");
    }

    private protected override bool Confirm(string server) => ShouldProcess(server, $"Save a screenshot to {PathFor(server)}");

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var path = PathFor(server.Server);
        if (_written.GetOrAdd(path, server.Server) is var other && other != server.Server)
            throw new XpraAesException(XpraErrorId.FileExists, $"{server.Server}: '{path}' is also the file of {other}.", "Put {0:host} and {0:port} into -Path.") { Target = server.Server };
        var picture = await server.TakeScreenshotAsync(cancellationToken)
            ?? throw new XpraAesException(XpraErrorId.ScreenshotEmpty, $"{server.Server}: the screenshot is empty, as the session shows no window.", "Windows are shown while a client is attached. Get-XpraWindow lists them.") { Target = server.Server };
        await ImageFile.WriteAsync(path, picture, Force, cancellationToken);
        output.WriteObject(new FileInfo(path));
    }

    private string PathFor(string server)
    {
        using var uri = XpraUri.Parse(server);
        return FileNames.Expand(_pattern, uri.Endpoint, _now);
    }
}
