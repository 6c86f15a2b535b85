using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>
/// What a handshake costs without anything of XpraAes: two connections of .NET's with a time limit and detection of lost peers, the exchange of bytes that a gateway
/// has with a client and its target, two hellos read and two written by System.Text.Json, the two key derivations, and AES by .NET's classes. It looks at nothing
/// that it reads. <c>bare-handshakes --target PORT --iterations N</c>.
/// </summary>
internal static class BareHandshakeHost
{
    private const int HeaderSize = 8, HelloSize = 528, AnswerSize = 914;

    private static readonly byte[] s_json = JsonSerializer.SerializeToUtf8Bytes(Enumerable.Range(0, 30).ToDictionary(i => $"capability.{i}", i => i % 3 == 0 ? (object)true : $"{i}"));

    public static void Run(Dictionary<string, string> arguments)
    {
        var iterations = int.Parse(arguments["iterations"], CultureInfo.InvariantCulture);
        PlainRelayHost.Run(arguments, (client, target) => ServeAsync(client, target, iterations));
    }

    private static async Task ServeAsync(Socket client, IPEndPoint target, int iterations)
    {
        using var clientSide = client;
        using var targetSide = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            DetectLoss(client);
            var packet = new byte[4096];
            await ReadPacketAsync(client, packet, limit.Token).ConfigureAwait(false);
            var hello = JsonNode.Parse(s_json)!;
            using var receive = CreateAes(iterations);
            using var send = CreateAes(iterations);
            await targetSide.ConnectAsync(target, limit.Token).ConfigureAwait(false);
            DetectLoss(targetSide);
            JsonSerializer.SerializeToUtf8Bytes(hello);
            Write(packet, HelloSize, flags: 0);
            await targetSide.SendAsync(packet.AsMemory(0, HelloSize), limit.Token).ConfigureAwait(false);
            await ReadPacketAsync(targetSide, packet, limit.Token).ConfigureAwait(false);
            JsonSerializer.SerializeToUtf8Bytes(JsonNode.Parse(s_json));
            using (var encryptor = send.CreateEncryptor())
                encryptor.TransformBlock(packet, HeaderSize, (AnswerSize - HeaderSize) / 16 * 16, packet, HeaderSize);
            Write(packet, AnswerSize, flags: 2); // encrypted
            await client.SendAsync(packet.AsMemory(0, AnswerSize), limit.Token).ConfigureAwait(false);
            // Until one of them is done.
            await Task.WhenAny(client.ReceiveAsync(packet), targetSide.ReceiveAsync(new byte[HeaderSize])).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or EndOfStreamException)
        {
            // The other side has disconnected.
        }
    }

    private static void DetectLoss(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 10);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 6);
    }

    private static async Task ReadPacketAsync(Socket socket, byte[] packet, CancellationToken cancellationToken)
    {
        var read = 0;
        do
        {
            var received = await socket.ReceiveAsync(packet.AsMemory(read), cancellationToken).ConfigureAwait(false);
            if (received == 0)
                throw new EndOfStreamException();
            read += received;
        }
        while (read < HeaderSize || read < HeaderSize + BinaryPrimitives.ReadInt32BigEndian(packet.AsSpan(4)));
    }

    private static void Write(byte[] packet, int size, byte flags)
    {
        packet[0] = (byte)'P';
        packet[1] = flags;
        BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(4), size - HeaderSize);
    }

    private static Aes CreateAes(int iterations)
    {
        var aes = Aes.Create();
        aes.Key = Rfc2898DeriveBytes.Pbkdf2("0123456789abcdef0123456789abcdef"u8, RandomNumberGenerator.GetBytes(32), iterations, HashAlgorithmName.SHA1, 32);
        return aes;
    }
}
