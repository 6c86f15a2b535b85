using System.Collections.Concurrent;
using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Listening;

namespace XpraAes.PowerShell.Commands;

/// <summary>Connects to xpra servers over AES, to many at once where many are given.</summary>
// There is no default parameter set: rows of a table would be bound to it by the columns that both sets have, and never to the other.
[Cmdlet(VerbsCommunications.Connect, "XpraAes")]
[OutputType(typeof(XpraConnection))]
public sealed class ConnectXpraAesCommand : EncryptionCommand
{
    private const string HostSet = "Host";

    private readonly List<ConnectOptions> _servers = [];
    private readonly List<IDisposable> _secrets = [];
    private readonly Dictionary<(string? File, string? Data), XpraKey> _keys = [];
    private readonly ConcurrentDictionary<XpraConnection, byte> _unseen = new();
    private bool _begun;
    private volatile bool _ended;

    /// <summary>URIs as xpra's clients take them: tcp://host:port/?encryption=AES-GCM&amp;keyfile=key.txt.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Uri), ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    public string[] Uri { get; set; } = [];

    /// <summary>Host names or addresses.</summary>
    [Parameter(Mandatory = true, ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [Alias("Host", "HostName")]
    [TextOnly]
    public string[] ComputerName { get; set; } = [];

    /// <summary>The TCP port; 0, as in an empty column of a table, is xpra's own.</summary>
    [Parameter(ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int Port { get; set; }

    /// <summary>The AES mode; CBC unless said here or in the URI.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ModeTransformation]
    public AesMode? Mode { get; set; }

    /// <summary>Uses the password as the key too, as servers from 3.1 to 6.1 do that have a password and no key.</summary>
    [Parameter]
    public SwitchParameter PasswordAsKey { get; set; }

    /// <summary>An IV of its own for every packet: xpra 6.2 and later.</summary>
    [Parameter]
    public SwitchParameter NoStream { get; set; }

    /// <summary>How long the connection, and each answer to a packet of ours, may take: seconds or a TimeSpan.</summary>
    [Parameter]
    [SecondsTransformation]
    public TimeSpan Timeout { get; set; } = Limits.Default.HandshakeTimeout;

    /// <summary>How many servers are connected to at once.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    public int ThrottleLimit { get; set; } = 32;

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        if (Password is not null)
            _secrets.Add(Password);
    }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == HostSet)
            this.ForEach(ComputerName, AddHost);
        else
            this.ForEach(Uri, AddUri);
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        try
        {
            _begun = true;
            Run(ConnectAllAsync);
        }
        finally
        {
            // A pipeline that was stopped, or has enough, never saw these: nobody else would close them.
            _ended = true;
            foreach (var connection in _unseen.Keys.Where(Claim))
                _ = connection.CloseAsync();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_begun)
            DisposeSecrets();
        base.Dispose(disposing);
    }

    private void AddHost(string host)
        => Add(new XpraEndpoint(TransportKind.Tcp, host, Port == 0 ? ProtocolDefaults.Port : Port), Mode, Credential?.UserName, Password);

    private void AddUri(string text)
    {
        var uri = XpraUri.Parse(text);
        _secrets.Add(uri);
        foreach (var warning in uri.Warnings)
            WarnOnce(warning);
        // What is said twice in different words is a mistake, and a wrong guess would cost secrecy.
        RequireOnce(uri, "a mode", uri.Encryption is { } asked && asked != (Mode ?? asked), "-Mode");
        RequireOnce(uri, "a key", IsKeyGiven && (uri.Key is not null || uri.KeyFile is not null), "-KeyFile, -KeyData and -Key");
        RequireOnce(uri, "a user or a password", Password is not null && (uri.UserName is not null || uri.Password is not null), "-Credential and -PasswordFile");
        Add(uri.Endpoint, uri.Encryption ?? Mode, uri.UserName ?? Credential?.UserName, uri.Password ?? Password, uri.Key, uri.KeyFile);
    }

    private static void RequireOnce(XpraUri uri, string what, bool twice, string parameters)
    {
        if (twice)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{uri.Endpoint}: the URI gives {what}, and so does a parameter.", $"Take it out of the URI, or leave {parameters} out.") { Target = $"{uri.Endpoint}" };
    }

    private void Add(XpraEndpoint endpoint, AesMode? mode, string? userName, SecretBuffer? password, XpraKey? uriKey = null, string? uriKeyFile = null)
    {
        XpraKey key;
        try
        {
            key = PasswordAsKey ? KeyOf(password, uriKey is not null || uriKeyFile is not null) : KeyFor(uriKey, uriKeyFile);
        }
        catch (XpraAesException e)
        {
            throw new XpraAesException(e.Id, $"{endpoint}: {e.Message}", e.RecommendedAction, e) { Target = $"{endpoint}" };
        }
        var options = new ConnectOptions
        {
            Endpoint = endpoint,
            Key = key,
            Mode = mode ?? AesMode.CBC,
            KeySize = KeySize / 8,
            KeyHash = KeyHash,
            Iterations = Iterations,
            Stream = NoStream ? false : null,
            EncryptFirstPacket = EncryptFirstPacket,
            UserName = userName,
            Password = password,
            Timeout = Timeout,
        };
        WarnOfFirstPacket([options.Mode]);
        _servers.Add(options);
    }

    /// <summary>One key for all the servers that name the same one: it is read, and its fingerprint computed, once.</summary>
    private XpraKey KeyFor(XpraKey? uriKey, string? uriKeyFile)
    {
        var name = (uriKeyFile ?? KeyFile, KeyData);
        if (uriKey is null && _keys.TryGetValue(name, out var known))
            return known;
        var key = ResolveKey(uriKey, uriKeyFile);
        _secrets.Add(key);
        _ = key.Fingerprint;
        if (uriKey is null)
            _keys[name] = key;
        return key;
    }

    /// <summary>Only where it is asked for: what such a key encrypts can be guessed at offline.</summary>
    private XpraKey KeyOf(SecretBuffer? password, bool uriHasKey)
    {
        if (uriHasKey || IsKeyGiven)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-PasswordAsKey is given, and a key too.", "Leave one of them out.");
        if (password is null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-PasswordAsKey is given, and no password.", "Give -Credential or -PasswordFile too.");
        using var passwordKey = XpraKey.FromPassword(password.Span);
        var key = ResolveKey(passwordKey);
        _secrets.Add(key);
        return key;
    }

    private async Task ConnectAllAsync(PipelineOutput output, CancellationToken cancellationToken)
    {
        var done = 0;
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = ThrottleLimit, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(_servers, parallel, async (server, token) =>
            {
                await ConnectAsync(server, output, token);
                if (_servers.Count > 1)
                    ShowProgress(output, Interlocked.Increment(ref done));
            });
        }
        finally
        {
            DisposeSecrets();
        }
    }

    private async Task ConnectAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken)
    {
        try
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
        catch (XpraAesException e)
        {
            output.WriteError(e);
        }
    }

    private void ShowProgress(PipelineOutput output, int done)
        => output.WriteProgress(new ProgressRecord(0, "Connecting to xpra servers", $"{done} of {_servers.Count}")
        {
            PercentComplete = 100 * done / _servers.Count,
            RecordType = done < _servers.Count ? ProgressRecordType.Processing : ProgressRecordType.Completed,
        });

    /// <summary>Whoever claims a connection first has it: the pipeline, or the one who closes what the pipeline did not want.</summary>
    private bool Claim(XpraConnection connection) => _unseen.TryRemove(connection, out _);

    private void DisposeSecrets()
    {
        foreach (var secret in _secrets)
            secret.Dispose();
    }
}
