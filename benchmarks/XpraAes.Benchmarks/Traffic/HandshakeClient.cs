using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>A client that does nothing but handshakes. Its hello is the same each time and the answer is not decrypted, so that it costs next to nothing.</summary>
internal sealed class HandshakeClient(int iterations)
{
    private readonly byte[] _hello = CreateHello(iterations);

    /// <summary>One handshake, up to the answer to the hello.</summary>
    public void Run(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        socket.Send(_hello);
        using var stream = new NetworkStream(socket);
        if (!PlainPackets.Skip(stream))
            throw new InvalidOperationException("A hello was not answered.");
    }

    private static byte[] CreateHello(int iterations)
    {
        var hello = Hello.ForClient(Hello.NewUuid(), null, allowXor: false);
        CipherCapabilities.Write(hello, CipherCapabilities.Generate(AesMode.CTR, ProtocolDefaults.KeySize, ProtocolDefaults.KeyHash, iterations, PaddingScheme.Pkcs7, 16, stream: true), stream: null);
        return PlainPackets.Frame(PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { Hello.PacketType, hello }));
    }
}
