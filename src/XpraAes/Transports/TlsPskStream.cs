using System.Runtime.CompilerServices;
using Org.BouncyCastle.Tls;

namespace XpraAes.Transports;

/// <summary>
/// The records of TLS 1.3 after its handshake with a pre-shared key: a byte stream. An idle one holds no buffer. One reader and any number
/// of writers at a time.
/// </summary>
internal sealed class TlsPskStream : LayeredStream, ISealedStream
{
    /// <summary>Records sent with one key before the next, well below what AES-GCM bears (RFC 8446 section 5.5: 2^24.5).</summary>
    internal const long DefaultRecordsPerKey = 1 << 23;

    /// <summary>Bytes of content to protect, or of records to read, at a time.</summary>
    private const int BatchSize = 8 * TlsRecordProtection.MaxContentSize;

    /// <summary>Records without data (key updates, tickets, empty ones) in a row; a peer that sends more only makes work.</summary>
    private const int MaxRecordsWithoutData = 32;

    /// <summary>Session tickets, which are not used, are the largest handshake messages that follow a handshake.</summary>
    private const int MaxMessageSize = 16 * 1024;

    private const int KeyUpdateSize = TlsRecordProtection.Overhead + 5;

    private static readonly TimeSpan s_alertTimeout = TimeSpan.FromSeconds(1);

    private readonly TlsPskAgreement _agreed;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private byte[] _input = [];
    private int _start, _end; // records not yet opened, in _input
    private int _contentStart, _contentEnd; // opened but not yet taken, before _start
    private byte[] _message = []; // the start of a handshake message that goes on in the next record
    private int _recordsWithoutData;
    private Exception? _failure;
    private bool _ended;
    private volatile bool _sendEnded, _owesKeyUpdate;

    /// <param name="inner">What the handshake went over.</param>
    /// <param name="agreed">Owned by this stream.</param>
    /// <param name="received">What came behind the handshake already.</param>
    public TlsPskStream(Stream inner, TlsPskAgreement agreed, ReadOnlySpan<byte> received)
        : base(inner)
    {
        _agreed = agreed;
        if (received.IsEmpty)
            return;
        _input = TransitBuffers.Rent(BatchSize);
        received.CopyTo(_input);
        _end = received.Length;
    }

    public override TransportKind Transport => TransportKind.TlsPsk;

    public XpraKey Key => _agreed.Key;

    /// <summary>The cipher suite's AES key in bits: 256 or 128.</summary>
    public int KeySize => _agreed.Suite == CipherSuite.TLS_AES_256_GCM_SHA384 ? 256 : 128;

