using System.Net.Sockets;
using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Gateway;

/// <summary>
/// Moves packets between a client and the gateway's target. Each direction has one loop: read, decrypt, encrypt, and write what
/// has come together in one go. What a slow reader does not take is not read from the other side either, so memory stays bounded.
/// </summary>
internal sealed class RelaySession : ISession
{
    /// <summary>What waits to be written is flushed beyond this size, even while more packets are at hand.</summary>
    private const int FlushSize = 64 * 1024;

    /// <summary>What comes now and then, and no more than this at a time, is passed on by the thread that watches the sockets: it takes microseconds. More is for the pool, as all others wait meanwhile.</summary>
    private const int SmallSize = 4 * 1024;

    private readonly PacketChannel _client;
    private readonly PacketChannel _target;
    private readonly PacketTranslator? _toTarget;
    private readonly PacketTranslator? _toClient;
    private readonly Limits _limits;
    private readonly CancellationTokenSource _stopping = new();
    private volatile string? _stopReason;
    private volatile End? _end;
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _clientIsProven;

    public RelaySession(PacketChannel client, CipherLeg clientLeg, PacketChannel target, CipherLeg targetLeg, PacketTranslator? toTarget, PacketTranslator? toClient, bool buffers, Limits limits)
    {
        _client = client;
        _target = target;
        _toTarget = toTarget;
        _toClient = toClient;
        _limits = limits;
        Legs = [clientLeg, targetLeg];
        target.Reader.MaxPayloadSize = limits.RelayedPacketSize;
        if (!buffers)
            _released.SetResult();
    }

    public IReadOnlyList<CipherLeg> Legs { get; }

    public PacketChannel Channel => _client;

    public Action? KeyProven { private get; set; }

    public async Task<string> RunAsync(CancellationToken ending)
    {
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(ending, _stopping.Token);
        var toTarget = Task.Run(() => PumpAsync(_client, _target, _toTarget, reading.Token, ending), CancellationToken.None);
        var toClient = Task.Run(() => PumpAsync(_target, _client, _toClient, reading.Token, ending), CancellationToken.None);

        var first = await Task.WhenAny(toTarget, toClient).ConfigureAwait(false);
        await first.ConfigureAwait(false);
        var end = _end;
        // One side has closed its half: the other may still have something to say.
        if (end is { Failure: null })
            await Task.WhenAny(first == toTarget ? toClient : toTarget, Task.Delay(_limits.HalfCloseTimeout, reading.Token)).ConfigureAwait(false);
        await reading.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(FinishAsync(toTarget, _target, ending), FinishAsync(toClient, _client, ending)).ConfigureAwait(false);
        await Task.WhenAll(CloseSideAsync(_client, DisconnectForClient(end), ending), CloseSideAsync(_target, DisconnectForTarget(), ending)).ConfigureAwait(false);
        return _stopReason ?? Explain(end);
    }

    /// <summary>The loops stop between two packets, and then both ends are told.</summary>
    public Task SendDisconnectAsync(string reason, CancellationToken cancellationToken)
    {
        _stopReason ??= reason;
        return _stopping.CancelAsync();
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

    /// <summary>How a side ended the session: it closed its half in order (no failure), or it failed. There is none where we stopped.</summary>
    private sealed record End(PacketChannel Side, XpraAesException? Failure);

    /// <summary>The first counts, and is kept before anything follows from it: the other direction ends of that as well, perhaps sooner than this one returns.</summary>
    private void EndBy(PacketChannel culprit, XpraAesException? failure) => Interlocked.CompareExchange(ref _end, new End(culprit, failure), null);

    private async Task PumpAsync(PacketChannel from, PacketChannel to, PacketTranslator? translator, CancellationToken reading, CancellationToken ending)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(ending);
        var busy = from;
        var flushed = int.MaxValue;
        var isQuiet = false;
        try
        {
            var isOpen = from == _client || await BufferUntilProvenAsync(stall, reading).ConfigureAwait(false);
            while (isOpen)
            {
                var hasPacket = from.Reader.TryRead();
                if (hasPacket)
                {
                    if (from == _client && !_clientIsProven)
                        MarkClientProven();
                    Forward(from.Reader.Header, from.Reader.Payload.Span, to.Writer, translator);
                    if (to.Writer.Pending < FlushSize)
                        continue;
                }
                if (to.Writer.Pending > 0)
                {
                    busy = to;
                    flushed = to.Writer.Pending;
                    var flush = to.Writer.StartFlush(stall.Token);
                    if (flush.IsCompleted)
                    {
                        await flush.ConfigureAwait(false);
                    }
                    else
                    {
                        stall.CancelAfter(_limits.IdleTimeout);
                        await flush.ConfigureAwait(false);
                        stall.CancelAfter(Timeout.InfiniteTimeSpan);
                        if (to.PrefersInline)
                            await Task.Yield();
                    }
                    to.Writer.EndFlush();
                    busy = from;
                }
                if (hasPacket)
                    continue;
                var fill = from.Reader.StartFill(reading);
                if (from.Reader.IsWaiting)
                    isQuiet = !fill.IsCompleted;
                var wasInline = from.PrefersInline;
                from.PrefersInline = isQuiet && flushed <= SmallSize && from.Reader.Needed <= SmallSize && translator is null;
                if (wasInline && !from.PrefersInline)
                    await Task.Yield();
                isOpen = from.Reader.EndFill(await fill.ConfigureAwait(false));
            }
            from.Reader.RequireBoundary();
            EndBy(from, null);
            busy = to;
            if (to == _client && _released.Task.IsCompleted)
                await to.SendAsync(Refusals.OfTarget("it closed the connection"), ending).ConfigureAwait(false);
            await to.ShutdownSendAsync(ending).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stall.IsCancellationRequested && !ending.IsCancellationRequested)
        {
            EndBy(to, new XpraAesException(XpraErrorId.ConnectionLost, $"It has taken nothing for {_limits.IdleTimeout.TotalSeconds:0.#} s."));
            to.Abort();
        }
        catch (OperationCanceledException)
        {
            // We stopped.
        }
        catch (XpraAesException e)
        {
            EndBy(busy, e);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            EndBy(busy, PacketChannel.Lost(e));
        }
        finally
        {
            // Nothing of what follows is for the thread that watches the sockets.
            await Task.Yield();
        }
    }

