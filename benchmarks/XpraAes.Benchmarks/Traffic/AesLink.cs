using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>A link over xpra's AES, encrypted and decrypted by the benchmark itself.</summary>
internal sealed class AesLink : ILink
{
    private readonly BlockingStream _stream;
    private readonly PacketChannel _channel;

    public AesLink(Socket socket, XpraKey key, AesMode mode)
    {
        _stream = new BlockingStream(socket);
        _channel = new PacketChannel(_stream, Limits.Default);
        var handshake = new ClientHandshake(_channel, new ClientHandshakeOptions
        {
            Uuid = Hello.NewUuid(),
            Cipher = new ClientCipherOptions { Keys = [key], Mode = mode },
            Timeout = TimeSpan.FromSeconds(30),
        }, Limits.Default, NullLogger.Instance);
        handshake.RunAsync(CancellationToken.None).GetAwaiter().GetResult();
    }

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
