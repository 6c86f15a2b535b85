using System.Collections.Concurrent;
using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Listening;

namespace XpraAes.PowerShell.Commands;

/// <summary>Connects to xpra servers over AES, to several in parallel; or forwards the clients of a local socket or pipe to one.</summary>
// No default parameter set: table rows would bind to it by the columns that both sets share, and never to the other.
[Cmdlet(VerbsCommunications.Connect, "XpraAes")]
[OutputType(typeof(XpraConnection), typeof(AesListener))]
public sealed class ConnectXpraAesCommand : ServerCommand
{
    private readonly ConcurrentDictionary<XpraConnection, byte> _unclaimed = new();
    private volatile bool _ended;

    /// <summary>The path of a Unix socket to create, which only its owner can use: its unencrypted clients are forwarded to the server over AES.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? LocalSocket { get; set; }

    /// <summary>Like -LocalSocket, for Windows: the name of a pipe to create, which only its user can use. xpra's clients connect to named-pipe://NAME.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? LocalPipe { get; set; }

    /// <summary>Like -LocalSocket, but a port of 127.0.0.1, which every user of this machine can use; 0 takes a free one.</summary>
    [Parameter]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int? LocalPort { get; set; }

    /// <summary>Requests other than sessions and info that clients of -LocalPort may send: stop, screenshot, command.</summary>
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
            throw Invalid("-AllowRequest requires -LocalPort.", "Omit it: -LocalSocket and -LocalPipe, which only you can use, allow every request.");
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        try
        {
            if (LocalSocket is not null || LocalPipe is not null || LocalPort is not null)
                WriteObject(AesListener.Start(LocalEndOptions()));
            else
                base.Finish();
        }
        finally
        {
            // If the pipeline was stopped, it never output these: nobody else would close them.
            _ended = true;
            foreach (var connection in _unclaimed.Keys.Where(Claim))
                _ = connection.CloseAsync();
        }
    }

    private protected override async Task WorkAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var connection = await XpraConnector.ConnectAsync(server, cancellationToken);
        _unclaimed[connection] = 0;
        output.Post(cmdlet =>
        {
            if (Claim(connection))
                cmdlet.WriteObject(connection);
        });
        if (_ended && Claim(connection))
            await connection.CloseAsync();
    }

    /// <summary>A listener without a key, in front of the server, which has one.</summary>
    private ListenerOptions LocalEndOptions()
    {
        string[] ends = [.. new[] { LocalSocket is null ? null : "-LocalSocket", LocalPipe is null ? null : "-LocalPipe", LocalPort is null ? null : "-LocalPort" }.OfType<string>()];
        if (ends.Length > 1)
            throw Invalid($"{string.Join(" and ", ends)} are given together.", "Give one of them; every user of this machine can use -LocalPort.");
        var servers = Servers;
        if (servers.Count != 1)
            throw Invalid($"A local end leads to one server, but {servers.Count} are given.", "Give one server for each local end.");
        var server = servers[0];
        if (server.Password is not null)
            throw Invalid("A password is given, but the clients of a local end answer the server's challenge themselves.", "Give the password to the client: xpra attach --password-file=…");
        if (EncryptFirstPacket)
            throw Invalid("A local end does not encrypt the first packet.", "Omit -EncryptFirstPacket.");
        if (LocalPort is not null)
            WarnOnce("Every user of this machine can use the port, and the session behind it. With -LocalSocket, or on Windows -LocalPipe, only you can.");
        return new ListenerOptions
        {
            Key = null,
            SocketPath = LocalSocket is null ? null : FilePath.Resolve(this, LocalSocket),
            PipeName = LocalPipe,
            Port = LocalPort ?? 0,
            AllowRequests = AllowRequest,
            Target = new TargetOptions
            {
                Endpoint = server.Endpoint,
                UserName = server.UserName,
                SessionName = server.SessionName,
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

    private static XpraAesException Invalid(string message, string action) => new(XpraErrorId.InvalidOption, message, action);

    /// <summary>True for the first caller only: either the pipeline outputs the connection, or the cmdlet closes it.</summary>
    private bool Claim(XpraConnection connection) => _unclaimed.TryRemove(connection, out _);
}