    /// <summary>Records sent with one key before the next.</summary>
    public long RecordsPerKey { get; init; } = DefaultRecordsPerKey;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var count = Take(buffer.Span);
            if (count > 0 || _ended)
                return count;
            if (_failure is not null)
            {
                if (_failure.InnerException?.InnerException is TlsFatalAlert alert)
                    await SendAlertAsync((byte)alert.AlertDescription, cancellationToken).ConfigureAwait(false);
                throw _failure;
            }
            if (buffer.IsEmpty)
            {
                // Waits for records, without a buffer. The next read opens them.
                if (!HasInput())
                    await Inner.ReadAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
                return 0;
            }
            await FillAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Each call's bytes stay together.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            for (var rest = buffer; rest.Length > 0; rest = rest[Math.Min(BatchSize, rest.Length)..])
                await SendAsync(ContentType.application_data, rest[..Math.Min(BatchSize, rest.Length)], cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Sends close_notify, which ends our direction alone (RFC 8446 section 6.1).</summary>
    public override async ValueTask CloseSendAsync(CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_sendEnded)
                return;
            await SendAsync(ContentType.alert, new[] { (byte)AlertLevel.warning, (byte)AlertDescription.close_notify }, cancellationToken).ConfigureAwait(false);
            _sendEnded = true;
        }
        finally
        {
            _sending.Release();
        }
    }

    protected override void Dispose(bool disposing)
    {
        // Closed first: what another thread protects with erased secrets cannot leave any more.
        base.Dispose(disposing);
        if (!disposing)
            return;
        _agreed.Reading.Dispose();
        _agreed.Writing.Dispose();
    }

    /// <summary>Opens records straight into the buffer as far as they have arrived and fit; the rest of one that does not fit waits for the next read.</summary>
    private int Take(Span<byte> buffer)
    {
        var taken = TakeContent(buffer);
        try
        {
            while (taken < buffer.Length && !_ended && _failure is null && NextRecord() is > 0 and var size)
            {
                var record = _input.AsSpan(_start, size);
                var fits = TlsRecordProtection.InnerSize(size) <= buffer.Length - taken;
                var place = fits ? buffer[taken..] : record[TlsRecordProtection.HeaderSize..];
                var (type, length) = _agreed.Reading.Open(record, place);
                _start += size;
                if (type != ContentType.application_data)
                {
                    Handle(type, place[..length]);
                    continue;
                }
                _recordsWithoutData = length > 0 ? 0 : CountWithoutData();
                if (fits)
                {
                    taken += length;
                    continue;
                }
                _contentStart = _start - size + TlsRecordProtection.HeaderSize;
                _contentEnd = _contentStart + length;
                taken += TakeContent(buffer[taken..]);
            }
        }
        catch (TlsFatalAlert e)
        {
            // What came before is good; the next read reports it.
            _failure = new IOException("The TLS records of the peer were changed on the way, or are none.", TlsFailure.Explain(e));
        }
        if (_start == _end && _contentStart == _contentEnd)
            ReleaseInput();
        return taken;
    }

    /// <summary>The size of the next record if it has arrived whole, or 0.</summary>
    private int NextRecord()
    {
        var size = TlsRecordProtection.RecordSize(_input.AsSpan(_start, _end - _start));
        return size <= _end - _start ? size : 0;
    }

    /// <summary>Whether the next read gives data, or a failure, without more from the peer.</summary>
    private bool HasInput()
    {
        try
        {
            return _contentStart < _contentEnd || NextRecord() > 0;
        }
        catch (TlsFatalAlert)
        {
            return true;
        }
    }

    private int TakeContent(Span<byte> buffer)
    {
        var count = Math.Min(_contentEnd - _contentStart, buffer.Length);
        _input.AsSpan(_contentStart, count).CopyTo(buffer);
        _contentStart += count;
        return count;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (_input.Length == 0)
            _input = TransitBuffers.Rent(BatchSize);
        _input.AsSpan(_start, _end - _start).CopyTo(_input);
        (_start, _end) = (0, _end - _start);
        var count = await Inner.ReadAsync(_input.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        if (count == 0)
            throw new IOException("The connection was cut off.", new XpraAesException(XpraErrorId.ConnectionLost, "The connection ended without TLS's closing message."));
        _end += count;
    }

    private void Handle(short type, ReadOnlySpan<byte> content)
    {
        CountWithoutData();
        if (content.IsEmpty)
            throw new TlsFatalAlert(AlertDescription.unexpected_message, "An empty record of a type that may not be empty.");
        if (type == ContentType.handshake)
            HandleMessages(content);
        else if (type == ContentType.alert && content.Length == 2)
            HandleAlert(content[1]);
        else
            throw new TlsFatalAlert(AlertDescription.unexpected_message);
    }

    private void HandleAlert(byte description)
    {
        if (description == AlertDescription.close_notify)
            _ended = true;
        else if (description != AlertDescription.user_canceled) // close_notify follows
            (_failure, _sendEnded) = (new IOException("The peer ended TLS with an error.", TlsFailure.Explain(new TlsFatalAlertReceived(description))), true);
    }

    private void HandleMessages(ReadOnlySpan<byte> content)
    {
        const int HeaderSize = 4; // type and length
        byte[] messages = [.. _message, .. content];
        var rest = messages.AsSpan();
        while (rest.Length >= HeaderSize && HeaderSize + (rest[1] << 16 | rest[2] << 8 | rest[3]) is var size && size <= rest.Length)
        {
            HandleMessage(rest[0], rest[HeaderSize..size], isLast: size == rest.Length);
            rest = rest[size..];
        }
        if (rest.Length > MaxMessageSize)
            throw new TlsFatalAlert(AlertDescription.decode_error, "A handshake message that is too long.");
        _message = rest.ToArray();
    }

    private void HandleMessage(byte type, ReadOnlySpan<byte> body, bool isLast)
    {
        if (type == HandshakeType.new_session_ticket && _agreed.IsClient)
            return; // never resumed
        if (type != HandshakeType.key_update)
            throw new TlsFatalAlert(AlertDescription.unexpected_message, "A handshake message that does not belong here.");
        // The key changes between two records (section 5.1).
        if (body.Length != 1 || body[0] > KeyUpdateRequest.update_requested || !isLast)
            throw new TlsFatalAlert(body.Length == 1 && isLast ? AlertDescription.illegal_parameter : AlertDescription.unexpected_message);
        _agreed.Reading.Update();
        if (body[0] == KeyUpdateRequest.update_requested)
            _owesKeyUpdate = true; // before the next data that is sent, so that reading never waits for writing
    }

    private int CountWithoutData() => ++_recordsWithoutData <= MaxRecordsWithoutData
        ? _recordsWithoutData
        : throw new TlsFatalAlert(AlertDescription.unexpected_message, "Too many records without data.");

    /// <summary>Protects and sends at most <see cref="BatchSize"/>, by whoever holds the semaphore.</summary>
    private async ValueTask SendAsync(short type, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (_sendEnded)
            throw new IOException("The sending side of the TLS connection is closed.");
        var records = content.Length / TlsRecordProtection.MaxContentSize + 1;
        var output = TransitBuffers.Rent(content.Length + records * TlsRecordProtection.Overhead + KeyUpdateSize);
        try
        {
            var size = Protect(type, content.Span, output);
            await Inner.WriteAsync(output.AsMemory(0, size), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            _sendEnded = true; // part of a record may be sent
            throw;
        }
        finally
        {
            TransitBuffers.Return(output);
        }
    }

    private int Protect(short type, ReadOnlySpan<byte> content, Span<byte> output)
    {
        var (protection, size) = (_agreed.Writing, 0);
        if (_owesKeyUpdate || protection.Count >= RecordsPerKey)
        {
            _owesKeyUpdate = false;
            size = protection.Seal(ContentType.handshake, [(byte)HandshakeType.key_update, 0, 0, 1, (byte)KeyUpdateRequest.update_not_requested], output);
            protection.Update();
        }
        do
        {
            var part = content[..Math.Min(content.Length, TlsRecordProtection.MaxContentSize)];
            size += protection.Seal(type, part, output[size..]);
            content = content[part.Length..];
        }
        while (content.Length > 0);
        return size;
    }

    /// <summary>Tells the peer, if it can be told at once.</summary>
    private async Task SendAlertAsync(byte description, CancellationToken cancellationToken)
    {
        if (_sendEnded || !await _sending.WaitAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false))
            return;
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(s_alertTimeout);
            await SendAsync(ContentType.alert, new[] { (byte)AlertLevel.fatal, description }, deadline.Token).ConfigureAwait(false);
            _sendEnded = true;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer is gone; the failure itself is reported.
        }
        finally
        {
            _sending.Release();
        }
    }

    private void ReleaseInput()
    {
        TransitBuffers.Return(_input);
        _input = [];
        (_start, _end, _contentStart, _contentEnd) = (0, 0, 0, 0);
    }
}
