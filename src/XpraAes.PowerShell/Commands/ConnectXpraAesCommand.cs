using System.Collections.Concurrent;
using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Listening;

namespace XpraAes.PowerShell.Commands;

/// <summary>Connects to xpra servers over AES, to many at once where many are given; or carries the clients of a local socket to one.</summary>
// There is no default parameter set: rows of a table would be bound to it by the columns that both sets have, and never to the other.
[Cmdlet(VerbsCommunications.Connect, "XpraAes")]
[OutputType(typeof(XpraConnection), typeof(AesListener))]
public sealed class ConnectXpraAesCommand : ServerCommand
{
    private readonly ConcurrentDictionary<XpraConnection, byte> _unseen = new();
    private volatile bool _ended;

    /// <summary>The path of a Unix socket to make, which only its owner can use: clients that connect to it in clear are carried to the server over AES.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? LocalSocket { get; set; }

    /// <summary>As -LocalSocket, on a port of 127.0.0.1, which every user of this machine can use; 0 takes a free one.</summary>
    [Parameter]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int? LocalPort { get; set; }

    /// <summary>Requests besides sessions and info that clients of -LocalPort may send: stop, screenshot, command.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(RequestCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] AllowRequest { get; set; } = [];

    private protected override string Activity => "Connecting to xpra servers";

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        if (AllowRequest.Length > 0 && LocalPort is null)
            throw Unfit("-AllowRequest is given, and no -LocalPort.", "Leave it out: on -LocalSocket, which is yours alone, every request passes.");
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        try
        {
            if (LocalSocket is not null || LocalPort is not null)
                WriteObject(AesListener.Start(LocalEnd()));
            else
                base.Finish();
        }
        finally
        {
            // A pipeline that was stopped, or has enough, never saw these: nobody else would close them.
            _ended = true;
            foreach (var connection in _unseen.Keys.Where(Claim))
                _ = connection.CloseAsync();
        }
    }

    private protected override async Task WorkAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var connection = await XpraConnector.ConnectAsync(server, cancellationToken);
        _unseen[connection] = 0;
        output.Post(cmdlet =>
        {
            if (Claim(connection))
                cmdlet.WriteObject(connection);
        });
        if (_ended && Claim(connection))
            await connection.CloseAsync();
    }

    /// <summary>A listener without a key, in front of the server with one.</summary>
    private ListenerOptions LocalEnd()
    {
        if (LocalSocket is not null && LocalPort is not null)
            throw Unfit("-LocalSocket and -LocalPort are both given.", "Leave one of them out; -LocalSocket is for you alone.");
        var servers = Servers;
        if (servers.Count != 1)
            throw Unfit($"A local end leads to one server, and {servers.Count} are given.", "Give one server, and a local end to each.");
        var server = servers[0];
        if (server.Password is not null)
            throw Unfit("A password is given, and the clients of a local end answer the server's challenge themselves.", "Give the password to the client: xpra attach --password-file=…");
        if (EncryptFirstPacket)
            throw Unfit("A local end does not encrypt the first packet.", "Leave -EncryptFirstPacket out.");
        if (LocalPort is not null)
            WarnOnce("Every user of this machine can use the port, and so the session behind it. With -LocalSocket only you can.");
        return new ListenerOptions
        {
            Key = null,
            SocketPath = LocalSocket is null ? null : FilePath.Resolve(this, LocalSocket),
            Port = LocalPort ?? 0,
            AllowRequests = AllowRequest,
            Target = new TargetOptions
            {
                Endpoint = server.Endpoint,
                UserName = server.UserName,
                Keys = [server.Key, .. server.OtherKeys],
                Mode = server.Mode,
                KeySize = server.KeySize,
                KeyHash = server.KeyHash,
                Iterations = server.Iterations,
                Stream = server.Stream,
            },
            Limits = Limits.Default with { TargetConnectTimeout = Timeout, HandshakeTimeout = Timeout },
        };
    }

    private static XpraAesException Unfit(string message, string action) => new(XpraErrorId.InvalidOption, message, action);

    /// <summary>Whoever claims a connection first has it: the pipeline, or the one who closes what the pipeline did not want.</summary>
    private bool Claim(XpraConnection connection) => _unseen.TryRemove(connection, out _);
}
