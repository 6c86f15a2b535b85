using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Connections of misbehaving clients without the key.</summary>
internal static class UnauthenticatedClient
{
    /// <summary>The kinds of misbehaviour, used in turn.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["silent", "garbage", "broken packet", "clear", "hello and gone", "hello and stay", "half a hello", "TLS"];

    /// <summary>An unencrypted hello, which anyone can write without the key.</summary>
    public static byte[] Hello { get; } = Frame(Generation.Named("6.2").Announce(AesMode.CTR).Hello);

    /// <summary>Connects from that address, misbehaves, and stays until it is disconnected or a second has passed. True: it could connect.</summary>
    public static async Task<bool> ConnectAsync(IPEndPoint listener, IPAddress source, string kind, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(TimeSpan.FromSeconds(1));
        try
        {
            socket.Bind(new IPEndPoint(source, 0));
            await socket.ConnectAsync(listener, timeout.Token);
            await socket.SendAsync(OpeningBytes(kind), timeout.Token);
            if (kind == "hello and gone")
                return true;
            var waste = new byte[4096];
            while (await socket.ReceiveAsync(waste, timeout.Token) > 0)
            {
            }
            return true;
        }
        catch (SocketException)
        {
            return socket.Connected;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    private static byte[] OpeningBytes(string kind) => kind switch
    {
        "garbage" => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "broken packet" => [(byte)'P', 0x10, 0, 0, 0, 0, 0, 1, 0xc0],
        "clear" => Frame(new XpraDictionary { ["version"] = "6.2.5" }),
        "hello and gone" or "hello and stay" => Hello,
        "half a hello" => Hello[..(Hello.Length / 2)],
        "TLS" => [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
        _ => [],
    };

    private static byte[] Frame(XpraDictionary hello)
    {
        var data = PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "hello", hello });
        var packet = new byte[PacketHeader.Size + data.Length];
        new PacketHeader((byte)PacketEncoding.RencodePlus, 0, 0, data.Length).Write(packet);
        data.CopyTo(packet.AsSpan(PacketHeader.Size));
        return packet;
    }
}
