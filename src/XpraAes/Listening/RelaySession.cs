using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Listening;

/// <summary>
/// Moves packets between a client and the gateway's target. Each direction has one loop: read, decrypt, encrypt, and write what
/// has come together in one go. What a slow reader does not take is not read from the other side either, so memory stays bounded.
/// </summary>
internal sealed class RelaySession : ISession
{
    /// <summary>What waits to be written is flushed beyond this size, even while more packets are at hand.</summary>
    private const int FlushSize = 64 * 1024;

    private readonly PacketChannel _client;
    private readonly PacketChannel _target;
    private readonly PacketTranslator? _toTarget;
    private readonly PacketTranslator? _toClient;
    private readonly Limits _limits;
    private readonly CancellationTokenSource _stopping = new();
    private volatile string? _stopReason;
    private bool _keyProven;

    public RelaySession(PacketChannel client, CipherLeg clientLeg, PacketChannel target, CipherLeg targetLeg, PacketTranslator? toTarget, PacketTranslator? toClient, Limits limits)
    {
        _client = client;
        _target = target;
        _toTarget = toTarget;
        _toClient = toClient;
        _limits = limits;
        Legs = [clientLeg, targetLeg];
        target.Reader.MaxPayloadSize = limits.RelayedPacketSize;
    }

    public IReadOnlyList<CipherLeg> Legs { get; }

    public long BytesIn => _client.Reader.BytesRead;

    public long BytesOut => _client.Writer.BytesWritten;

    public Action? KeyProven { private get; set; }

    public async Task<string> RunAsync(CancellationToken ending)
    {
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(ending, _stopping.Token);
        var toTarget = Task.Run(() => PumpAsync(_client, _target, _toTarget, reading.Token, ending), CancellationToken.None);
        var toClient = Task.Run(() => PumpAsync(_target, _client, _toClient, reading.Token, ending), CancellationToken.None);

        var first = await Task.WhenAny(toTarget, toClient).ConfigureAwait(false);
        var end = await first.ConfigureAwait(false);
        if (_stopReason is null && end.IsClean)
            await FinishOtherDirectionAsync(first == toTarget ? toClient : toTarget, first == toTarget ? _target : _client).ConfigureAwait(false);
        await reading.CancelAsync().ConfigureAwait(false);

        // A peer that does not read its packets would hold the farewell up.
        if (await Task.WhenAny(Task.WhenAll(toTarget, toClient), Task.Delay(_limits.CloseGrace, CancellationToken.None)).ConfigureAwait(false) is var ended
            && toTarget.IsCompleted && toClient.IsCompleted)
        {
            await SayGoodbyeAsync(first == toClient, end).ConfigureAwait(false);
        }
        Abort();
        await Task.WhenAll(toTarget, toClient).ConfigureAwait(false);
        GC.KeepAlive(ended);
        return _stopReason ?? (first == toTarget ? $"the client: {end.Reason}" : $"the target: {end.Reason}");
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

    /// <summary>How a direction ended: cleanly between two packets, or not.</summary>
    private readonly record struct End(bool IsClean, string Reason);

    private async Task<End> PumpAsync(PacketChannel from, PacketChannel to, PacketTranslator? translator, CancellationToken reading, CancellationToken ending)
    {
        try
        {
            while (true)
            {
                var next = from.Reader.ReadAsync(reading);
                if (!next.IsCompleted || to.Writer.Pending >= FlushSize)
                    await to.Writer.FlushAsync(ending).ConfigureAwait(false);
                if (!await next.ConfigureAwait(false))
                    break;
                if (!_keyProven && from == _client)
                    ProveKey();
                Forward(from.Reader, to.Writer, translator);
            }
            await to.Writer.FlushAsync(ending).ConfigureAwait(false);
            await to.ShutdownSendAsync(ending).ConfigureAwait(false);
            return new End(true, "closed the connection");
        }
        catch (OperationCanceledException)
        {
            return new End(true, "stopped");
        }
        catch (XpraAesException e)
        {
            return new End(false, $"{e.Id}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            return new End(false, "the connection was lost");
        }
    }

    private static void Forward(PacketReader reader, PacketWriter writer, PacketTranslator? translator)
    {
        var header = reader.Header;
        if (translator is null || header.IsChunk)
            writer.Append(header.Flags, header.Compression, header.ChunkIndex, reader.Payload.Span);
        else
            writer.Append((byte)translator.Target, compression: 0, chunkIndex: 0, translator.Translate(header, reader.Payload.Span));
    }

    /// <summary>One side has closed its half: the other may still have something to say.</summary>
    private async Task FinishOtherDirectionAsync(Task<End> other, PacketChannel stillOpen)
    {
        if (await Task.WhenAny(other, Task.Delay(_limits.HalfCloseTimeout, _stopping.Token)).ConfigureAwait(false) != other)
            stillOpen.Abort();
    }

    /// <summary>The client is told where the target or we ended the session; the target where we did.</summary>
    private async Task SayGoodbyeAsync(bool targetEnded, End end)
    {
        using var grace = new CancellationTokenSource(_limits.CloseGrace);
        if (_stopReason is { } reason)
        {
            await TryTellAsync(_client, reason, grace.Token).ConfigureAwait(false);
            await TryTellAsync(_target, "client request", grace.Token).ConfigureAwait(false);
        }
        else if (targetEnded)
        {
            await TryTellAsync(_client, end.IsClean ? "server exit" : "connection error", grace.Token).ConfigureAwait(false);
        }
    }

    private static async Task TryTellAsync(PacketChannel channel, string reason, CancellationToken cancellationToken)
    {
        try
        {
            await channel.SendAsync(Hello.Disconnect(reason), cancellationToken).ConfigureAwait(false);
            await channel.ShutdownSendAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException or OperationCanceledException)
        {
            // It is gone.
        }
    }

    private void ProveKey()
    {
        _keyProven = true;
        _client.TrustPeer();
        KeyProven?.Invoke();
    }
}
