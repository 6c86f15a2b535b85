using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Packets;

/// <summary>Sends and receives whole packets on a stream: framing, encryption, chunks, decompression and encoding. Any thread may send; one loop receives.</summary>
internal sealed class PacketChannel(Stream stream, Limits limits, string peer = "unknown", ILogger? logger = null) : IAsyncDisposable
{
    /// <summary>
    /// xpra's programs take a websocket's closing frame for a lost connection at once, before packets that they have received and not yet processed, such as
    /// the one with the reason. So it follows after this time, unless the peer has closed by then; arbitrary.
    /// </summary>
    private static readonly TimeSpan s_closingPause = TimeSpan.FromMilliseconds(500);

    private readonly ILogger _log = logger ?? NullLogger.Instance;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private List<(byte Index, byte[] Data)>? _chunks; // that wait for their main packet
    private volatile bool _prefersInline;
    private int _disposed;

    public PacketReader Reader { get; } = new(stream, limits.FirstPacketSize);

    public PacketWriter Writer { get; } = new(stream);

    /// <summary>Who has proven which key below the packets; null where they are on their own.</summary>
    public ISealedStream? Seal => stream as ISealedStream;

    /// <summary>What carries the packets.</summary>
    public TransportKind? Transport { get; } = TransportTable.KindOf(stream);

    /// <summary>The TLS with a certificate around the packets; null where there is none.</summary>
    public TlsStream? Tls => (stream as LayeredStream)?.Tls;

    /// <summary>The path of the WebSocket request that the client came by; null where there is none.</summary>
    public string? RequestPath => (stream as WebSocketStream)?.RequestPath;

    /// <summary>The peer's address, for the log.</summary>
    public string Peer => peer;

    /// <summary>The level at which sent and received packets are logged.</summary>
    public LogLevel PacketLogLevel { get; set; } = LogLevel.Debug;

    /// <summary>The encoding of what we send.</summary>
    public PacketEncoding Encoding { get; set; } = PacketEncoding.RencodePlus;

    /// <summary>Whether the peer only knows the new names of packet types.</summary>
    public bool PeerUsesNewNames { get; set; }

    /// <summary>True until <see cref="TrustPeer"/>: the tighter limits for unauthenticated peers apply.</summary>
    public bool IsUntrusted { get; private set; } = true;

    /// <summary>Switches to the limits of an open session: the peer has proven the key, or is the server that we chose.</summary>
    public void TrustPeer()
    {
        IsUntrusted = false;
        Reader.MaxPayloadSize = limits.PacketSize;
    }

    /// <summary>Encodes, frames, encrypts and sends one packet. Cancelling it midway ends the connection.</summary>
    public Task SendAsync(object?[] packet, CancellationToken cancellationToken)
        => SendEncodedAsync(packet[0], PacketCodec.Encode(Encoding, PacketNames.For(packet, PeerUsesNewNames)), cancellationToken);

    /// <summary>Writes what the writer has buffered.</summary>
    public Task FlushAsync(CancellationToken cancellationToken) => SendEncodedAsync(null, [], cancellationToken);

