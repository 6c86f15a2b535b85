using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Keys;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes;

/// <summary>An established session with an xpra peer, encrypted in both directions. It runs in the background until it is closed.</summary>
public sealed class XpraConnection : IAsyncDisposable
{
    private readonly ISession _session;
    private readonly Limits _limits;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _state;
    private volatile bool _keyProven;
    private string? _closeReason;

    internal XpraConnection(ISession session, ConnectionDirection direction, bool keyProven, string endpoint, Limits limits, ILogger log)
    {
        _session = session;
        _limits = limits;
        _log = log;
        _keyProven = keyProven;
        Id = LiveRegistry.NextId();
        Direction = direction;
        Endpoint = endpoint;
        session.KeyProven = ProveKey;
        session.Channel.PacketLogLevel = LogLevel.Trace;
    }

    /// <summary>Raised once, on a thread-pool thread, when the connection is closed.</summary>
    public event EventHandler? Closed;

    /// <summary>Its number, unique in this process.</summary>
    public int Id { get; }

    /// <summary>The server's URI for an outbound connection, the listener's for an inbound one.</summary>
    public string Endpoint { get; }

    /// <summary>The peer's address and port.</summary>
    public string Peer => Leg.Peer;

    /// <summary>The route of a gateway by which the session was forwarded, as <see cref="AesListener.Routes"/> names it; null elsewhere.</summary>
    public string? Route { get; internal init; }

    /// <summary>Who opened it.</summary>
    public ConnectionDirection Direction { get; }

    /// <summary>The AES mode of what this end sends; <see cref="GetCipherInfo"/> has both directions.</summary>
    public AesMode? Mode => Leg.Seal is null ? Leg.Send?.Mode : AesMode.GCM;

    /// <summary>The PBKDF2 salt of what this end sends, in hex; <see cref="GetCipherInfo"/> has both directions.</summary>
    public string? Salt => Leg.Send is { } send ? Convert.ToHexString(send.Salt.Span).ToLowerInvariant() : null;

    /// <summary>Where the key data came from.</summary>
    public KeySource? KeySource => Leg.KeySource;

    /// <summary>The fingerprint of the key data.</summary>
    public string? KeyFingerprint => Leg.KeyFingerprint;

    /// <summary>Whether a packet from the peer has decrypted yet; an unencrypted hello does not prove that it holds the key.</summary>
    public bool KeyProven => _keyProven;

    /// <summary>The xpra version that the peer reports, or null.</summary>
    public string? PeerVersion => Leg.PeerVersion;

    /// <summary>Whether it is open, closing or closed.</summary>
    public ConnectionState State => (ConnectionState)Volatile.Read(ref _state);

    /// <summary>Why it was closed; null while it is open.</summary>
    public string? CloseReason => Volatile.Read(ref _closeReason);

    /// <summary>The id of the error that ended it; null while it is open and after an orderly end.</summary>
    public XpraErrorId? CloseCause { get; private set; }

    /// <summary>When the hellos were exchanged, in local time.</summary>
    public DateTime Opened { get; } = DateTime.Now;

    /// <summary>Bytes received from the peer, headers and handshake included.</summary>
    public long BytesIn => Traffic.BytesIn;

    /// <summary>Bytes sent to the peer, headers and handshake included.</summary>
    public long BytesOut => Traffic.BytesOut;

    /// <summary>Packets received from the peer, chunks and the handshake included.</summary>
    public long PacketsIn => Traffic.PacketsIn;

    /// <summary>Packets sent to the peer, chunks and the handshake included.</summary>
    public long PacketsOut => Traffic.PacketsOut;

    /// <summary>The round-trip time of the last ping; null before the first, and for a relayed session.</summary>
    public TimeSpan? Latency => (_session as EndpointSession)?.Latency;

    /// <summary>Completes when the connection is closed.</summary>
    public Task Completion => _closed.Task;

    /// <summary>The user that the peer says it is; null if it says none. Only a password proves it.</summary>
    internal string? UserName { get; init; }

    /// <summary>Where a gateway has forwarded the session to; null if it was not forwarded.</summary>
    internal XpraEndpoint? Target { get; init; }

    internal Traffic Traffic => Traffic.Of(_session.Channel);

    /// <summary>What carries the peer's packets; null where there is no connection, as in memory.</summary>
    internal TransportKind? Transport => _session.Channel.Transport;

    /// <summary>The legs, the peer's first; a relayed session has a second one to its target.</summary>
    internal IReadOnlyList<CipherLeg> Legs => _session.Legs;

    /// <summary>The full path of the key file; null if the key is not from a file.</summary>
    internal string? KeyPath => Leg.KeyPath;

    private CipherLeg Leg => _session.Legs[0];

    /// <summary>Raised once, when the peer's first packet has decrypted.</summary>
    internal event Action? KeyProvenChanged;

    /// <summary>The cipher in use in each direction: two rows, and two more for a gateway's connection to its target.</summary>
    public IReadOnlyList<CipherInfo> GetCipherInfo() => (CipherInfo[])
    [
        .. _session.Legs.SelectMany(leg => new[]
        {
            CipherInfo.From(this, leg, CipherDirection.Send, leg.Send, leg.Send?.PaddingUnit ?? 0, IsProven(leg)),
            CipherInfo.From(this, leg, CipherDirection.Receive, leg.Receive, leg.ReceivePaddingUnit, IsProven(leg)),
        }),
    ];

