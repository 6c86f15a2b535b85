using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace XpraAes.Transports;

/// <summary>
/// The payload of a websocket (RFC 6455) as one stream of bytes; xpra splits it into frames arbitrarily (PROTOCOL section 3).
/// One reader and one writer may use it concurrently. Cancelling a read loses nothing;
/// cancelling a write, or a read while it answers a ping, makes further writes fail.
/// </summary>
/// <remarks>
/// .NET's own WebSocket does not work here: it rejects unmasked frames of xpra's Python clients and masked ones of a server, requires
/// TEXT to be UTF-8, and is aborted by a cancelled read, so that a slow peer could not be sent the reason any more.
/// </remarks>
internal sealed class WebSocketStream : LayeredStream
{
    public override TransportKind Transport => Tls is null ? TransportKind.WebSocket : TransportKind.WebSocketTls;

    /// <summary>The largest frame in bytes: as much as xpra's packet header can announce.</summary>
    public const long MaxFrameSize = ProtocolDefaults.MaxHeaderPayload;

    private const byte ContinuationFrame = 0x0, TextFrame = 0x1, BinaryFrame = 0x2, CloseFrame = 0x8, PingFrame = 0x9, PongFrame = 0xa;
    private const byte FinalBit = 0x80, ReservedBits = 0x70, OpcodeBits = 0x0f, ControlBit = 0x08, MaskBit = 0x80, LengthBits = 0x7f;
    private const byte Length16 = 126, Length64 = 127;
    private const int MaxHeaderSize = 14, MaskSize = 4, MaxControlPayload = 125;

    /// <summary>Arbitrary: fits many small frames in one read; larger ones bypass the buffer.</summary>
    private const int ReadBufferSize = 16 * 1024;

    /// <summary>Payload bytes for each write, which with a header take 64 KB.</summary>
    private const int PieceSize = 64 * 1024 - MaxHeaderSize;

    /// <summary>The path and query that the client has requested; null at the client's end.</summary>
    public string? RequestPath { get; init; }

    private readonly bool _masks;
    private readonly SemaphoreSlim _writing = new(1, 1); // not disposed: an interrupted write has yet to release it, and it holds no system resources
    private readonly byte[] _buffer;
    private int _start;
    private int _end;

    // The data frame that is being read: payload bytes left, and the mask in memory order, rotated to the next byte; 0 if unmasked.
    private long _left;
    private uint _mask;
    private bool _moreFragments;
    private bool _anyFrame;

    // A control frame that was read and is to be answered.
    private byte _control;
    private ReadOnlyMemory<byte> _controlPayload;

    private bool _peerClosed;
    private bool _closeSent;
    private bool _writeIncomplete;

    /// <summary>Wraps a stream after the upgrade.</summary>
    /// <param name="inner">The stream; it is closed with this one.</param>
    /// <param name="masks">Whether to mask what is sent: RFC 6455 requires it of clients and forbids it for servers.</param>
    /// <param name="alreadyRead">Bytes that arrived after the upgrade.</param>
    public WebSocketStream(Stream inner, bool masks, ReadOnlyMemory<byte> alreadyRead = default)
        : base(inner)
    {
        _masks = masks;
        _buffer = new byte[Math.Max(ReadBufferSize, alreadyRead.Length)];
        alreadyRead.CopyTo(_buffer);
        _end = alreadyRead.Length;
    }

