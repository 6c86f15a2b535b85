using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;

namespace XpraAes.PowerShell;

/// <summary>Base of the cmdlets that connect to xpra servers, to several in parallel.</summary>
public abstract class ServerCommand : EncryptionCommand
{
    private protected const string HostSet = "Host";

    private ServerList? _servers;
    private bool _workStarted;

    /// <summary>URIs as xpra's clients accept them: tcp://host:port/?encryption=AES-GCM&amp;keyfile=key.txt.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Uri), ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    public virtual string[] Uri { get; set; } = [];

    /// <summary>Host names or addresses.</summary>
    [Parameter(Mandatory = true, ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [Alias("Host", "HostName")]
    [TextOnly]
    public string[] ComputerName { get; set; } = [];

    /// <summary>Session files, as Export-XpraSessionFile and xpra's launcher write them; wildcards are expanded.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(SessionFile), ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] SessionFile { get; set; } = [];

    /// <summary>The TCP port; 0, as from an empty CSV column, means xpra's default.</summary>
    [Parameter(ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int Port { get; set; }

    /// <summary>The AES mode; CBC unless given here or in the URI.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ModeTransformation]
    public AesMode? Mode { get; set; }

    /// <summary>Uses the password as the key too, as servers from 3.1 to 6.1 do if they have a password but no key.</summary>
    [Parameter]
    public SwitchParameter PasswordAsKey { get; set; }

    /// <summary>Asks for a separate IV in every packet: xpra 6.2 and later.</summary>
    [Parameter]
    public SwitchParameter NoStream { get; set; }

    /// <summary>Sends the password with xor if the server supports nothing better: an attacker who can alter the traffic can then read it.</summary>
    [Parameter]
    public SwitchParameter AllowXor { get; set; }

    /// <summary>Timeout for connecting, and for each of the server's answers: seconds or a TimeSpan.</summary>
    [Parameter]
    [SecondsTransformation]
    public TimeSpan Timeout { get; set; } = Limits.Default.HandshakeTimeout;

    /// <summary>How many servers to work on in parallel.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    public int ThrottleLimit { get; set; } = 32;

    /// <summary>The connect options of the servers given so far. The cmdlet owns their secrets.</summary>
    private protected IReadOnlyList<ConnectOptions> Servers => [.. _servers!.Servers.Select(WithParameters)];

    /// <summary>The activity shown in the progress bar.</summary>
    private protected abstract string Activity { get; }

    /// <summary>Whether the progress bar is shown for one server too; not where the work has its own.</summary>
    private protected virtual bool ShowsProgressOfOne => true;

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        _servers = new ServerList(this, Credential, Password) { PasswordAsKey = PasswordAsKey };
    }

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case HostSet:
                this.ForEach(ComputerName, host => _servers!.AddHost(host, Port, Mode, KeyInput));
                break;
            case nameof(SessionFile):
                this.ForEach(SessionFile.SelectMany(path => FilePath.ExpandOrKeep(this, path)), path => _servers!.AddSessionFile(path, Mode, KeyInput));
                break;
            default:
                this.ForEach(Uri, uri => _servers!.AddUri(uri, Mode, KeyInput));
                break;
        }
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        WarnAboutFirstPacket(_servers!.Servers.Select(server => server.Mode).Distinct());
        _servers!.Keep(server => Confirm(server.Endpoint.ToString()));
        _workStarted = true;
        Run(WorkOnAllAsync);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Once started, the work disposes of the secrets itself, since it may outlive a stopped cmdlet.
        if (disposing && !_workStarted)
            _servers?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Asks whether to work on that server, on the pipeline thread; cmdlets that change something ask the user.</summary>
    private protected virtual bool Confirm(string server) => true;

    /// <summary>Works on one server, off the pipeline thread. An <see cref="XpraAesException"/> becomes an error record.</summary>
    private protected abstract Task WorkAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken);

    private async Task WorkOnAllAsync(PipelineOutput output, CancellationToken cancellationToken)
    {
        using var servers = _servers!;
        var progress = servers.Servers.Count > 1 || ShowsProgressOfOne ? new WaitProgress(output, Activity, servers.Servers.Select(server => server.Endpoint.ToString())) : null;
        await servers.ForEachAsync(ThrottleLimit, output, (server, token) => WorkAsync(WithParameters(server), output, token), server => progress?.Done(server.Endpoint.ToString()), cancellationToken);
    }

    private ConnectOptions WithParameters(ConnectOptions server) => server with
    {
        KeySize = KeySize / 8,
        KeyHash = KeyHash,
        Iterations = Iterations,
        Stream = NoStream ? false : null,
        EncryptFirstPacket = EncryptFirstPacket,
        AllowXor = AllowXor,
        Timeout = Timeout,
    };
}
