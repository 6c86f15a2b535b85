using System.Runtime.CompilerServices;
using XpraAes.Ciphers;
using XpraAes.Transports;

namespace XpraAes.Packets;

/// <summary>
/// Cuts a stream into packets and decrypts them in place. Memory is bounded by <see cref="MaxPayloadSize"/>, checked before
/// anything is allocated for a packet. While nothing is under way the buffer is with the pool. Not thread safe: one loop reads,
/// and awaits each call once before the next, since what it awaits is pooled as well.
/// </summary>
internal sealed class PacketReader(Stream stream, int maxPayloadSize) : IDisposable
{
    /// <summary>Read this much at once: several packets of a busy session.</summary>
    private const int ReadSize = 64 * 1024;

    /// <summary>Where packets are larger than that, they are expected to go on so; up to here, as it is asked for before it has come.</summary>
    private const int MaxExpected = 1024 * 1024;

    /// <summary>Bytes of a stranger's first words that are worth keeping for <see cref="PeerIdentification"/>.</summary>
    private const int GreetingSize = 512;

    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private int _expected = ReadSize;
    private long _bytesRead;
    private long _packetsRead;

    /// <summary>What decrypts; null while the direction is in clear. Owned by this reader.</summary>
    public PacketDecryptor? Decryptor { get; private set; }

    /// <summary>The largest payload in bytes that is accepted, padding aside.</summary>
    public int MaxPayloadSize { get; set; } = maxPayloadSize;

    /// <summary>Bytes received so far.</summary>
    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>Packets received so far, chunks included.</summary>
    public long PacketsRead => Interlocked.Read(ref _packetsRead);

    /// <summary>The bytes, unread ones included, that the next step takes: a header, or a packet with its header.</summary>
    public int Needed { get; private set; }

    /// <summary>Whether the last <see cref="StartFill"/> began to wait for data without a buffer.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>The header of the packet read last; empty after a failure.</summary>
    public PacketHeader Header { get; private set; }

    /// <summary>The payload of the packet read last, decrypted, without IV and padding; valid until the next read.</summary>
    public ReadOnlyMemory<byte> Payload { get; private set; }

    /// <summary>From here on every packet must be encrypted, and is decrypted with this one in place of the earlier one.</summary>
    public void Arm(PacketDecryptor decryptor)
    {
        Decryptor?.Dispose();
        Decryptor = decryptor;
    }