    private async Task SendEncodedAsync(object? type, byte[] data, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (data.Length > 0)
            {
                PacketLog.Sent(_log, PacketLogLevel, peer, type, Encoding, data.Length, Writer.Encryptor);
                Writer.Append((byte)Encoding, compression: 0, chunkIndex: 0, data);
            }
            await Writer.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (Writer.Pending > 0)
        {
            // Part of the packet may already be sent, so the stream cannot be used any more.
            Abort();
            throw;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            throw Lost(e);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Receives one packet, with its chunks inserted; null if the peer closed its side between two packets.</summary>
    /// <exception cref="MalformedPacketException">The packet does not decode; with id KeyMismatch if it was encrypted.</exception>
    /// <exception cref="XpraAesException">As <see cref="PacketReader.ReadAsync"/>.</exception>
    public async ValueTask<Packet?> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (await TranslateErrorsAsync(Reader.ReadAsync(cancellationToken)).ConfigureAwait(false))
        {
            if (Reader.Header.IsChunk)
            {
                KeepChunk(Reader.Header);
                continue;
            }
            var packet = Decode();
            PacketLog.Received(_log, PacketLogLevel, peer, packet, Reader.Decryptor);
            return packet;
        }
        return null;
    }

    /// <summary>As <see cref="PacketReader.PeekHeaderAsync"/>.</summary>
    public ValueTask<PacketHeader> PeekHeaderAsync(CancellationToken cancellationToken) => TranslateErrorsAsync(Reader.PeekHeaderAsync(cancellationToken));

    /// <summary>As <see cref="PacketReader.PeekAsync"/>.</summary>
    public ValueTask<ReadOnlyMemory<byte>> PeekAsync(int count, CancellationToken cancellationToken) => TranslateErrorsAsync(Reader.PeekAsync(count, cancellationToken));

    /// <summary>Whether <see cref="InlineCompletions"/> are on; always false if there is no socket below the stream.</summary>
    public bool PrefersInline
    {
        get => _prefersInline;
        set
        {
            if (value == _prefersInline || LayeredStream.SocketBelow(stream) is not { } socket)
                return;
            _prefersInline = value;
            InlineCompletions.Prefer(socket, value);
        }
    }

    /// <summary>Closes our sending side; the peer can still send.</summary>
    public async Task ShutdownSendAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (stream is WebSocketStream)
                await Task.Delay(s_closingPause, cancellationToken).ConfigureAwait(false);
            await EndSendingAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // The connection is gone already.
        }
    }

    /// <summary>Closes our side and waits up to the timeout for the peer to close its own, so that it reads our last packet before a reset can discard it.</summary>
    public async Task LingerAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        var drain = stream is WebSocketStream ? Reader.DrainAsync(deadline.Token) : null;
        try
        {
            if (drain is not null)
                await Task.WhenAny(drain, Task.Delay(s_closingPause, deadline.Token)).ConfigureAwait(false);
            await EndSendingAsync(deadline.Token).ConfigureAwait(false);
            await (drain ?? Reader.DrainAsync(deadline.Token)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException or IOException or XpraAesException)
        {
            // The connection is closed either way, and nobody else would wait for what is still being read.
            await deadline.CancelAsync().ConfigureAwait(false);
            if (drain is not null)
                await drain.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Ends pending reads and writes. <see cref="DisposeAsync"/> frees the buffers once the receiving loop has ended.</summary>
    public void Abort() => stream.Dispose();

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await stream.DisposeAsync().ConfigureAwait(false);
        // A sender may still hold the semaphore; its write fails now that the stream is closed.
        await _sending.WaitAsync().ConfigureAwait(false);
        Writer.Dispose();
        Reader.Dispose();
        _sending.Release();
    }

    private async ValueTask EndSendingAsync(CancellationToken cancellationToken)
    {
        if (stream is IHalfClosable halfClosable)
            await halfClosable.CloseSendAsync(cancellationToken).ConfigureAwait(false);
        else if (stream is NetworkStream { Socket: var socket })
            socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>What a failed read or write means: what the stream says of it (TlsFailed), or ConnectionLost.</summary>
    public static XpraAesException Lost(Exception e) => e.InnerException switch
    {
        XpraAesException failure => failure,
        SocketException { SocketErrorCode: SocketError.ConnectionReset } => new XpraAesException(XpraErrorId.ConnectionLost, "The peer reset the connection.", innerException: e),
        _ => new XpraAesException(XpraErrorId.ConnectionLost, "The connection was lost.", innerException: e),
    };

    private static async ValueTask<T> TranslateErrorsAsync<T>(ValueTask<T> read)
    {
        try
        {
            return await read.ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            throw Lost(e);
        }
    }

    private void KeepChunk(PacketHeader header)
    {
        // Even while plaintext packets are allowed (to read a refusal), a plaintext chunk must not become part of an encrypted packet.
        if (Reader.Decryptor is not null && !header.IsEncrypted)
            throw new XpraAesException(XpraErrorId.PlaintextPacket, "The peer sent an unencrypted part of a packet after encryption was agreed.");
        _chunks ??= [];
        if (_chunks.Count >= ProtocolDefaults.MaxPendingChunks || IsUntrusted && _chunks.Count > 0)
            throw new MalformedPacketException("Too many chunks wait for their main packet.");
        if (_chunks.Exists(chunk => chunk.Index == header.ChunkIndex))
            throw new MalformedPacketException($"Chunk {header.ChunkIndex} came twice.");
        try
        {
            _chunks.Add((header.ChunkIndex, Decompress(header)));
        }
        catch (MalformedPacketException e)
        {
            throw e.ForPeer(header.IsEncrypted);
        }
    }

    /// <summary>Decodes the packet that the reader read last, which must not be a chunk.</summary>
    /// <exception cref="MalformedPacketException">It does not decompress or decode; with id KeyMismatch if it was encrypted.</exception>
    public Packet Decode()
    {
        try
        {
            return Decode(Reader.Header);
        }
        catch (MalformedPacketException e)
        {
            throw e.ForPeer(Reader.Header.IsEncrypted);
        }
    }

    private Packet Decode(PacketHeader header)
    {
        var decodeLimits = new DecodeLimits(limits.EncodingDepth, IsUntrusted ? limits.FirstPacketItems : limits.EncodingItems);
        var data = header.Compression == 0 ? Reader.Payload.Span : Decompress(header);
        if (PacketCodec.Decode(header.Encoding, data, decodeLimits) is not object?[] { Length: > 0 } items)
            throw new MalformedPacketException("A packet is a list that starts with its type; this one is not.");
        if (_chunks is not null)
        {
            foreach (var (index, content) in _chunks)
            {
                if (index >= items.Length)
                    throw new MalformedPacketException($"Chunk {index} belongs to no item of its packet.");
                items[index] = content;
            }
            _chunks = null;
        }
        return new Packet(items, header);
    }

    private byte[] Decompress(PacketHeader header)
    {
        if (header.Compression == 0)
            return Reader.Payload.ToArray();
        return PacketCompression.Decompress(header.Compression, Reader.Payload.Span,
            IsUntrusted ? limits.FirstPacketDecompressedSize : limits.DecompressedSize);
    }
}
