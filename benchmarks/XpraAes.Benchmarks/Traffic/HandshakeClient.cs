using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>A client that only does handshakes, at next to no cost: its hello differs only in the salt, which a listener accepts once, and the answer is not decrypted.</summary>
internal sealed class HandshakeClient
{
    private readonly byte[] _hello;
    /// <summary>Offsets of the salt, which the hello has twice: flat and nested.</summary>
    private readonly (int Flat, int Nested) _salts;

    public HandshakeClient(int iterations)
    {
        var cipher = CipherCapabilities.Generate(AesMode.CTR, ProtocolDefaults.KeySize, ProtocolDefaults.KeyHash, iterations, PaddingScheme.Pkcs7, 16, stream: true);
        var hello = Hello.ForClient(Hello.NewUuid(), null, allowXor: false);
        CipherCapabilities.Write(hello, cipher, stream: null);
        _hello = PlainPackets.Frame(PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { Hello.PacketType, hello }));
        _salts = (_hello.AsSpan().IndexOf(cipher.Salt.Span), _hello.AsSpan().LastIndexOf(cipher.Salt.Span));
    }

    /// <summary>One handshake, up to the encrypted answer to the hello. Throws InvalidOperationException if that is not encrypted.</summary>
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
