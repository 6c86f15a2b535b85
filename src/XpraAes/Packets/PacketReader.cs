using System.Runtime.CompilerServices;
using XpraAes.Ciphers;
using XpraAes.Transports;

namespace XpraAes.Packets;

/// <summary>
/// Splits a stream into packets and decrypts them in place. <see cref="MaxPayloadSize"/> is checked before anything is allocated for a
/// packet, and an idle reader holds no buffer. Not thread safe: one loop reads, and awaits each call exactly once, since the tasks are pooled too.
/// </summary>
internal sealed class PacketReader(Stream stream, int maxPayloadSize) : IDisposable
{
    /// <summary>Bytes to read at a time: several packets of a busy session.</summary>
    private const int ReadSize = 64 * 1024;

    /// <summary>After larger packets the next buffer is as large, up to this, since it is allocated before the data has arrived.</summary>
    private const int MaxExpected = 1024 * 1024;

    /// <summary>Bytes of a non-xpra peer's greeting to collect for <see cref="PeerIdentification"/>.</summary>
    private const int GreetingSize = 512;

    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private int _expected = ReadSize;
    private long _bytesRead;
    private long _packetsRead;

    /// <summary>The decryptor; null while the direction is unencrypted. Owned by this reader.</summary>
    public PacketDecryptor? Decryptor { get; private set; }

    /// <summary>The largest payload in bytes that is accepted, padding aside.</summary>
    public int MaxPayloadSize { get; set; } = maxPayloadSize;

    /// <summary>Bytes received so far.</summary>
    public long BytesRead => Volatile.Read(ref _bytesRead);

    /// <summary>Packets received so far, chunks included.</summary>
    public long PacketsRead => Volatile.Read(ref _packetsRead);

    /// <summary>Bytes that must be in the buffer for the next step: a header, or a header with its packet.</summary>
    public int Needed { get; private set; }

    /// <summary>Whether the last <see cref="StartFill"/> was a zero-byte read that only waits for data.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>The header of the last packet; empty after a failure.</summary>
    public PacketHeader Header { get; private set; }

    /// <summary>The payload of the last packet, decrypted, without IV and padding; valid until the next read.</summary>
    public ReadOnlyMemory<byte> Payload { get; private set; }

    /// <summary>The last packet as it arrived, with its header; empty if it was encrypted. Valid until the next <see cref="StartFill"/>.</summary>
    public ArraySegment<byte> AsArrived { get; private set; }

    /// <summary>Requires every packet from here on to be encrypted, and decrypts it; replaces and disposes of an earlier decryptor.</summary>
    public void Arm(PacketDecryptor decryptor)
    {
        Decryptor?.Dispose();
        Decryptor = decryptor;
    }

