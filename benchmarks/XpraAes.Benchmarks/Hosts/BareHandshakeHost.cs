using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>
/// What a handshake costs without anything of XpraAes: two connections of .NET's, the exchange of bytes that a gateway has with a client and its target, and the
/// two key derivations. <c>bare-handshakes --target PORT --iterations N</c>.
/// </summary>
internal static class BareHandshakeHost
{
    private const int HeaderSize = 8, HelloSize = 528, AnswerSize = 914;

    public static void Run(Dictionary<string, string> arguments)
    {
        var iterations = int.Parse(arguments["iterations"], CultureInfo.InvariantCulture);
        PlainRelayHost.Run(arguments, (client, target) => ServeAsync(client, target, iterations));
    }

    private static async Task ServeAsync(Socket client, IPEndPoint target, int iterations)
    {
        using var clientSide = client;
        using var targetSide = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            client.NoDelay = true;
            var packet = new byte[4096];
            await ReadPacketAsync(client, packet).ConfigureAwait(false);
            Derive(iterations);
            Derive(iterations);
            await targetSide.ConnectAsync(target).ConfigureAwait(false);
            Write(packet, HelloSize, flags: 0);
            await targetSide.SendAsync(packet.AsMemory(0, HelloSize)).ConfigureAwait(false);
            await ReadPacketAsync(targetSide, packet).ConfigureAwait(false);
            Write(packet, AnswerSize, flags: 2); // encrypted
            await client.SendAsync(packet.AsMemory(0, AnswerSize)).ConfigureAwait(false);
            // Until the client is done.
            await client.ReceiveAsync(packet).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or EndOfStreamException)
        {
            // The other side has disconnected.
        }
    }

    private static async Task ReadPacketAsync(Socket socket, byte[] packet)
    {
        var read = 0;
        do
        {
            var received = await socket.ReceiveAsync(packet.AsMemory(read)).ConfigureAwait(false);
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

    private static void Derive(int iterations)
        => Rfc2898DeriveBytes.Pbkdf2("0123456789abcdef0123456789abcdef"u8, RandomNumberGenerator.GetBytes(32), iterations, HashAlgorithmName.SHA1, 32);
}