    /// <summary>Sends a ping and waits for its echo.</summary>
    /// <exception cref="XpraAesException">Closed or ConnectionLost; InvalidOption if the session is relayed.</exception>
    /// <exception cref="TimeoutException">No echo within the timeout.</exception>
    public Task<TimeSpan> PingAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => RequireEndpoint().PingAsync(timeout, cancellationToken);

    /// <summary>Sends a disconnect packet, gives the peer <see cref="Limits.CloseGrace"/> to close, and closes.</summary>
    public Task CloseAsync() => CloseAsync(Direction == ConnectionDirection.Outbound ? "client request" : "server exit", _limits.CloseGrace);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CloseAsync().ConfigureAwait(false);

    /// <summary>For example <c>2 tcp://127.0.0.1:10000/ AES-CTR Open</c>.</summary>
    public override string ToString() => $"{Id} {Endpoint} {(Mode is { } mode ? $"AES-{mode}" : "none")} {State}";

    /// <summary>Requests the peer's information, as <c>xpra info</c> does.</summary>
    internal Task<XpraDictionary> RequestInfoAsync(TimeSpan timeout, CancellationToken cancellationToken)
        => RequireEndpoint().RequestInfoAsync(timeout, cancellationToken);

    /// <summary>Sends a packet and waits for the next packet of that type.</summary>
    internal Task<Packet> AskAsync(object?[] packet, string answerType, TimeSpan timeout, CancellationToken cancellationToken)
        => RequireEndpoint().AskAsync(packet, answerType, timeout, cancellationToken);

    /// <summary>Sends a packet that has no answer.</summary>
    internal Task SendAsync(object?[] packet, CancellationToken cancellationToken) => RequireEndpoint().SendAsync(packet, cancellationToken);

    /// <summary>The hello with which the peer opened the session.</summary>
    internal XpraDictionary PeerHello => RequireEndpoint().PeerHello;

    /// <summary>Whether text reaches the peer as bytes, as to servers before 4.3.</summary>
    internal bool SendsTextAsBytes => _session.Channel.Encoding != PacketEncoding.RencodePlus;

    /// <summary>Whether the peer only knows the new names of packet types.</summary>
    internal bool PeerUsesNewNames => _session.Channel.PeerUsesNewNames;

    /// <summary>Delivers what is in transit, sends a disconnect packet and waits for the peer to close; aborts after the timeout.</summary>
    internal async Task CloseAsync(string reason, TimeSpan timeout)
    {
        if (Interlocked.CompareExchange(ref _state, (int)ConnectionState.Closing, (int)ConnectionState.Open) == (int)ConnectionState.Open)
        {
            Interlocked.CompareExchange(ref _closeReason, reason, null);
            using var grace = new CancellationTokenSource(timeout);
            try
            {
                await _session.SendDisconnectAsync(reason, grace.Token).ConfigureAwait(false);
                await _closed.Task.WaitAsync(grace.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is XpraAesException or OperationCanceledException)
            {
                // The peer is gone or does not respond: abort.
            }
            await _ending.CancelAsync().ConfigureAwait(false);
            _session.Abort();
        }
        await _closed.Task.ConfigureAwait(false);
    }

    /// <summary>Adds it to the registry and starts to run it in the background.</summary>
    internal void Start()
    {
        LiveRegistry<XpraConnection>.Add(Id, this);
        Log.SessionOpened(_log, Peer, PeerVersion ?? "unknown", Mode is { } mode ? $"AES-{mode}" : "unencrypted", this);
        _ = RunAsync();
    }

    /// <summary>Ends it at once, without a disconnect packet.</summary>
    internal void Abort(string reason)
    {
        Interlocked.CompareExchange(ref _closeReason, reason, null);
        _session.Abort();
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        string reason;
        try
        {
            reason = await _session.RunAsync(_ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            reason = "closed";
        }
        catch (XpraAesException e)
        {
            CloseCause = e.Id;
            reason = $"{e.Id}: {e.Message}";
        }
        catch (Exception e)
        {
            // Only this session ends; the stack trace is in the log.
            Log.SessionFailed(_log, Peer, e);
            reason = "internal failure";
        }
        Interlocked.CompareExchange(ref _closeReason, reason, null);
        Interlocked.Exchange(ref _state, (int)ConnectionState.Closed);
        LiveRegistry<XpraConnection>.Remove(Id);
        await _session.DisposeAsync().ConfigureAwait(false);
        Log.SessionClosed(_log, Peer, CloseReason!, this);
        _closed.TrySetResult();
        try
        {
            Closed?.Invoke(this, EventArgs.Empty);
        }
        catch (Exception e)
        {
            // A handler must not fail the session.
            Log.HandlerFailed(_log, Endpoint, e);
        }
    }

    /// <summary>A gateway's target has already proven the key with its hello.</summary>
    private bool IsProven(CipherLeg leg) => _keyProven || leg != Leg;

    private void ProveKey()
    {
        if (_keyProven)
            return;
        _keyProven = true;
        Log.KeyProven(_log, Peer, this);
        KeyProvenChanged?.Invoke();
        KeyProvenChanged = null;
    }

    private EndpointSession RequireEndpoint()
    {
        if (State != ConnectionState.Open)
            throw new XpraAesException(XpraErrorId.Closed, $"The connection {Id} is closed: {CloseReason}.");
        return _session as EndpointSession
            ?? throw new XpraAesException(XpraErrorId.InvalidOption, $"The connection {Id} is relayed to another program, which sends its own pings.");
    }
}
