using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Packets;

namespace XpraAes;

/// <summary>A standing session with an xpra peer, encrypted in both directions. It answers and sends pings by itself until it is closed.</summary>
public sealed class XpraConnection : IAsyncDisposable
{
    private readonly PacketChannel _channel;
    private readonly HandshakeResult _agreed;
    private readonly Limits _limits;
    private readonly ILogger _log;
    private readonly Func<XpraDictionary>? _info;
    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentDictionary<long, TaskCompletionSource<TimeSpan>> _pings = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<XpraDictionary>? _infoResponse;
    private long _lastReceived = Stopwatch.GetTimestamp();
    private long _lastPing;
    private long _latencyTicks = -1;
    private int _state;
    private volatile bool _keyProven;
    private string? _closeReason;

    internal XpraConnection(PacketChannel channel, HandshakeResult agreed, ConnectionDirection direction, string endpoint, string peer,
        XpraKey key, Limits limits, ILogger log, Func<XpraDictionary>? info = null)
    {
        _channel = channel;
        _agreed = agreed;
        _limits = limits;
        _log = log;
        _info = info;
        _keyProven = agreed.KeyProven;
        Id = LiveObjects.NextId();
        Direction = direction;
        Endpoint = endpoint;
        Peer = peer;
        KeySource = key.KeySource;
        KeyFingerprint = key.Fingerprint;
    }

    /// <summary>Raised once, when the connection is closed, from a thread of the pool.</summary>
    public event EventHandler? Closed;

    /// <summary>Called once, when the peer's first packet has decrypted.</summary>
    internal event Action? KeyProvenChanged;

    /// <summary>A number of its own in this process.</summary>
    public int Id { get; }

    /// <summary>Where it leads: the server's URI, or the listener's.</summary>
    public string Endpoint { get; }

    /// <summary>The peer's address and port.</summary>
    public string Peer { get; }

    /// <summary>Who opened it.</summary>
    public ConnectionDirection Direction { get; }

    /// <summary>The AES mode of what we send; <see cref="GetCipherInfo"/> has both directions.</summary>
    public AesMode Mode => _agreed.Send.Mode;

    /// <summary>The PBKDF2 salt of what we send, in hex; <see cref="GetCipherInfo"/> has both directions.</summary>
    public string Salt => Convert.ToHexString(_agreed.Send.Salt.Span).ToLowerInvariant();

    /// <summary>Where the key data came from.</summary>
    public KeySource KeySource { get; }

    /// <summary>The fingerprint of the key data.</summary>
    public string KeyFingerprint { get; }

    /// <summary>Whether a packet of the peer's has decrypted yet: a clear hello proves nothing.</summary>
    public bool KeyProven => _keyProven;

    /// <summary>The xpra version that the peer names; null where it names none.</summary>
    public string? PeerVersion => _agreed.PeerVersion;

    /// <summary>How far it is.</summary>
    public ConnectionState State => (ConnectionState)Volatile.Read(ref _state);

    /// <summary>Why it was closed; null while it is open.</summary>
    public string? CloseReason => Volatile.Read(ref _closeReason);

    /// <summary>When the hellos were exchanged, in local time.</summary>
    public DateTime Opened { get; } = DateTime.Now;

    /// <summary>Bytes received, headers and handshake included.</summary>
    public long BytesIn => _channel.Reader.BytesRead;

    /// <summary>Bytes sent, headers and handshake included.</summary>
    public long BytesOut => _channel.Writer.BytesWritten;

    /// <summary>The time between the last ping of ours and its echo; null before the first.</summary>
    public TimeSpan? Latency => Interlocked.Read(ref _latencyTicks) is >= 0 and var ticks ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Completes when the connection is closed.</summary>
    public Task Completion => _closed.Task;

    /// <summary>Whether the peer says that it echoes pings.</summary>
    internal bool PeerPings => Direction == ConnectionDirection.Outbound
        || _agreed.PeerHello.GetBoolean("ping") == true || _agreed.PeerHello.GetBoolean("network-state") == true;

    internal XpraDictionary PeerHello => _agreed.PeerHello;

    /// <summary>Two rows: what each direction really uses.</summary>
    public IReadOnlyList<CipherInfo> GetCipherInfo() =>
    [
        CipherInfo.From(this, CipherDirection.Send, _agreed.Send, _agreed.Send.PaddingUnit),
        CipherInfo.From(this, CipherDirection.Receive, _agreed.Receive, _channel.Reader.Decryptor?.PaddingUnit ?? _agreed.Receive.PaddingUnit),
    ];

