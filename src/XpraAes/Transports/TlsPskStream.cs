using System.Buffers;
using System.Runtime.InteropServices;
using Org.BouncyCastle.Tls;
using XpraAes.Keys;

namespace XpraAes.Transports;

/// <summary>
/// A byte stream inside TLS 1.3 with a pre-shared key. The protocol object takes input and gives output: no thread waits in it. One reader and
/// any number of writers at a time.
/// </summary>
internal sealed class TlsPskStream : LayeredStream, ISealedStream
{
    private const int BufferSize = 32 * 1024;

    private readonly TlsProtocol _protocol;
    private readonly object _gate = new(); // around the protocol object
    private readonly SemaphoreSlim _sending = new(1, 1); // records leave in the order in which they were made
    private byte[] _input = ArrayPool<byte>.Shared.Rent(BufferSize);
    private byte[] _output = ArrayPool<byte>.Shared.Rent(BufferSize);
    private bool _ended;

    private TlsPskStream(Stream inner, TlsProtocol protocol)
        : base(inner) => _protocol = protocol;

    /// <summary>The cipher suite's AES key in bits: 256 or 128.</summary>
    public int KeySize => Suite == CipherSuite.TLS_AES_256_GCM_SHA384 ? 256 : 128;

    /// <summary>The key that both ends hold; on the client's side the one it was given.</summary>
    public required XpraKey Key { get; init; }

    public required int Suite { get; init; }

    /// <summary>The client's handshake.</summary>
    /// <exception cref="XpraAesException">KeyMismatch where the server does not take the key, TlsFailed, ConnectionLost, and what the peer is instead.</exception>
    public static async Task<TlsPskStream> ConnectAsync(Stream inner, IReadOnlyList<XpraKey> keys, CancellationToken cancellationToken)
    {
        var peer = new TlsPskClient(new PlatformTlsCrypto(), [.. keys.Select(key => (key, TlsPskSecrets.Of(key)))]);
        var protocol = new TlsClientProtocol();
        protocol.Connect(peer);
        return await HandshakeAsync(inner, protocol, () => (peer.Key!, peer.Suite), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The server's handshake, with whichever of its keys the client names.</summary>
    /// <exception cref="XpraAesException">As <see cref="ConnectAsync"/>.</exception>
    public static async Task<TlsPskStream> AcceptAsync(Stream inner, IReadOnlyList<XpraKey> keys, CancellationToken cancellationToken)
    {
        var peer = new TlsPskServer(new PlatformTlsCrypto(), [.. keys.Select(key => (key, TlsPskSecrets.Of(key)))]);
        var protocol = new TlsServerProtocol();
        protocol.Accept(peer);
        return await HandshakeAsync(inner, protocol, () => (peer.Key!, peer.Suite), cancellationToken).ConfigureAwait(false);
    }

    private static async Task<TlsPskStream> HandshakeAsync(Stream inner, TlsProtocol protocol, Func<(XpraKey Key, int Suite)> agreed, CancellationToken cancellationToken)
    {
        var input = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            while (true)
            {
                await SendOutputAsync().ConfigureAwait(false);
                if (protocol.IsConnected)
                    break;
                var count = await inner.ReadAsync(input, cancellationToken).ConfigureAwait(false);
                if (count == 0)
                    throw new XpraAesException(XpraErrorId.ConnectionLost, "The peer closed the connection during the TLS handshake.");
                try
                {
                    protocol.OfferInput(input, 0, count);
                }
                catch (IOException e)
                {
                    await SendOutputAsync().ConfigureAwait(false); // the alert
                    throw Explain(e);
                }
            }
            var (key, suite) = agreed();
            return new TlsPskStream(inner, protocol) { Key = key, Suite = suite };
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(input, clearArray: true);
        }

        async Task SendOutputAsync()
        {
            var size = protocol.GetAvailableOutputBytes();
            if (size == 0)
                return;
            var output = new byte[size];
            protocol.ReadOutput(output, 0, size);
            await inner.WriteAsync(output, cancellationToken).ConfigureAwait(false);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            lock (_gate)
            {
                var available = Math.Min(_protocol.GetAvailableInputBytes(), buffer.Length);
                if (available > 0)
                    return ReadInput(buffer[..available]);
            }
            if (_ended || buffer.Length == 0)
                return 0;
            var count = await Inner.ReadAsync(_input, cancellationToken).ConfigureAwait(false);
            int answer;
            lock (_gate)
            {
                try
                {
                    if (count == 0)
                        _protocol.CloseInput(); // throws where the peer has not said that it closes
                    else
                        _protocol.OfferInput(_input, 0, count);
                }
                catch (IOException e)
                {
                    throw new IOException("The TLS records of the peer were cut off or changed on the way.", Explain(e));
                }
                _ended = count == 0 || _protocol.IsClosed;
                answer = _protocol.GetAvailableOutputBytes();
            }
            if (answer > 0)
                await SendAsync(default, cancellationToken).ConfigureAwait(false);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => await SendAsync(buffer, cancellationToken).ConfigureAwait(false);

    /// <summary>Sends close_notify. BouncyCastle ends both directions with it: what the peer sends after that is not read.</summary>
    public override async ValueTask CloseSendAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_protocol.IsClosed)
                _protocol.Close();
        }
        await SendAsync(default, cancellationToken).ConfigureAwait(false);
    }

    private async Task SendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            int size;
            lock (_gate)
            {
                if (data.Length > 0)
                    _protocol.WriteApplicationData(data.Span);
                size = _protocol.GetAvailableOutputBytes();
                if (size > _output.Length)
                {
                    ArrayPool<byte>.Shared.Return(_output);
                    _output = ArrayPool<byte>.Shared.Rent(size);
                }
                _protocol.ReadOutput(_output, 0, size);
            }
            if (size > 0)
                await Inner.WriteAsync(_output.AsMemory(0, size), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    private int ReadInput(Memory<byte> buffer)
    {
        if (MemoryMarshal.TryGetArray<byte>(buffer, out var array))
            return _protocol.ReadInput(array.Array!, array.Offset, array.Count);
        var copy = new byte[buffer.Length];
        var count = _protocol.ReadInput(copy, 0, copy.Length);
        copy.AsSpan(0, count).CopyTo(buffer.Span);
        return count;
    }

    private static XpraAesException Explain(IOException e) => e switch
    {
        TlsFatalAlertReceived { AlertDescription: AlertDescription.decrypt_error or AlertDescription.unknown_psk_identity or AlertDescription.illegal_parameter } or TlsFatalAlert { AlertDescription: AlertDescription.decrypt_error }
            => new XpraAesException(XpraErrorId.KeyMismatch, "The peer holds another key: the TLS handshake failed on it.", "Compare the fingerprints of the key files on both sides (Get-XpraAesKey).", e),
        TlsFatalAlert or TlsFatalAlertReceived => new XpraAesException(XpraErrorId.TlsFailed, $"TLS with a pre-shared key failed: {e.Message}", "Check the port and what listens there; something on the way may have changed what was sent.", e),
        _ => new XpraAesException(XpraErrorId.ConnectionLost, "The connection was lost during TLS.", innerException: e),
    };
}
