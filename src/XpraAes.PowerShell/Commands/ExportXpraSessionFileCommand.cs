using System.Management.Automation;
using System.Net;
using System.Text;
using XpraAes.Administration;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Listening;
using XpraAes.Transports;

namespace XpraAes.PowerShell.Commands;

/// <summary>Writes session files, which connect xpra's launcher when a person double-clicks them.</summary>
// No default parameter set, for the same reason as in Connect-XpraAes.
[Cmdlet(VerbsData.Export, "XpraSessionFile", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportXpraSessionFileCommand : XpraCmdlet
{
    private const string HostSet = "Host";

    private FilePattern? _files;

    /// <summary>The file: {0:host}, {0:port} and {0:date} in it are replaced. In a folder that exists, the file is HOST-PORT.xpra.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Listeners from Start-XpraAesListener or Get-XpraAesListener; one on several addresses gives a file for each.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Listener), ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public AesListener[] Listener { get; set; } = [];

    /// <summary>URIs as for Connect-XpraAes.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Uri), ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    public string[] Uri { get; set; } = [];

    /// <summary>Host names or addresses.</summary>
    [Parameter(Mandatory = true, ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [Alias("Host", "HostName")]
    [TextOnly]
    public string[] ComputerName { get; set; } = [];

    /// <summary>The TCP port; 0, as from an empty CSV column, means xpra's default.</summary>
    [Parameter(ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int Port { get; set; }

    /// <summary>The AES mode; CBC, which every version has, unless given here or in the URI.</summary>
    [Parameter(ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = nameof(Uri), ValueFromPipelineByPropertyName = true)]
    [ModeTransformation]
    public AesMode? Mode { get; set; }

    /// <summary>The path of the key file on the machine where the session file will be used; it is not read here. A relative path is made absolute.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? KeyFile { get; set; }

    /// <summary>The path of a password file on the machine where the session file will be used; it is not read here.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? PasswordFile { get; set; }

    /// <summary>The user name to give to the server; that of the person's account by default.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? UserName { get; set; }

    /// <summary>Replaces files that exist.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Start() => _files = new FilePattern(this, Path, ".xpra");

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case HostSet:
                this.ForEach(ComputerName, host => Write(new XpraEndpoint(TransportKind.Tcp, host, Port == 0 ? ProtocolDefaults.Port : Port), Mode, null, null, asksPassword: false));
                break;
            case nameof(Listener):
                this.ForEach(Listener.SelectMany(listener => listener.Binds, (_, bind) => bind), bind => WriteBind(bind.Endpoint, bind.Options));
                break;
            default:
                this.ForEach(Uri, WriteUri);
                break;
        }
    }

    private void WriteBind(XpraEndpoint bound, ListenerOptions options)
    {
        if (options.Key is not { } key)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{bound} is the local end of an encrypted connection, and its clients are unencrypted.", $"Attach to it without AES options: xpra attach {bound}") { Target = $"{bound}" };
        Write(AesListener.AdvertisedEndpoint(bound), options.Modes[0], key.Path, options.UserName, options.Password is not null);
    }

    private void WriteUri(string text)
    {
        using var uri = XpraUri.Parse(text);
        foreach (var warning in uri.Warnings)
            WarnOnce(warning);
        if (uri.Encryption is { } asked && asked != (Mode ?? asked))
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{uri.Endpoint}: both the URI and a parameter give a mode.", "Remove it from the URI, or omit -Mode.") { Target = $"{uri.Endpoint}" };
        if (uri.Password is not null)
            WarnOnce("The password in the URI is left out: a session file is no place for one.");
        if (uri.Display is not null && uri.Endpoint.Path is null)
            WarnOnce("The display in the URI is left out: xpra's launcher takes none.");
        var endpoint = uri.Endpoint is { Trust: { AuthorityFile: { } file } trust } ? uri.Endpoint with { Trust = trust with { AuthorityFile = Absolute(file) } } : uri.Endpoint;
        Write(endpoint, uri.Encryption ?? Mode, uri.KeyFile, uri.UserName, uri.Password is not null);
    }

    private void Write(XpraEndpoint endpoint, AesMode? mode, string? keyFile, string? userName, bool asksPassword)
    {
        // -KeyFile takes precedence over the path known here, since the session file may be for another machine.
        if ((KeyFile ?? keyFile) is not { } key)
        {
            throw new XpraAesException(XpraErrorId.KeyMissing, $"{endpoint}: a session file names a key file, and none is known. It never holds a key.",
                "Give -KeyFile: the path of the key file where the session file will be used.") { Target = $"{endpoint}" };
        }
        if (endpoint.Transport == TransportKind.WebSocket)
            WarnOnce("With ws, xpra's launcher uses AES only when it connects by itself. If that fails and the person presses Connect, it connects unencrypted. Use tcp or wss.");
        var content = SessionFile.Write(endpoint, mode ?? AesMode.CBC, Absolute(key), PasswordFile is null ? null : Absolute(PasswordFile), asksPassword, UserName ?? userName);
        var path = _files!.Claim(endpoint);
        if (!ShouldProcess(path, $"Write a session file for {endpoint}"))
            return;
        Run((_, token) => OutputFile.WriteAsync(path, Encoding.UTF8.GetBytes(content), Force, token));
        WriteObject(new FileInfo(path));
    }

    // A path that is absolute on the other machine is kept, whatever this one's drives.
    private string Absolute(string path) => path.StartsWith('/') ? path : FilePath.Resolve(this, path);
}
