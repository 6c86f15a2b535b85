using System.Diagnostics;
using System.Net.Sockets;
using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>
/// Relays packets between a client and the gateway's target. Each direction has one loop that reads, decrypts, encrypts and writes in
/// batches. It does not read while a write is pending, so a slow reader cannot make memory grow.
/// </summary>
internal sealed class RelaySession : ISession
{
    /// <summary>Pending output is flushed at this size in bytes, even while more packets are available.</summary>
    private const int FlushSize = 64 * 1024;

    /// <summary>Occasional packets up to this size in bytes are relayed on the socket polling thread, which takes microseconds. Larger ones go to the thread pool, as every other socket waits meanwhile.</summary>
    private const int SmallSize = 4 * 1024;

    private readonly PacketChannel _client;
    private readonly PacketChannel _target;
    private readonly PacketTranslator? _toTarget;
    private readonly PacketTranslator? _toClient;
    private readonly Limits _limits;
    private readonly CancellationTokenSource _stopReading = new();
    private volatile string? _stopReason;
    private volatile SessionEnd? _end;
    // Null once what the target sends may go on to the client.
    private volatile TaskCompletionSource? _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _clientIsProven;

    public RelaySession(PacketChannel client, CipherLeg clientLeg, PacketChannel target, CipherLeg targetLeg, PacketTranslator? toTarget, PacketTranslator? toClient, bool holdUntilProven, Limits limits)
    {
        _client = client;
        _target = target;
        _toTarget = toTarget;
        _toClient = toClient;
        _limits = limits;
        Legs = [clientLeg, targetLeg];
        target.Reader.MaxPayloadSize = limits.RelayedPacketSize;
        if (!holdUntilProven)
            _released = null;
    }

    public IReadOnlyList<CipherLeg> Legs { get; }

    public PacketChannel Channel => _client;

    /// <summary>The server that the session goes to.</summary>
    public XpraEndpoint? Target { get; init; }

    public Action? KeyProven { private get; set; }

    public async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var toTarget = PumpAsync(_client, _target, _toTarget, cancellationToken);
        var toClient = PumpAsync(_target, _client, _toClient, cancellationToken);

