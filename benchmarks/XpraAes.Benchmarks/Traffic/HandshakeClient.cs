using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>A client that does nothing but handshakes. Its hello is the same each time but for its salt, which a listener takes once, and the answer is not decrypted, so that it costs next to nothing.</summary>
internal sealed class HandshakeClient
{
    private readonly byte[] _hello;
    /// <summary>Where the salt stands: flat and nested.</summary>
    private readonly (int Flat, int Nested) _salts;

    public HandshakeClient(int iterations)
    {
        var cipher = CipherCapabilities.Generate(AesMode.CTR, ProtocolDefaults.KeySize, ProtocolDefaults.KeyHash, iterations, PaddingScheme.Pkcs7, 16, stream: true);
        var hello = Hello.ForClient(Hello.NewUuid(), null, allowXor: false);
        CipherCapabilities.Write(hello, cipher, stream: null);
        _hello = PlainPackets.Frame(PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { Hello.PacketType, hello }));
        _salts = (_hello.AsSpan().IndexOf(cipher.Salt.Span), _hello.AsSpan().LastIndexOf(cipher.Salt.Span));
    }

    /// <summary>One handshake, up to the answer to the hello, which is encrypted. Throws InvalidOperationException where it is not.</summary>
    public void Run(int port)
    {
        var hello = (byte[])_hello.Clone();
        var salt = hello.AsSpan(_salts.Flat, ProtocolDefaults.SaltSize);
        RandomNumberGenerator.Fill(salt);
        salt.CopyTo(hello.AsSpan(_salts.Nested));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        socket.Send(hello);
        using var stream = new NetworkStream(socket);
        var header = new byte[PacketHeader.Size];
        stream.ReadExactly(header);
        if (!PacketHeader.Parse(header).IsEncrypted)
            throw new InvalidOperationException("A hello was refused.");
        stream.ReadExactly(new byte[PacketHeader.Parse(header).PayloadSize]);
    }
}