    /// <summary>Reads one packet. False: the peer closed its side between two packets.</summary>
    /// <exception cref="MalformedPacketException">The header, or after decryption the padding, is wrong.</exception>
    /// <exception cref="XpraAesException">PlaintextPacket, UnexpectedEncryption, LimitReached, ConnectionLost in the middle of a packet, or what <see cref="PeerIdentification"/> made of a stranger.</exception>
    public ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        Payload = default;
        Header = default;
        return _packetsRead > 0 && TryRead() ? new ValueTask<bool>(true) : ReceiveAsync(cancellationToken);
    }

    /// <summary>Takes the next packet if all of it has come. Otherwise <see cref="StartFill"/> and <see cref="EndFill"/> get more of it; together they are <see cref="ReadAsync"/> for a loop that has nothing to do with strangers.</summary>
    /// <exception cref="XpraAesException">As <see cref="ReadAsync"/>.</exception>
    public bool TryRead()
    {
        Payload = default;
        Header = default;
        Needed = PacketHeader.Size;
        var unread = _buffer.AsSpan(_start, _end - _start);
        // What does not even begin like a packet is refused before more of it comes.
        if (unread.IsEmpty || unread.Length < Needed && unread[0] == PacketHeader.Magic)
            return false;
        var header = PacketHeader.Parse(unread);
        var decryptor = Check(header);
        var wireSize = WireSize(header, decryptor);
        Needed += wireSize;
        return unread.Length >= Needed && TryTake(header, decryptor, wireSize);
    }

    /// <summary>Begins to receive, with the one wait that there is: for data, where nothing is under way, without a buffer, as an idle connection costs none.</summary>
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
            _buffer = PacketBuffers.Rent(_expected);
        else if (_buffer.Length - _start < Needed)
            MakeRoom(Needed);
        return stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
    }

    /// <summary>Takes over what <see cref="StartFill"/> has brought. False: the stream has ended.</summary>
    public bool EndFill(int read)
    {
        _end += read;
        Interlocked.Add(ref _bytesRead, read);
        return read > 0 || IsWaiting;
    }

    /// <summary>Refuses an end of the stream that is none between two packets.</summary>
    /// <exception cref="XpraAesException">ConnectionLost.</exception>
    public void RequireBoundary()
    {
        if (_start != _end)
            throw Cut();
    }

    /// <summary>Looks at the next packet's header without taking it.</summary>
    /// <exception cref="MalformedPacketException">The header is wrong.</exception>
    /// <exception cref="XpraAesException">ConnectionLost, or what <see cref="PeerIdentification"/> made of a stranger.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<PacketHeader> PeekHeaderAsync(CancellationToken cancellationToken)
    {
        await FillOrLoseAsync(1, cancellationToken).ConfigureAwait(false);
        if (_buffer[_start] != PacketHeader.Magic)
            throw await IdentifyAsync(cancellationToken).ConfigureAwait(false);
        await FillOrLoseAsync(PacketHeader.Size, cancellationToken).ConfigureAwait(false);
        try
        {
            return PacketHeader.Parse(_buffer.AsSpan(_start, PacketHeader.Size));
        }
        catch (MalformedPacketException) when (_packetsRead == 0)
        {
            // "POST / HTTP/1.1" and "Permission denied" start with a P too.
            if (await IdentifyAsync(cancellationToken).ConfigureAwait(false) is { Id: not XpraErrorId.NotXpra } stranger)
                throw stranger;
            throw;
        }
    }

    /// <summary>Looks at the next bytes of the stream without taking them. Valid until the next call.</summary>
    /// <exception cref="XpraAesException">ConnectionLost.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> PeekAsync(int count, CancellationToken cancellationToken)
    {
        await FillOrLoseAsync(count, cancellationToken).ConfigureAwait(false);
        return _buffer.AsMemory(_start, count);
    }

    /// <summary>Reads and forgets whatever comes until the peer closes its side.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        var waste = PacketBuffers.Rent(PacketHeader.Size * 512);
        try
        {
            while (await stream.ReadAsync(waste, cancellationToken).ConfigureAwait(false) > 0)
            {
            }
        }
        finally
        {
            PacketBuffers.Return(waste);
        }
    }

    /// <summary>Zeroes the key. The decryptor stays, of no more use, but to tell what it was.</summary>
    public void Dispose()
    {
        Decryptor?.Dispose();
        Payload = default;
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
            await FillOrLoseAsync(Needed, cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Takes the packet at the head of the buffer. False: its first bytes have just shown that this peer pads to 32 bytes (PROTOCOL section 12), and they have not all come.</summary>
    private bool TryTake(PacketHeader header, PacketDecryptor? decryptor, int wireSize)
    {
        var start = _start + PacketHeader.Size;
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
        _start = start + wireSize;
        _expected = Math.Clamp(Needed, ReadSize, MaxExpected);
        Interlocked.Increment(ref _packetsRead);
        return true;
    }

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
        return header.IsEncrypted ? Decryptor : RequireClear();
    }

    /// <summary>A clear packet is let through only to the one caller that looks into it for the peer's last words.</summary>
    private PacketDecryptor? RequireClear()
    {
        if (Decryptor is not null && !AllowClear)
            throw new XpraAesException(XpraErrorId.PlaintextPacket, "The peer sent a packet in clear where encryption was agreed.");
        return null;
    }

    /// <summary>Let clear packets through although a cipher is set: the caller tells by the header and trusts them in nothing.</summary>
    public bool AllowClear { get; set; }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FillOrLoseAsync(int count, CancellationToken cancellationToken)
    {
        if (!await FillAsync(count, cancellationToken).ConfigureAwait(false))
            throw Cut();
    }

    /// <summary>Makes at least <paramref name="count"/> unread bytes stand in the buffer. False: the stream ended first.</summary>
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

    /// <summary>Moves what is unread to the front. Grows with what has arrived, not with what was announced.</summary>
    private void MakeRoom(int count)
    {
        var unread = _end - _start;
        var target = _buffer;
        if (count > _buffer.Length && unread > _buffer.Length / 2)
            target = PacketBuffers.Rent(Math.Min(count, 2 * _buffer.Length));
        if (_start > 0 || !ReferenceEquals(target, _buffer))
            _buffer.AsSpan(_start, unread).CopyTo(target);
        if (!ReferenceEquals(target, _buffer))
            PacketBuffers.Return(_buffer);
        _buffer = target;
        _start = 0;
        _end = unread;
    }

    private static XpraAesException Cut() => new(XpraErrorId.ConnectionLost, "The peer closed the connection in the middle of a packet.");

    private void Release()
    {
        _start = _end = 0;
        PacketBuffers.Return(_buffer);
        _buffer = [];
    }

    private async ValueTask<XpraAesException> IdentifyAsync(CancellationToken cancellationToken)
    {
        if (_packetsRead > 0)
            return new MalformedPacketException($"A packet starts with 0x50, this one with 0x{_buffer[_start]:x2}.");
        // A greeting comes in one piece or is followed by silence: take what is there, and what comes at once.
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(TimeSpan.FromMilliseconds(250));
        try
        {
            await FillAsync(GreetingSize, timeout.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
        {
            // What has come will do.
        }
        return PeerIdentification.Describe(_buffer.AsSpan(_start, Math.Min(_end - _start, GreetingSize)));
    }
}