        var first = await Task.WhenAny(toTarget, toClient).ConfigureAwait(false);
        if (first.IsFaulted)
        {
            // Not by either side. The buffers are freed next, which the other loop must not use any more.
            Abort();
            await _stopReading.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(toTarget, toClient).ConfigureAwait(false);
        }
        var end = _end;
        // One side has closed its half; the other may still be sending.
        if (end is { Failure: null })
            await Task.WhenAny(first == toTarget ? toClient : toTarget, Task.Delay(_limits.HalfCloseTimeout, _stopReading.Token)).ConfigureAwait(false);
        await _stopReading.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(FinishAsync(toTarget, _target, cancellationToken), FinishAsync(toClient, _client, cancellationToken)).ConfigureAwait(false);
        await Task.WhenAll(CloseSideAsync(_client, DisconnectForClient(end), cancellationToken), CloseSideAsync(_target, DisconnectForTarget(), cancellationToken)).ConfigureAwait(false);
        return _stopReason ?? Explain(end);
    }

    /// <summary>Stops the loops between two packets; both ends are then sent a disconnect.</summary>
    public Task SendDisconnectAsync(string reason, CancellationToken cancellationToken)
    {
        _stopReason ??= reason;
        return _stopReading.CancelAsync();
    }

    public void Abort()
    {
        _client.Abort();
        _target.Abort();
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync().ConfigureAwait(false);
        await _target.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Which side ended the session: by an orderly close (no failure) or by failing. There is no such record where the session was stopped from here.</summary>
    private sealed record SessionEnd(PacketChannel Side, XpraAesException? Failure);

    /// <summary>Only the first end counts. It is recorded before any cleanup, since that ends the other direction too, perhaps before this one returns.</summary>
    private void RecordEnd(PacketChannel side, XpraAesException? failure) => Interlocked.CompareExchange(ref _end, new SessionEnd(side, failure), null);

    /// <summary>A cancelled operation is none: it was stopped from here.</summary>
    private void RecordFailure(PacketChannel side, Exception e)
    {
        if (e is not OperationCanceledException)
            RecordEnd(side, e as XpraAesException ?? PacketChannel.Lost(e));
    }

    private async Task PumpAsync(PacketChannel from, PacketChannel to, PacketTranslator? translator, CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        CancellationTokenSource? stall = null;
        var current = from;
        var flushed = int.MaxValue;
        var arrived = 0L;
        var isQuiet = false;
        try
        {
            var isOpen = from == _client || await HoldUntilProvenAsync(cancellationToken).ConfigureAwait(false);
            while (isOpen)
            {
                var hasPacket = from.Reader.TryRead();
                if (hasPacket)
                {
                    if (from == _client && !_clientIsProven)
                        MarkClientProven();
                    if (translator is null && to.Writer.Encryptor is null && from.Reader.AsArrived is { Count: > 0 } packet)
                        to.Writer.Pass(packet);
                    else
                        Forward(from.Reader.Header, from.Reader.Payload.Span, to.Writer, translator);
                    if (to.Writer.Pending < FlushSize)
                        continue;
                }
                if (to.Writer.Pending > 0)
                {
                    current = to;
                    flushed = to.Writer.Pending;
                    var flush = to.Writer.StartFlush(cancellationToken);
                    if (flush.IsCompleted)
                    {
                        await flush.ConfigureAwait(false);
                        // A peer that is slow to take them is not the gateway's time.
                        if (arrived != 0)
                            Instruments.RecordRelay(Stopwatch.GetElapsedTime(arrived), toTarget: to == _target);
                    }
                    else
                    {
                        stall ??= GiveUpWhenCancelled(to);
                        stall.CancelAfter(_limits.IdleTimeout);
                        await flush.ConfigureAwait(false);
                        stall.CancelAfter(Timeout.InfiniteTimeSpan);
                        if (to.PrefersInline)
                            await Task.Yield();
                    }
                    to.Writer.EndFlush();
                    arrived = 0;
                    current = from;
                }
                if (hasPacket)
                    continue;
                var fill = from.Reader.StartFill(_stopReading.Token);
                if (from.Reader.IsWaiting)
                    isQuiet = !fill.IsCompleted;
                var wasInline = from.PrefersInline;
                from.PrefersInline = isQuiet && flushed <= SmallSize && from.Reader.Needed <= SmallSize && translator is null;
                if (wasInline && !from.PrefersInline)
                    await Task.Yield();
                isOpen = from.Reader.EndFill(await fill.ConfigureAwait(false));
                arrived = Instruments.RelayIsTimed ? Stopwatch.GetTimestamp() : 0;
            }
            from.Reader.RequireBoundary();
            RecordEnd(from, null);
            current = to;
            if (to == _client && _released is null)
                await to.SendAsync(Refusals.TargetFailed("it closed the connection"), cancellationToken).ConfigureAwait(false);
            await to.ShutdownSendAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or XpraAesException or IOException or SocketException or ObjectDisposedException)
        {
            RecordFailure(current, e);
        }
        finally
        {
            stall?.Dispose();
            // Cleanup must not run on the socket polling thread.
            await Task.Yield();
        }
    }

    /// <summary>Its timer ends a write that a peer does not take. Only for writes that have to wait: an idle session has none.</summary>
    private CancellationTokenSource GiveUpWhenCancelled(PacketChannel to)
    {
        var stall = new CancellationTokenSource();
        stall.Token.UnsafeRegister(_ =>
        {
            RecordEnd(to, new XpraAesException(XpraErrorId.ConnectionLost, $"It has taken nothing for {_limits.IdleTimeout.TotalSeconds:0.#} s."));
            to.Abort();
        }, null);
        return stall;
    }

    /// <summary>
    /// Holds back what the target sends until a packet from the client has decrypted: until then the client gets no session data, and no
    /// known plaintext beyond the hello. The target is not read beyond <see cref="Limits.HeldSize"/>. False where the target has closed its side.
    /// </summary>
    private async Task<bool> HoldUntilProvenAsync(CancellationToken cancellationToken)
    {
        var reader = _target.Reader;
        var held = new Queue<(PacketHeader Header, byte[] Payload)>();
        var size = 0;
        Task<int>? fill = null;
        var released = _released;
        while (released is { Task.IsCompleted: false })
        {
            if (reader.TryRead())
            {
                size += PacketHeader.Size + reader.Payload.Length;
                held.Enqueue((reader.Header, reader.Payload.ToArray()));
            }
            else if (size + reader.Needed > _limits.HeldSize)
            {
                await released.Task.WaitAsync(_stopReading.Token).ConfigureAwait(false);
            }
            else
            {
                fill = reader.StartFill(_stopReading.Token).AsTask();
                if (await Task.WhenAny(fill, released.Task).ConfigureAwait(false) != fill)
                    break;
                if (!reader.EndFill(await fill.ConfigureAwait(false)))
                    return false;
                fill = null;
            }
        }
        var current = _target;
        try
        {
            while (held.TryDequeue(out var packet))
                Forward(packet.Header, packet.Payload, _client.Writer, _toClient);
            if (fill is null)
                return true;
            current = _client;
            using var stall = GiveUpWhenCancelled(_client);
            stall.CancelAfter(_limits.IdleTimeout);
            await _client.Writer.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (fill is not null)
        {
            // The target is read again while the session ends, which must not meet this read.
            RecordFailure(current, e);
            await _stopReading.CancelAsync().ConfigureAwait(false);
            await ((Task)fill).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        return reader.EndFill(await fill.ConfigureAwait(false));
    }

    private static void Forward(PacketHeader header, ReadOnlySpan<byte> payload, PacketWriter writer, PacketTranslator? translator)
    {
        // A client that supports the target's encoding but started in another one switches some packets after its hello.
        if (translator is null || header.IsChunk || header.Encoding == translator.Target)
            writer.Append(header.Flags, header.Compression, header.ChunkIndex, payload);
        else
            writer.Append((byte)translator.Target, compression: 0, chunkIndex: 0, Translate(translator, header, payload));
    }

    private static byte[] Translate(PacketTranslator translator, PacketHeader header, ReadOnlySpan<byte> data)
    {
        try
        {
            return translator.Translate(header, data);
        }
        catch (MalformedPacketException e)
        {
            throw e.ForPeer(header.IsEncrypted);
        }
    }

    /// <summary>
    /// The client's first packet must decode before anything from the client is forwarded: no mode detects a wrong key, and CBC padding
    /// of random data is valid once in 256 times.
    /// </summary>
    private void MarkClientProven()
    {
        _clientIsProven = true;
        if (Legs[0].Receive is null)
            return;
        try
        {
            if (_client.Reader.Header.IsChunk || !_client.Decode().HasName)
                throw new MalformedPacketException("It is no packet with a name.").ForPeer(_client.Reader.Header.IsEncrypted);
        }
        catch (MalformedPacketException e) when (e.Id != XpraErrorId.KeyMismatch)
        {
            // An unsupported compression or encoding counts as a wrong key too: nothing that does not decode is forwarded.
            throw new MalformedPacketException(e.Message, XpraErrorId.KeyMismatch, e);
        }
        _client.TrustPeer();
        KeyProven?.Invoke();
        KeyProven = null;
        Interlocked.Exchange(ref _released, null)?.SetResult();
    }

    /// <summary>Waits for a direction that is stopping, and aborts its connection where the peer does not read what is being written.</summary>
    private async Task FinishAsync(Task pump, PacketChannel to, CancellationToken cancellationToken)
    {
        // When the session is stopped from here, the caller's token ends the grace period.
        var timeout = _stopReason is null ? _limits.CloseGrace : Timeout.InfiniteTimeSpan;
        try
        {
            await pump.WaitAsync(timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            to.Abort();
            await pump.ConfigureAwait(false);
        }
    }

    private async Task CloseSideAsync(PacketChannel channel, object?[]? disconnect, CancellationToken cancellationToken)
    {
        using var grace = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        grace.CancelAfter(_limits.CloseGrace);
        try
        {
            if (disconnect is null)
                await channel.FlushAsync(grace.Token).ConfigureAwait(false);
            else
                await channel.SendAsync(disconnect, grace.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException or OperationCanceledException)
        {
            // The peer is gone.
        }
        await channel.LingerAsync(_limits.CloseGrace, cancellationToken).ConfigureAwait(false);
    }

    private object?[]? DisconnectForClient(SessionEnd? end)
    {
        if (_stopReason is { } reason)
            return Hello.Disconnect(reason);
        if (end?.Failure is not { } failure)
            return null;
        if (end.Side == _target)
            return Refusals.TargetFailed(failure.Message);
        return failure.Id == XpraErrorId.ConnectionLost ? null : Hello.Disconnect("protocol error", failure.Message);
    }

    private object?[]? DisconnectForTarget() => _stopReason is null ? null : Hello.Disconnect("client request");

    private string Explain(SessionEnd? end)
    {
        if (end is null)
            return "closed";
        var side = end.Side == _client ? "the client" : "the target";
        if (end.Failure is not { } failure)
            return $"{side} closed the connection";
        // ConnectionLost, as the target's failures must not count against the client's address.
        throw end.Side == _client ? failure : new XpraAesException(XpraErrorId.ConnectionLost, $"{side}: {failure.Id}: {failure.Message}", innerException: failure);
    }
}
