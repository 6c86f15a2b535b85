using System.Management.Automation;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Keys;

namespace XpraAes.PowerShell.Commands;

/// <summary>What cipher each direction of each connection really uses; or, with -Supported, what xpra's versions have.</summary>
[Cmdlet(VerbsCommon.Get, "XpraCipherInfo", DefaultParameterSetName = "All")]
[OutputType(typeof(CipherInfo), ParameterSetName = ["All", nameof(Connection), nameof(Listener), nameof(Uri)])]
[OutputType(typeof(SupportedCipher), ParameterSetName = [nameof(Supported)])]
public sealed class GetXpraCipherInfoCommand : XpraCmdlet
{
    /// <summary>Servers that are asked at once; arbitrary.</summary>
    private const int MaxAtOnce = 32;

    private ServerList? _servers;
    private bool _begun;
    private bool _shown;

    /// <summary>Connections of Connect-XpraAes or Get-XpraAesConnection.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Connection), ValueFromPipeline = true)]
    public XpraConnection[] Connection { get; set; } = [];

    /// <summary>Listeners of Start- or Get-XpraAesListener, for the connections of each.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Listener), ValueFromPipeline = true)]
    public AesListener[] Listener { get; set; } = [];

    /// <summary>xpra servers to ask about the clients that are attached to them, as Connect-XpraAes takes them: tcp://host:port/?encryption=AES&amp;keyfile=key.txt.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Uri))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] Uri { get; set; } = [];

    /// <summary>The key file, read as xpra reads it: CR and LF at the ends go, every other byte counts. Several, while a key is being replaced: the one that fits is taken.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? KeyFile { get; set; }

    /// <summary>The key's text; prefixed 0x, base64: or b64: its bytes.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [ValidateNotNullOrEmpty]
    public string? KeyData { get; set; }

    /// <summary>The key itself: what New-XpraAesKey, Get-XpraAesKey or Get-Secret gives.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [KeyTransformation]
    public XpraKey? Key { get; set; }

    /// <summary>The user name and password that the server asks for.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>A file with the password that the server asks for; every byte counts, a newline at the end too.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? PasswordFile { get; set; }

    /// <summary>How long the connection, and each answer to a packet of ours, may take: seconds or a TimeSpan.</summary>
    [Parameter(ParameterSetName = nameof(Uri))]
    [SecondsTransformation]
    public TimeSpan Timeout { get; set; } = Limits.Default.HandshakeTimeout;

    /// <summary>Lists the ciphers that xpra has, and in which versions.</summary>
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
                Show(Chosen());
                break;
        }
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        if (!_shown && ParameterSetName is not (nameof(Uri) or nameof(Supported)))
            WriteWarning("There is no connection to show. Connect-XpraAes makes one, and clients of Start-XpraAesListener do; -Connection and -Listener choose among them, -Uri asks an xpra server about its clients, -Supported lists the ciphers that xpra has.");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Key?.Dispose();
            if (!_begun)
                _servers?.Dispose();
        }
        base.Dispose(disposing);
    }

    private IEnumerable<XpraConnection> Chosen() => ParameterSetName switch
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
        _begun = true;
        Run(AskAllAsync);
    }

    private async Task AskAllAsync(PipelineOutput output, CancellationToken cancellationToken)
    {
        using var servers = _servers!;
        await servers.ForEachAsync(MaxAtOnce, output, async (server, token) => Show(server, await RemoteCiphers.GetAsync(server with { Timeout = Timeout }, token), output), null, cancellationToken);
    }

    private static void Show(ConnectOptions server, IReadOnlyList<CipherInfo> rows, PipelineOutput output)
    {
        if (rows.Count == 0)
            output.WriteWarning($"{server.Endpoint}: no client is attached to this server.");
        output.Post(cmdlet => cmdlet.WriteObject(rows, enumerateCollection: true));
    }
}