    /// <summary>
    /// Keeps what the target sends until a packet of the client's has decrypted: whoever has not proven the key gets nothing to watch,
    /// and no more known text than the hello. Beyond <see cref="Limits.HeldSize"/> the target is not read from. False: the target has closed its side.
    /// </summary>
    private async Task<bool> BufferUntilProvenAsync(CancellationTokenSource stall, CancellationToken reading)
    {
        var reader = _target.Reader;
        var held = new Queue<(PacketHeader Header, byte[] Payload)>();
        var size = 0;
        Task<int>? fill = null;
        while (!_released.Task.IsCompleted)
        {
            if (reader.TryRead())
            {
                size += PacketHeader.Size + reader.Payload.Length;
                held.Enqueue((reader.Header, reader.Payload.ToArray()));
            }
            else if (size + reader.Needed > _limits.HeldSize)
            {
                await _released.Task.WaitAsync(reading).ConfigureAwait(false);
            }
            else
            {
                fill = reader.StartFill(reading).AsTask();
                if (await Task.WhenAny(fill, _released.Task).ConfigureAwait(false) != fill)
                    break;
                if (!reader.EndFill(await fill.ConfigureAwait(false)))
                    return false;
                fill = null;
            }
        }
        while (held.TryDequeue(out var packet))
            Forward(packet.Header, packet.Payload, _client.Writer, _toClient);
        if (fill is null)
            return true;
        stall.CancelAfter(_limits.IdleTimeout);
        await _client.Writer.FlushAsync(stall.Token).ConfigureAwait(false);
        stall.CancelAfter(Timeout.InfiniteTimeSpan);
        return reader.EndFill(await fill.ConfigureAwait(false));
    }

    private static void Forward(PacketHeader header, ReadOnlySpan<byte> payload, PacketWriter writer, PacketTranslator? translator)
    {
        // A client that knows the target's encoding, but began with another, changes over some packets after its hello.
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
    /// The client's first packet must make sense before anything of the client's goes on: no mode tells noise from content,
    /// and the padding of CBC is right by chance once in 256 times.
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
            // In a compression or an encoding that is not here: what goes on must have made sense.
            throw new MalformedPacketException(e.Message, XpraErrorId.KeyMismatch, e);
        }
        _client.TrustPeer();
        KeyProven?.Invoke();
        _released.TrySetResult();
    }

    /// <summary>Waits for a direction that has been told to stop. A peer that does not take what is being written must not hold up the rest.</summary>
    private async Task FinishAsync(Task pump, PacketChannel to, CancellationToken ending)
    {
        // Where we are being stopped, the grace period is the caller's and ends with the token.
        var timeout = _stopReason is null ? _limits.CloseGrace : Timeout.InfiniteTimeSpan;
        try
        {
            await pump.WaitAsync(timeout, ending).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            to.Abort();
            await pump.ConfigureAwait(false);
        }
    }

    private async Task CloseSideAsync(PacketChannel channel, object?[]? disconnect, CancellationToken ending)
    {
        using var grace = CancellationTokenSource.CreateLinkedTokenSource(ending);
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
            // It is gone.
        }
        await channel.LingerAsync(_limits.CloseGrace, ending).ConfigureAwait(false);
    }

    private object?[]? DisconnectForClient(End? end)
    {
        if (_stopReason is { } reason)
            return Hello.Disconnect(reason);
        if (end?.Failure is not { } failure)
            return null;
        if (end.Side == _target)
            return Refusals.OfTarget(failure.Message);
        return failure.Id == XpraErrorId.ConnectionLost ? null : Hello.Disconnect("protocol error", failure.Message);
    }

    private object?[]? DisconnectForTarget() => _stopReason is null ? null : Hello.Disconnect("client request");

    private string Explain(End? end)
    {
        if (end is null)
            return "closed";
        var who = end.Side == _client ? "the client" : "the target";
        if (end.Failure is not { } failure)
            return $"{who} closed the connection";
        // What the target does must not count against the client's address, so it goes by another name.
        throw end.Side == _client ? failure : new XpraAesException(XpraErrorId.ConnectionLost, $"{who}: {failure.Id}: {failure.Message}", innerException: failure);
    }
}
