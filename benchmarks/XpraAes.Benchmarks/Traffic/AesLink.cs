using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>A link over xpra's AES, encrypted and decrypted by the benchmark itself.</summary>
internal sealed class AesLink : ILink
{
    private readonly BlockingStream _stream;
    private readonly PacketChannel _channel;

    public AesLink(Socket socket, XpraKey key, AesMode mode)
        : this(new BlockingStream(socket), static stream => stream, key, mode)
    {
    }

    private AesLink(BlockingStream stream, Func<Stream, Stream> within, XpraKey key, AesMode mode)
    {
        _stream = stream;
        _channel = new PacketChannel(within(stream), Limits.Default);
        var handshake = new ClientHandshake(_channel, new ClientHandshakeOptions
        {
            Uuid = Hello.NewUuid(),
            Cipher = new ClientCipherOptions { Keys = [key], Mode = mode },
            Timeout = TimeSpan.FromSeconds(30),
        }, Limits.Default, NullLogger.Instance);
        handshake.RunAsync(CancellationToken.None).GetAwaiter().GetResult();
    }

    /// <summary>The same in a websocket inside TLS, to a server with a self-signed certificate.</summary>
    public static AesLink OverWebSocketTls(Socket socket, XpraKey key, AesMode mode) => new(new BlockingStream(socket), static stream =>
    {
        var tls = TlsStream.ConnectAsync(stream, "localhost", new TlsTrust { VerifiesServer = false }, default).GetAwaiter().GetResult();
        return WebSocketUpgrade.ConnectAsync(tls, "localhost", ProtocolDefaults.Port, "/", default).GetAwaiter().GetResult();
    }, key, mode);

    public void Send(byte[] packet)
    {
        _channel.Writer.Append(packet[1], packet[2], packet[3], packet.AsSpan(PacketHeader.Size));
        Complete(_channel.Writer.FlushAsync(CancellationToken.None));
    }

    public int Receive(Span<byte> buffer)
    {
        while (!_channel.Reader.TryRead())
        {
            var fill = _channel.Reader.StartFill(CancellationToken.None);
            if (!_channel.Reader.EndFill(fill.IsCompletedSuccessfully ? fill.Result : throw new IOException("The connection was lost.")))
                return 0;
        }
        return PacketHeader.Size + _channel.Reader.Payload.Length;
    }

    // The sender and the receiver may still be using it.
    public void Dispose() => _stream.Dispose();

    private static void Complete(ValueTask done)
    {
        if (!done.IsCompletedSuccessfully)
            throw new IOException("The connection was lost.");
    }

    /// <summary>Completes asynchronous reads and writes synchronously.</summary>
    private sealed class BlockingStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }
    }
}