    /// <summary>Sends a ping and waits for its echo.</summary>
    /// <exception cref="XpraAesException">Closed or ConnectionLost.</exception>
    /// <exception cref="TimeoutException">No echo within the time given.</exception>
    public async Task<TimeSpan> PingAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        RequireOpen();
        var sent = Stopwatch.GetTimestamp();
        var token = NextPingToken();
        var echo = new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pings[token] = echo;
        try
        {
            await SendAsync(["ping", token, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()], cancellationToken).ConfigureAwait(false);
            await echo.Task.WaitAsync(timeout, cancellationToken).ConfigureAwait(false);
            var latency = Stopwatch.GetElapsedTime(sent);
            Interlocked.Exchange(ref _latencyTicks, latency.Ticks);
            return latency;
        }
        finally
        {
            _pings.TryRemove(token, out _);
        }
    }

    /// <summary>Asks the peer for its information, as <c>xpra info</c> shows it.</summary>
    internal async Task<XpraDictionary> RequestInfoAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        RequireOpen();
        var response = new TaskCompletionSource<XpraDictionary>(TaskCreationOptions.RunContinuationsAsynchronously);
        _infoResponse = response;
        await SendAsync(["info-request", new object?[] { _agreed.PeerHello.GetString("uuid") ?? "" }, Array.Empty<object?>(), Array.Empty<object?>()], cancellationToken).ConfigureAwait(false);
        return await response.Task.WaitAsync(timeout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a disconnect packet, gives the peer a second to close, and closes.</summary>
    public Task CloseAsync() => CloseAsync(Direction == ConnectionDirection.Outbound ? "client request" : "server exit");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CloseAsync().ConfigureAwait(false);

    /// <summary>For example <c>2 tcp://127.0.0.1:10000/ AES-CTR Open</c>.</summary>
    public override string ToString() => $"{Id} {Endpoint} AES-{Mode} {State}";

    internal async Task CloseAsync(string reason)
    {
        if (Interlocked.CompareExchange(ref _state, (int)ConnectionState.Closing, (int)ConnectionState.Open) == (int)ConnectionState.Open)
        {
            Interlocked.CompareExchange(ref _closeReason, reason, null);
            using var grace = new CancellationTokenSource(_limits.CloseGrace);
            try
            {
                await _channel.SendAsync(Hello.Disconnect(reason), grace.Token).ConfigureAwait(false);
                await _closed.Task.WaitAsync(grace.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is XpraAesException or OperationCanceledException)
            {
                // The peer is gone or does not listen: then without its consent.
            }
            await _ending.CancelAsync().ConfigureAwait(false);
            _channel.Abort();
        }
        await _closed.Task.ConfigureAwait(false);
    }

    /// <summary>Enters the registry and starts to serve the session in the background.</summary>
    internal void Start()
    {
        LiveObjects.Add(this);
        Log.SessionOpened(_log, Peer, PeerVersion ?? "unknown", Mode);
        _ = Task.Run(RunAsync);
    }

    /// <summary>Ends it at once, without a word to the peer.</summary>
    internal void Cut()
    {
        Interlocked.CompareExchange(ref _closeReason, "cut off", null);
        _channel.Abort();
    }

    private async Task RunAsync()
    {
        var pinging = PingRegularlyAsync();
        var reason = "the peer closed the connection";
        try
        {
            while (await _channel.ReceiveAsync(_ending.Token).ConfigureAwait(false) is { } packet)
            {
                Interlocked.Exchange(ref _lastReceived, Stopwatch.GetTimestamp());
                ProveKey(packet);
                if (await HandleAsync(packet).ConfigureAwait(false) is { } end)
                {
                    reason = end;
                    break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            reason = "closed";
        }
        catch (MalformedPacketException) when (!_keyProven)
        {
            reason = $"{XpraErrorId.KeyMismatch}: the peer's first packet does not decrypt, it holds other key data";
        }
        catch (XpraAesException e)
        {
            reason = $"{e.Id}: {e.Message}";
        }
        catch (Exception e)
        {
            // The process goes on; the log has the trace.
            Log.SessionFailed(_log, Peer, e);
            reason = "internal failure";
        }
        await EndAsync(reason, pinging).ConfigureAwait(false);
    }

    private async Task EndAsync(string reason, Task pinging)
    {
        Interlocked.CompareExchange(ref _closeReason, reason, null);
        Interlocked.Exchange(ref _state, (int)ConnectionState.Closed);
        LiveObjects.Remove(this);
        await _ending.CancelAsync().ConfigureAwait(false);
        await pinging.ConfigureAwait(false);
        await _channel.DisposeAsync().ConfigureAwait(false);
        var closed = new XpraAesException(XpraErrorId.Closed, $"The connection is closed: {CloseReason}.");
        foreach (var ping in _pings.Values)
            ping.TrySetException(closed);
        _infoResponse?.TrySetException(closed);
        Log.SessionClosed(_log, Peer, CloseReason!);
        _closed.TrySetResult();
        Closed?.Invoke(this, EventArgs.Empty);
    }

    private void ProveKey(Packet packet)
    {
        if (_keyProven)
            return;
        _keyProven = true;
        _channel.TrustPeer();
        Log.KeyProven(_log, Peer, PeerIdentification.Sanitize(packet.Type));
        KeyProvenChanged?.Invoke();
    }

    /// <summary>Serves one packet; the reason to end, or null to go on.</summary>
    private async Task<string?> HandleAsync(Packet packet)
    {
        switch (packet.Type)
        {
            case "ping":
                await SendAsync(["ping_echo", packet[1], 0L, 0L, 0L, LatencyMilliseconds, .. packet.Items.Skip(3).Take(1)], _ending.Token).ConfigureAwait(false);
                return null;
            case "ping_echo":
                if (packet[1] is long token && _pings.TryRemove(token, out var echo))
                    echo.TrySetResult(TimeSpan.Zero);
                return null;
            case "info-request" when _info is not null:
                await SendAsync(["info-response", _info()], _ending.Token).ConfigureAwait(false);
                return null;
            case "info-response" when packet.Dictionary(1) is { } info:
                Interlocked.Exchange(ref _infoResponse, null)?.TrySetResult(info);
                return null;
            case Hello.DisconnectType:
                var reason = Refusals.Reason(packet);
                await FarewellAsync().ConfigureAwait(false);
                return $"the peer disconnected: {reason}";
            default:
                // A session without a display has no use for anything else.
                return null;
        }
    }

    /// <summary>xpra's servers answer a client's disconnect with one of their own.</summary>
    private async Task FarewellAsync()
    {
        if (Interlocked.CompareExchange(ref _state, (int)ConnectionState.Closing, (int)ConnectionState.Open) != (int)ConnectionState.Open
            || Direction == ConnectionDirection.Outbound)
        {
            return;
        }
        using var grace = new CancellationTokenSource(_limits.CloseGrace);
        try
        {
            await _channel.SendAsync(Hello.Disconnect("client request"), grace.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException or OperationCanceledException)
        {
            // It did not wait for an answer.
        }
    }

    private async Task PingRegularlyAsync()
    {
        using var timer = new PeriodicTimer(_limits.PingInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(_ending.Token).ConfigureAwait(false))
            {
                if (!PeerPings)
                    continue;
                if (Stopwatch.GetElapsedTime(Interlocked.Read(ref _lastReceived)) > _limits.IdleTimeout)
                {
                    await CloseWithoutWaitingAsync(Direction == ConnectionDirection.Inbound ? "client ping timeout" : "server ping timeout").ConfigureAwait(false);
                    return;
                }
                await PingAsync(_limits.IdleTimeout, _ending.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or XpraAesException)
        {
            // The session ends; the receiving loop knows why.
        }
        catch (TimeoutException)
        {
            await CloseWithoutWaitingAsync("client ping timeout").ConfigureAwait(false);
        }
    }

    /// <summary>From within the session's own tasks, which the closing waits for.</summary>
    private async Task CloseWithoutWaitingAsync(string reason)
    {
        Interlocked.CompareExchange(ref _closeReason, reason, null);
        using var grace = new CancellationTokenSource(_limits.CloseGrace);
        try
        {
            await _channel.SendAsync(Hello.Disconnect(reason), grace.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException or OperationCanceledException)
        {
            // It is gone, as the silence said.
        }
        _channel.Abort();
    }

    private Task SendAsync(object?[] packet, CancellationToken cancellationToken) => _channel.SendAsync(packet, cancellationToken);

    private long LatencyMilliseconds => Latency is { } latency ? (long)latency.TotalMilliseconds : -1;

    /// <summary>xpra's token is a monotonic time in milliseconds; ours also differs from the one before.</summary>
    private long NextPingToken()
    {
        while (true)
        {
            var last = Interlocked.Read(ref _lastPing);
            var next = Math.Max(last + 1, Environment.TickCount64);
            if (Interlocked.CompareExchange(ref _lastPing, next, last) == last)
                return next;
        }
    }

    private void RequireOpen()
    {
        if (State != ConnectionState.Open)
            throw new XpraAesException(XpraErrorId.Closed, $"The connection {Id} is closed: {CloseReason}.");
    }
}
