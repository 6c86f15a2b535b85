using System.Management.Automation;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Keys;

namespace XpraAes.PowerShell.Commands;

/// <summary>Gets the cipher in use in each direction of each connection; or, with -Supported, the ciphers of xpra's versions.</summary>
[Cmdlet(VerbsCommon.Get, "XpraCipherInfo", DefaultParameterSetName = "All")]
[OutputType(typeof(CipherInfo), ParameterSetName = ["All", nameof(Connection), nameof(Listener), nameof(Uri)])]
[OutputType(typeof(SupportedCipher), ParameterSetName = [nameof(Supported)])]
public sealed class GetXpraCipherInfoCommand : XpraCmdlet
{
    /// <summary>The most servers asked in parallel; arbitrary.</summary>
    private const int MaxParallel = 32;

    private ServerList? _servers;
    private bool _workStarted;
    private bool _shown;

    /// <summary>Connections from Connect-XpraAes or Get-XpraAesConnection.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Connection), ValueFromPipeline = true)]
    public XpraConnection[] Connection { get; set; } = [];

    /// <summary>Listeners from Start- or Get-XpraAesListener, whose connections are shown.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Listener), ValueFromPipeline = true)]
    public AesListener[] Listener { get; set; } = [];

    /// <summary>xpra servers to ask about their attached clients, as for Connect-XpraAes: tcp://host:port/?encryption=AES&amp;keyfile=key.txt.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Uri))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] Uri { get; set; } = [];

    /// <summary>The key file, read as xpra does: CR and LF at the ends are stripped, every other byte counts. Several while a key is being replaced: the one that fits is used.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? KeyFile { get; set; }

    /// <summary>The key's text; prefixed 0x, base64: or b64: its bytes.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [ValidateNotNullOrEmpty]
    public string? KeyData { get; set; }

    /// <summary>The key as an object from New-XpraAesKey, Get-XpraAesKey or Get-Secret.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [KeyTransformation]
    public XpraKey? Key { get; set; }

    /// <summary>The user name and password for the server's challenge.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>A file with the password for the server's challenge; every byte counts, including a newline at the end.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? PasswordFile { get; set; }

    /// <summary>Timeout for connecting, and for each of the server's answers: seconds or a TimeSpan.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [SecondsTransformation]
    public TimeSpan Timeout { get; set; } = Limits.Default.HandshakeTimeout;

    /// <summary>Lists xpra's ciphers and the versions that have them.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Supported))]
    public SwitchParameter Supported { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case nameof(Supported):
                WriteObject(SupportedCipher.All, enumerateCollection: true);
                break;
            case nameof(Uri):
                Ask();
                break;
            default:
                Show(SelectedConnections());
                break;
        }
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        if (!_shown && ParameterSetName is not (nameof(Uri) or nameof(Supported)))
            WriteWarning("There is no connection to show. Connect-XpraAes opens one, and so do clients of Start-XpraAesListener; -Connection and -Listener select among them, -Uri asks an xpra server about its clients, -Supported lists the ciphers that xpra has.");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Key?.Dispose();
            if (!_workStarted)
                _servers?.Dispose();
        }
        base.Dispose(disposing);
    }

    private IEnumerable<XpraConnection> SelectedConnections() => ParameterSetName switch
    {
        nameof(Connection) => Connection,
        nameof(Listener) => Listener.SelectMany(listener => listener.Connections),
        _ => LiveObjects.Connections,
    };

    private void Show(IEnumerable<XpraConnection> connections)
    {
        foreach (var connection in connections)
        {
            WriteObject(connection.GetCipherInfo(), enumerateCollection: true);
            _shown = true;
        }
    }

    private void Ask()
    {
        _servers = new ServerList(this, Credential, PasswordInput.Resolve(this, Credential, PasswordFile));
        var key = new KeyInput(this) { Key = Key, KeyData = KeyData, KeyFile = KeyFile };
        this.ForEach(Uri, uri => _servers.AddUri(uri, null, key));
        _workStarted = true;
        Run(AskAllAsync);
    }

    private async Task AskAllAsync(PipelineOutput output, CancellationToken cancellationToken)
    {
        using var servers = _servers!;
        var progress = new WaitProgress(output, "Asking xpra servers for the ciphers of their clients", servers.Servers.Select(server => server.Endpoint.ToString()));
        await servers.ForEachAsync(MaxParallel, output, async (server, token) => Show(server, await RemoteCiphers.GetAsync(server with { Timeout = Timeout }, token), output), server => progress.Done(server.Endpoint.ToString()), cancellationToken);
    }

    private static void Show(ConnectOptions server, IReadOnlyList<CipherInfo> rows, PipelineOutput output)
    {
        if (rows.Count == 0)
            output.WriteWarning($"{server.Endpoint}: no client is attached to this server.");
        output.Post(cmdlet => cmdlet.WriteObject(rows, enumerateCollection: true));
    }
}
