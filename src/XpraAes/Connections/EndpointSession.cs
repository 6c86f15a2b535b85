using System.Collections.Concurrent;
using System.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Connections;

/// <summary>A session that ends in this process: it sends and answers pings, requests or serves information, and disconnects with a reason.</summary>
internal sealed class EndpointSession(PacketChannel channel, CipherLeg leg, XpraDictionary peerHello, bool isClient, Limits limits, Func<XpraDictionary>? info) : ISession
{
    private const string InfoResponse = "info-response", Screenshot = "screenshot";

    private readonly ConcurrentDictionary<long, TaskCompletionSource> _pings = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource<Packet>>> _questions = [];
    private long _lastReceived = Stopwatch.GetTimestamp();
    private long _lastPing;
    private long _latencyTicks = -1;
    private volatile bool _keyProven;
    private volatile string? _timeoutReason;

    public IReadOnlyList<CipherLeg> Legs { get; } = [leg];

    public PacketChannel Channel => channel;

    public Action? KeyProven { private get; set; }

    /// <summary>Whether to send before a packet from the peer has decrypted; false for a client that has not proven that it holds the key.</summary>
    public bool MaySendFirst { private get; init; } = true;

    /// <summary>The round trip time of the last ping; null before the first.</summary>
    public TimeSpan? Latency => Interlocked.Read(ref _latencyTicks) is >= 0 and var ticks ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Whether the peer echoes pings: servers always do, clients announce it.</summary>
    private bool PeerPings => isClient || peerHello.GetBoolean("ping") == true || peerHello.GetBoolean("network-state") == true;

    private bool MaySend => MaySendFirst || _keyProven;