    /// <summary>Reads one packet. False: the peer closed its side between two packets.</summary>
    /// <exception cref="MalformedPacketException">The header, or after decryption the padding, is wrong.</exception>
    /// <exception cref="XpraAesException">PlaintextPacket, UnexpectedEncryption, LimitReached, ConnectionLost in the middle of a packet, or those of <see cref="PeerIdentification"/>.</exception>
    public ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        Forget();
        return _packetsRead > 0 && TryRead() ? new ValueTask<bool>(true) : ReceiveAsync(cancellationToken);
    }

    /// <summary>Takes the next packet if it has arrived completely. Otherwise <see cref="StartFill"/> and <see cref="EndFill"/> read more. The three together replace <see cref="ReadAsync"/> where the peer is known to speak xpra.</summary>
    /// <exception cref="XpraAesException">As <see cref="ReadAsync"/>.</exception>
    public bool TryRead()
    {
        Forget();
        Needed = PacketHeader.Size;
        var unread = _buffer.AsSpan(_start, _end - _start);
        // A wrong first byte is rejected without waiting for the rest of the header.
        if (unread.IsEmpty || unread.Length < Needed && unread[0] == PacketHeader.Magic)
            return false;
        var header = PacketHeader.Parse(unread);
        var decryptor = Check(header);
        var wireSize = WireSize(header, decryptor);
        Needed += wireSize;
        return unread.Length >= Needed && TryTake(header, decryptor, wireSize);
    }

    /// <summary>Starts receiving. If nothing is buffered it first waits for data with a zero-byte read, so that an idle connection holds no buffer.</summary>
    public ValueTask<int> StartFill(CancellationToken cancellationToken)
    {
        if (_start == _end && !IsWaiting)
        {
            Release();
            IsWaiting = true;
            return stream.ReadAsync(Memory<byte>.Empty, cancellationToken);
        }
        IsWaiting = false;
        if (_buffer.Length == 0)
            _buffer = TransitBuffers.Rent(_expected);
        else if (_buffer.Length - _start < Needed)
            MakeRoom(Needed);
        return stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
    }

    /// <summary>Accounts for the bytes that <see cref="StartFill"/> has read. False: the stream has ended.</summary>
    public bool EndFill(int read)
    {
        _end += read;
        Volatile.Write(ref _bytesRead, _bytesRead + read);
        return read > 0 || IsWaiting;
    }

    /// <summary>Checks that the stream ended between two packets.</summary>
    /// <exception cref="XpraAesException">ConnectionLost.</exception>
    public void RequireBoundary()
    {
        if (_start != _end)
            throw Truncated();
    }

    /// <summary>Looks at the next packet's header without taking it.</summary>
    /// <exception cref="MalformedPacketException">The header is wrong.</exception>
    /// <exception cref="XpraAesException">ConnectionLost, or those of <see cref="PeerIdentification"/>.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<PacketHeader> PeekHeaderAsync(CancellationToken cancellationToken)
    {
        await FillOrThrowAsync(1, cancellationToken).ConfigureAwait(false);
        if (_buffer[_start] != PacketHeader.Magic)
            throw await IdentifyAsync(cancellationToken).ConfigureAwait(false);
        await FillOrThrowAsync(PacketHeader.Size, cancellationToken).ConfigureAwait(false);
        try
        {
            return PacketHeader.Parse(_buffer.AsSpan(_start, PacketHeader.Size));
        }
        catch (MalformedPacketException) when (_packetsRead == 0)
        {
            // "POST / HTTP/1.1" and "Permission denied" also start with a P.
            if (await IdentifyAsync(cancellationToken).ConfigureAwait(false) is { Id: not XpraErrorId.NotXpra } otherProtocol)
                throw otherProtocol;
            throw;
        }
    }

    /// <summary>Looks at the next bytes of the stream without taking them; valid until the next call.</summary>
    /// <exception cref="XpraAesException">ConnectionLost.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> PeekAsync(int count, CancellationToken cancellationToken)
    {
        await FillOrThrowAsync(count, cancellationToken).ConfigureAwait(false);
        return _buffer.AsMemory(_start, count);
    }

    /// <summary>Reads and discards everything until the peer closes its side.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        var discarded = TransitBuffers.Rent(PacketHeader.Size * 512);
        try
        {
            while (await stream.ReadAsync(discarded, cancellationToken).ConfigureAwait(false) > 0)
            {
            }
        }
        finally
        {
            TransitBuffers.Return(discarded);
        }
    }

    /// <summary>Zeroes the key. <see cref="Decryptor"/> remains only to describe the cipher.</summary>
    public void Dispose()
    {
        Decryptor?.Dispose();
        Forget();
        _start = _end = 0;
        Release();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReceiveAsync(CancellationToken cancellationToken)
    {
        if (!await FillAsync(1, cancellationToken).ConfigureAwait(false))
            return false;
        await PeekHeaderAsync(cancellationToken).ConfigureAwait(false);
        while (!TryRead())
            await FillOrThrowAsync(Needed, cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Takes the packet at the head of the buffer. False: decrypting showed that the peer pads to 32 bytes (PROTOCOL section 12), and the rest of the packet has not arrived.</summary>
    private bool TryTake(PacketHeader header, PacketDecryptor? decryptor, int wireSize)
    {
        var start = _start + PacketHeader.Size;
        if (header.IsEncrypted)
        {
            PlaintextToDiscard = 0;
        }
        else if (Decryptor is not null && !AllowPlaintext)
        {
            PlaintextToDiscard--;
            _start = start + wireSize;
            return TryRead();
        }
        switch (decryptor?.Decrypt(_buffer.AsSpan(start, wireSize), header.PayloadSize))
        {
            case DecryptStatus.MoreNeeded:
                return TryRead();
            case DecryptStatus.WrongPadding:
                throw MalformedPacketException.Undecryptable();
        }
        var offset = decryptor?.DataOffset ?? 0;
        Header = header;
        Payload = _buffer.AsMemory(start + offset, header.PayloadSize - offset);
        if (decryptor is null)
            AsArrived = new(_buffer, _start, PacketHeader.Size + wireSize);
        _start = start + wireSize;
        _expected = Math.Clamp(Needed, ReadSize, MaxExpected);
        Volatile.Write(ref _packetsRead, _packetsRead + 1);
        return true;
    }

    private void Forget() => (Header, Payload, AsArrived) = (default, default, default);

    private static int WireSize(PacketHeader header, PacketDecryptor? decryptor) => decryptor?.WireSize(header.PayloadSize) ?? header.PayloadSize;

    private PacketDecryptor? Check(PacketHeader header)
    {
        if (header.PayloadSize > MaxPayloadSize)
        {
            throw new XpraAesException(XpraErrorId.LimitReached,
                $"The peer announced a packet of {header.PayloadSize} bytes; {MaxPayloadSize} are accepted here.");
        }
        if (header.IsEncrypted && Decryptor is null)
            throw new XpraAesException(XpraErrorId.UnexpectedEncryption, "The peer sent an encrypted packet before any cipher was agreed.");
        return header.IsEncrypted ? Decryptor : RequirePlaintextAllowed();
    }

    private PacketDecryptor? RequirePlaintextAllowed()
    {
        if (Decryptor is not null && !AllowPlaintext && PlaintextToDiscard == 0)
            throw new XpraAesException(XpraErrorId.PlaintextPacket, "The peer sent an unencrypted packet after encryption was agreed.");
        return null;
    }

    /// <summary>How many more plaintext packets are read and discarded although a cipher is set, until the first encrypted one: for a peer that encrypts only once it has derived its key.</summary>
    public int PlaintextToDiscard { get; set; }

    /// <summary>Lets plaintext packets through although a cipher is set, so that a refusal can be read. The caller must check the header and not trust them.</summary>
    public bool AllowPlaintext { get; set; }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FillOrThrowAsync(int count, CancellationToken cancellationToken)
    {
        if (!await FillAsync(count, cancellationToken).ConfigureAwait(false))
            throw Truncated();
    }

    /// <summary>Reads until the buffer has at least <paramref name="count"/> unread bytes. False: the stream ended first.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> FillAsync(int count, CancellationToken cancellationToken)
    {
        Needed = count;
        while (_end - _start < count)
        {
            if (!EndFill(await StartFill(cancellationToken).ConfigureAwait(false)))
                return false;
        }
        return true;
    }

    /// <summary>Moves unread bytes to the front. The buffer grows with what has arrived, not with what was announced.</summary>
    private void MakeRoom(int count)
    {
        var unread = _end - _start;
        var target = _buffer;
        if (count > _buffer.Length && unread > _buffer.Length / 2)
            target = TransitBuffers.Rent(Math.Min(count, 2 * _buffer.Length));
        if (_start > 0 || !ReferenceEquals(target, _buffer))
            _buffer.AsSpan(_start, unread).CopyTo(target);
        if (!ReferenceEquals(target, _buffer))
            TransitBuffers.Return(_buffer);
        _buffer = target;
        _start = 0;
        _end = unread;
    }

    private static XpraAesException Truncated() => new(XpraErrorId.ConnectionLost, "The peer closed the connection in the middle of a packet.");

    private void Release()
    {
        _start = _end = 0;
        TransitBuffers.Return(_buffer);
        _buffer = [];
    }

    private async ValueTask<XpraAesException> IdentifyAsync(CancellationToken cancellationToken)
    {
        if (_packetsRead > 0)
            return new MalformedPacketException($"A packet starts with 0x50, this one with 0x{_buffer[_start]:x2}.");
        // A greeting comes in one piece, so there is no need to wait long for more.
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(TimeSpan.FromMilliseconds(250));
        try
        {
            await FillAsync(GreetingSize, timeout.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
        {
            // What has arrived is enough.
        }
        return PeerIdentification.Describe(_buffer.AsSpan(_start, Math.Min(_end - _start, GreetingSize)));
    }
}