    /// <summary>
    /// Reads payload, possibly of several frames; 0 after the peer's CLOSE or the end of the connection. An empty buffer waits until there is
    /// something to read. Throws <see cref="MalformedPacketException"/> for frames that violate RFC 6455 or are larger than <see cref="MaxFrameSize"/>.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
        {
            var nothingYet = _start == _end && _control == 0 && !_peerClosed;
            return nothingYet ? await Inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) : 0;
        }
        while (!_peerClosed)
        {
            var taken = TakeBuffered(buffer.Span);
            if (taken > 0)
                return taken;
            if (_control != 0)
            {
                await AnswerControlAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }
            if (_left >= _buffer.Length && buffer.Length >= _buffer.Length)
            {
                // Our buffer is empty here, and a large frame bypasses it.
                var count = await Inner.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _left)], cancellationToken).ConfigureAwait(false);
                Unmask(buffer.Span[..count], buffer.Span);
                return count;
            }
            MakeRoom();
            var filled = await Inner.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
            if (filled == 0)
                return 0;
            _end += filled;
        }
        return 0;
    }

    /// <summary>Sends the bytes as one BINARY frame. Throws <see cref="XpraAesException"/> (ConnectionLost) once the websocket is closed or a write was interrupted.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        buffer.IsEmpty ? ValueTask.CompletedTask : SendAsync(BinaryFrame, buffer, cancellationToken);

    /// <summary>Sends CLOSE: nothing more will be written, but reading continues until the peer's own CLOSE.</summary>
    public override async ValueTask CloseSendAsync(CancellationToken cancellationToken)
    {
        byte[] normalClosure = [1000 >> 8, 1000 & 0xff];
        await SendAsync(CloseFrame, normalClosure, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>XORs with the mask, starting at its first byte in memory. Both spans may be the same.</summary>
    internal static void Mask(ReadOnlySpan<byte> source, Span<byte> destination, uint mask)
    {
        if (mask == 0)
        {
            source.CopyTo(destination);
            return;
        }
        var wide = Vector.AsVectorByte(new Vector<uint>(mask));
        var done = 0;
        for (; done <= source.Length - Vector<byte>.Count; done += Vector<byte>.Count)
            (new Vector<byte>(source[done..]) ^ wide).CopyTo(destination[done..]);
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in mask));
        for (; done < source.Length; done++)
            destination[done] = (byte)(source[done] ^ bytes[done & 3]);
    }

    /// <summary>The mask rotated to <paramref name="count"/> bytes later.</summary>
    private static uint RotateMask(uint mask, int count) => BitConverter.IsLittleEndian
        ? BitOperations.RotateRight(mask, (count & 3) * 8)
        : BitOperations.RotateLeft(mask, (count & 3) * 8);

    private int TakeBuffered(Span<byte> destination)
    {
        var taken = 0;
        while (taken < destination.Length && _control == 0 && (_left > 0 || TryTakeNextHeader(anyTaken: taken > 0)))
        {
            var count = (int)Math.Min(Math.Min(_end - _start, destination.Length - taken), _left);
            if (count == 0 && _left > 0)
                break;
            Unmask(_buffer.AsSpan(_start, count), destination[taken..]);
            _start += count;
            taken += count;
        }
        return taken;
    }

    /// <summary>If bytes before an invalid frame have been read, its error is deferred to the next read.</summary>
    private bool TryTakeNextHeader(bool anyTaken)
    {
        try
        {
            return TryTakeHeader();
        }
        catch (XpraAesException) when (anyTaken)
        {
            return false;
        }
    }

    private void Unmask(ReadOnlySpan<byte> payload, Span<byte> destination)
    {
        Mask(payload, destination, _mask);
        _mask = RotateMask(_mask, payload.Length);
        _left -= payload.Length;
    }

    /// <summary>
    /// byte 0: FIN, three reserved bits, opcode (4 bits); byte 1: MASK bit, length (7 bits), where 126 is followed by 2 bytes of length and
    /// 127 by 8, big endian; then the 4 bytes of the mask, if any. A control frame is taken whole. False where more bytes are needed.
    /// </summary>
    private bool TryTakeHeader()
    {
        var data = _buffer.AsSpan(_start, _end - _start);
        if (data.Length < 2)
            return false;
        var opcode = (byte)(data[0] & OpcodeBits);
        var isFinal = (data[0] & FinalBit) != 0;
        var shortLength = data[1] & LengthBits;
        // Servers up to 4.x send refusals as bare text, outside of websocket frames (PROTOCOL section 2).
        if (!_anyFrame && (data[0] & ReservedBits) != 0 && PeerIdentification.TryReadText(data, out _))
            throw PeerIdentification.Describe(data);
        _anyFrame = true;
        Check(opcode, isFinal, data[0], shortLength);

        var lengthSize = shortLength switch { Length16 => 2, Length64 => 8, _ => 0 };
        var maskSize = (data[1] & MaskBit) != 0 ? MaskSize : 0;
        var headerSize = 2 + lengthSize + maskSize;
        if (data.Length < headerSize)
            return false;
        var length = shortLength switch
        {
            Length16 => BinaryPrimitives.ReadUInt16BigEndian(data[2..]),
            Length64 => BinaryPrimitives.ReadUInt64BigEndian(data[2..]),
            _ => (ulong)shortLength,
        };
        if (length > MaxFrameSize)
            throw new MalformedPacketException(FormattableString.Invariant($"A websocket frame of {length} bytes was announced; {MaxFrameSize} are accepted."));
        var mask = maskSize == 0 ? 0 : MemoryMarshal.Read<uint>(data[(headerSize - maskSize)..]);

        if ((opcode & ControlBit) == 0)
        {
            _start += headerSize;
            _left = (long)length;
            _mask = mask;
            _moreFragments = !isFinal;
            return true;
        }
        if (data.Length < headerSize + shortLength)
            return false;
        var payload = _buffer.AsMemory(_start + headerSize, shortLength);
        Mask(payload.Span, payload.Span, mask);
        _control = opcode;
        _controlPayload = payload;
        _start += headerSize + shortLength;
        return true;
    }

    private void Check(byte opcode, bool isFinal, byte first, int shortLength)
    {
        var problem = opcode switch
        {
            _ when (first & ReservedBits) != 0 => "has reserved bits set, though no extension was agreed",
            ContinuationFrame => _moreFragments ? null : "continues a message that has not begun",
            TextFrame or BinaryFrame => _moreFragments ? "begins a message inside another" : null,
            CloseFrame or PingFrame or PongFrame when !isFinal => "is a control frame in fragments",
            CloseFrame or PingFrame or PongFrame when shortLength > MaxControlPayload => "is a control frame of more than 125 bytes",
            CloseFrame => shortLength == 1 ? "closes with half a status code" : null,
            PingFrame or PongFrame => null,
            _ => FormattableString.Invariant($"has the unknown opcode {opcode}"),
        };
        if (problem is not null)
            throw new MalformedPacketException($"A websocket frame {problem}.");
    }

    /// <summary>Moves the rest, less than one header or control frame, to the front.</summary>
    private void MakeRoom()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
    }

    private async ValueTask AnswerControlAsync(CancellationToken cancellationToken)
    {
        if (_control == PingFrame)
            await SendAsync(PongFrame, _controlPayload, cancellationToken).ConfigureAwait(false);
        if (_control == CloseFrame)
        {
            _peerClosed = true;
            try
            {
                await SendAsync(CloseFrame, _controlPayload[..Math.Min(_controlPayload.Length, 2)], cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or XpraAesException)
            {
                // The peer may already have closed the connection.
            }
        }
        _control = 0;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAsync(byte opcode, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        var frame = ArrayPool<byte>.Shared.Rent(MaxHeaderSize + Math.Min(payload.Length, PieceSize));
        try
        {
            if (_closeSent && (opcode & ControlBit) != 0)
                return;
            if (_writeIncomplete || _closeSent)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The websocket is closed for writing.");
            _closeSent = opcode == CloseFrame;

            // An incomplete frame cannot be followed by another one.
            _writeIncomplete = true;
            var mask = _masks ? NewMask() : 0;
            var size = PutHeader(frame, opcode, payload.Length, mask);
            while (true)
            {
                var piece = payload[..Math.Min(payload.Length, PieceSize)];
                Mask(piece.Span, frame.AsSpan(size), mask);
                await Inner.WriteAsync(frame.AsMemory(0, size + piece.Length), cancellationToken).ConfigureAwait(false);
                payload = payload[piece.Length..];
                if (payload.IsEmpty)
                    break;
                mask = RotateMask(mask, piece.Length);
                size = 0;
            }
            _writeIncomplete = false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
            _writing.Release();
        }
    }

    private static uint NewMask()
    {
        var mask = 0u;
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(new Span<uint>(ref mask)));
        return mask;
    }

    private int PutHeader(Span<byte> frame, byte opcode, int length, uint mask)
    {
        frame[0] = (byte)(FinalBit | opcode);
        var size = 2;
        switch (length)
        {
            case < Length16:
                frame[1] = (byte)length;
                break;
            case <= ushort.MaxValue:
                frame[1] = Length16;
                BinaryPrimitives.WriteUInt16BigEndian(frame[2..], (ushort)length);
                size += 2;
                break;
            default:
                frame[1] = Length64;
                BinaryPrimitives.WriteInt64BigEndian(frame[2..], length);
                size += 8;
                break;
        }
        if (!_masks)
            return size;
        frame[1] |= MaskBit;
        MemoryMarshal.Write(frame[size..], in mask);
        return size + MaskSize;
    }
}