    public async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pinging = PingPeriodicallyAsync(stop.Token);
        try
        {
            var reason = await ReceiveAsync(stop.Token).ConfigureAwait(false);
            // A stream that was closed here can end as if the peer had closed it.
            return _timeoutReason ?? reason;
        }
        catch (XpraAesException) when (_timeoutReason is not null)
        {
            return _timeoutReason;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await pinging.ConfigureAwait(false);
        }
    }

    /// <summary>Sends a ping and waits for its echo.</summary>
    /// <exception cref="TimeoutException">No echo within the timeout.</exception>
    public async Task<TimeSpan> PingAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var sent = Stopwatch.GetTimestamp();
        var token = NextPingToken();
        var echo = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _pings[token] = echo;
        try
        {
            await RequestAsync(["ping", token, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()], echo.Task, timeout, cancellationToken).ConfigureAwait(false);
            var latency = Stopwatch.GetElapsedTime(sent);
            Interlocked.Exchange(ref _latencyTicks, latency.Ticks);
            return latency;
        }
        finally
        {
            _pings.TryRemove(token, out _);
        }
    }

    /// <summary>Requests the peer's information, as <c>xpra info</c> shows it.</summary>
    /// <exception cref="TimeoutException">No answer within the timeout.</exception>
    public async Task<XpraDictionary> RequestInfoAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        object?[] request = ["info-request", new object?[] { peerHello.GetString("uuid") ?? "" }, Array.Empty<object?>(), Array.Empty<object?>()];
        var answer = await AskAsync(request, InfoResponse, timeout, cancellationToken).ConfigureAwait(false);
        return answer.Dictionary(1) ?? throw new MalformedPacketException("The server's information is not a dictionary.");
    }

    /// <summary>Sends a packet and waits for the next packet of the given type; servers answer questions of one type in their order.</summary>
    /// <exception cref="TimeoutException">No answer within the timeout.</exception>
    public async Task<Packet> AskAsync(object?[] packet, string answerType, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<Packet>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_questions)
        {
            if (!_questions.TryGetValue(answerType, out var waiting))
                _questions[answerType] = waiting = new();
            waiting.Enqueue(answer);
        }
        try
        {
            await RequestAsync(packet, answer.Task, timeout, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // Its place in the queue stays taken, so that a late answer does not go to the next question.
            answer.TrySetCanceled(CancellationToken.None);
            throw;
        }
        return await answer.Task.ConfigureAwait(false);
    }

    /// <summary>Sends a packet that has no answer.</summary>
    public Task SendAsync(object?[] packet, CancellationToken cancellationToken) => channel.SendAsync(packet, cancellationToken);

    /// <summary>The peer's hello.</summary>
    public XpraDictionary PeerHello => peerHello;

    public Task SendDisconnectAsync(string reason, CancellationToken cancellationToken)
        => channel.SendAsync(Hello.Disconnect(reason), cancellationToken);

    public void Abort() => channel.Abort();

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync().ConfigureAwait(false);
        var closed = new XpraAesException(XpraErrorId.Closed, "The connection is closed.");
        // Each exception counts as seen: who asked may have given up at this moment.
        foreach (var ping in _pings.Values)
        {
            ping.TrySetException(closed);
            _ = ping.Task.Exception;
        }
        lock (_questions)
        {
            foreach (var question in _questions.Values.SelectMany(waiting => waiting))
            {
                question.TrySetException(closed);
                _ = question.Task.Exception;
            }
            _questions.Clear();
        }
    }

    /// <summary>Sends a packet and waits for its answer. The timeout covers both, as a peer that does not read blocks the send too.</summary>
    private async Task RequestAsync(object?[] packet, Task answer, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            await channel.SendAsync(packet, deadline.Token).ConfigureAwait(false);
            await answer.WaitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"The peer did not answer '{packet[0]}' within {timeout.TotalSeconds:0.#} s.");
        }
    }

    private async Task<string> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (await ReceivePacketAsync(cancellationToken).ConfigureAwait(false) is { } packet)
        {
            Interlocked.Exchange(ref _lastReceived, Stopwatch.GetTimestamp());
            if (!_keyProven && !isClient)
            {
                channel.TrustPeer();
                KeyProven?.Invoke();
                _keyProven = true;
            }
            if (await HandleAsync(packet, cancellationToken).ConfigureAwait(false) is { } end)
                return end;
        }
        return "the peer closed the connection";
    }

    private async Task<Packet?> ReceivePacketAsync(CancellationToken cancellationToken)
    {
        try
        {
            var packet = await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (packet is { HasName: false } && !_keyProven && !isClient)
                throw new MalformedPacketException("The peer's first packet has no name.").ForPeer(packet.Header.IsEncrypted);
            return packet;
        }
        catch (MalformedPacketException e) when (!_keyProven && !isClient && e.Id == XpraErrorId.KeyMismatch)
        {
            throw new XpraAesException(XpraErrorId.KeyMismatch, "The peer's first packet does not decrypt: the peer has a different key.", innerException: e);
        }
    }

    /// <summary>Handles one packet. Returns the reason to end the session, or null to continue.</summary>
    private async Task<string?> HandleAsync(Packet packet, CancellationToken cancellationToken)
    {
        switch (packet.Type)
        {
            case "ping":
                // Three load averages, which are only shown in graphs, the latency, and the session id if the ping had one.
                await channel.SendAsync(["ping_echo", packet[1], 0L, 0L, 0L, LatencyMilliseconds, .. packet.Items.Skip(3).Take(1)], cancellationToken).ConfigureAwait(false);
                return null;
            case "ping_echo":
                if (packet[1] is long token && _pings.TryRemove(token, out var echo))
                    echo.TrySetResult();
                return null;
            case "info-request" when info is not null:
                await channel.SendAsync(["info-response", info()], cancellationToken).ConfigureAwait(false);
                return null;
            case InfoResponse or Screenshot:
                Answer(packet);
                return null;
            case Hello.DisconnectType:
                await AnswerDisconnectAsync(cancellationToken).ConfigureAwait(false);
                return $"the peer disconnected: {Refusals.Reason(packet)}";
            default:
                // Everything else is about a display, which this session does not have.
                return null;
        }
    }

    private void Answer(Packet packet)
    {
        lock (_questions)
        {
            if (_questions.TryGetValue(packet.Type, out var waiting) && waiting.TryDequeue(out var question))
                question.TrySetResult(packet);
        }
    }

    /// <summary>xpra's servers answer a client's disconnect with one of their own.</summary>
    private async Task AnswerDisconnectAsync(CancellationToken cancellationToken)
    {
        if (isClient)
            return;
        using var grace = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        grace.CancelAfter(limits.CloseGrace);
        try
        {
            await SendDisconnectAsync("client request", grace.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException or OperationCanceledException)
        {
            // The client did not wait for the answer.
        }
    }

    /// <summary>Pings periodically, and ends the session when the peer no longer echoes.</summary>
    private async Task PingPeriodicallyAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(limits.PingInterval);
        // Cancelling the wait would throw once per session; disposing of the timer ends it quietly.
        await using var stopping = cancellationToken.UnsafeRegister(static timer => ((PeriodicTimer)timer!).Dispose(), timer).ConfigureAwait(false);
        try
        {
            while (await timer.WaitForNextTickAsync(CancellationToken.None).ConfigureAwait(false))
            {
                if (!PeerPings)
                    continue;
                if (Stopwatch.GetElapsedTime(Interlocked.Read(ref _lastReceived)) > limits.IdleTimeout)
                    throw new TimeoutException();
                if (!MaySend)
                    continue;
                await PingAsync(limits.IdleTimeout, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or XpraAesException)
        {
            // The session ends; the receiving loop knows why.
        }
        catch (TimeoutException)
        {
            var reason = isClient ? "server ping timeout" : "client ping timeout";
            if (MaySend)
                await DisconnectSilentPeerAsync(reason).ConfigureAwait(false);
            _timeoutReason = reason;
            channel.Abort();
        }
    }

    private async Task DisconnectSilentPeerAsync(string reason)
    {
        using var grace = new CancellationTokenSource(limits.CloseGrace);
        try
        {
            await SendDisconnectAsync(reason, grace.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException or OperationCanceledException)
        {
            // The peer is gone.
        }
    }

    private long LatencyMilliseconds => Latency is { } latency ? (long)latency.TotalMilliseconds : -1;

    /// <summary>A monotonic time in milliseconds, as in xpra, but never the same one twice.</summary>
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
}
