using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Fuzz.Targets;

/// <summary>What a gateway makes of hellos, of a client's first packet, and of the first bytes on its socket.</summary>
internal static class GatewayTargets
{
    private static readonly Limits s_limits = new();
    private static readonly GatewayOptions s_open = new() { Targets = [new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", 1) }], Health = new TargetHealth(Limits.Default, TimeProvider.System, NullLogger.Instance, default) };
    private static readonly GatewayOptions s_withPassword = s_open with { Challenges = true };
    private static readonly XpraDictionary s_serverHello = XpraAes.Handshake.Hello.ForServer("0");

    /// <summary>A client's hello as it goes on, and a target's as it comes back: neither has a cipher or shared memory in it, and an unauthenticated client's asks for nothing more. Bits of the first byte choose what is known of the client.</summary>
    public static void Hellos(byte[] input)
    {
        if (input.Length == 0 || PacketCodec.Decode(PacketEncoding.RencodePlus, input.AsSpan(1), new DecodeLimits(s_limits.EncodingDepth, s_limits.FirstPacketItems)) is not XpraDictionary hello)
            return;
        bool Bit(int bit) => (input[0] >> bit & 1) != 0;
        var encoding = Bit(1) ? PacketEncoding.RencodePlus : PacketEncoding.Rencode;
        var client = new HandshakeResult(null, null, hello, KeyProven: Bit(0)) { Encoding = encoding, Request = HelloRequest.Read(hello) };
        var attempt = new GatewayHandshake.Attempt(Bit(2) ? PacketEncoding.RencodePlus : PacketEncoding.Rencode, Translate: Bit(3));

        var toTarget = new GatewayHandshake(Bit(4) ? s_withPassword : s_open, NullLogger.Instance).HelloFor(client, attempt, answersTarget: Bit(5));
        CheckForwarded(toTarget);
        Expect.That(!toTarget.Any(item => item.Key is "mmap" || item.Key is string name && (name.StartsWith("mmap_", StringComparison.Ordinal) || name.StartsWith("mmap.", StringComparison.Ordinal))),
            "Shared memory goes on.");
        if (!client.KeyProven)
            Expect.Same(client.Request, HelloRequest.Read(toTarget), "An unauthenticated client's hello asks for something other than what was allowed");

        var channel = new PacketChannel(new PiecesStream(default), s_limits);
        var leg = new ClientLeg(channel, null, TimeSpan.FromMinutes(1), s_limits, NullLogger.Instance);
        CheckForwarded(GatewayHandshake.HelloToClient(leg, new PacketHeader((byte)encoding, 0, 0, 1), hello.Clone(), client with { PeerHello = s_serverHello }, attempt));
        channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>A client's packets under a key that is not proven yet: nothing reaches the target, and nothing of the target's the client, until one has made sense.</summary>
    public static void Relay(byte[] input)
    {
        if (input.Length < 2)
            return;
        var (toClient, toTarget) = (new PiecesStream(input.AsMemory(2), input[1]), new PiecesStream(s_fromTarget));
        PacketChannel client = new(toClient, s_limits), target = new(toTarget, s_limits);
        var cipher = PacketTargets.Ciphers[6];
        var session = new RelaySession(client, CipherLeg.Of("client", null, cipher, cipher, null, client), target, CipherLeg.Of("target", null, null, null, null, target),
            null, null, holdUntilProven: true, s_limits);
        var isProven = false;
        session.KeyProven = () => isProven = true;
        try
        {
            _ = session.RunAsync(default).GetAwaiter().GetResult();
        }
        catch (XpraAesException) when (!isProven)
        {
            throw;
        }
        finally
        {
            Expect.That(isProven || toClient.Written.Length == 0 || !Contains(toClient, s_fromTarget), "What the target said goes to a client that has proven nothing.");
            Expect.That(isProven || !Contains(toTarget, input.AsSpan(2)), "What a client says that has proven nothing goes to the target.");
            session.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>The first bytes on an accepted socket: packets, or HTTP that becomes a websocket or is answered.</summary>
    public static void Accepted(byte[] input)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(s_listener.LocalEndPoint!);
        using var server = s_listener.Accept();
        client.Send(input);
        client.Shutdown(SocketShutdown.Send);
        using var stream = TransportTable.AcceptAsync(server, new AcceptOptions { Timeout = TimeSpan.FromMinutes(1), Keys = input.Length % 2 == 0 ? [] : [TlsTargets.Key] }, default).GetAwaiter().GetResult();
        if (stream is not NetworkStream)
            return;
        var all = new MemoryStream();
        stream.CopyTo(all);
        Expect.That(all.ToArray().AsSpan().SequenceEqual(input), "What was looked at first is missing.");
    }

    private static readonly byte[] s_fromTarget = GeneratedSeeds.Write(null, [["setting-change", "the target's own words", new byte[32]]]);

    private static readonly Socket s_listener = Listen();

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static bool Contains(PiecesStream stream, ReadOnlySpan<byte> said) => said.Length > 0 && stream.Written.ToArray().AsSpan().IndexOf(said) >= 0;

    private static void CheckForwarded(XpraDictionary hello)
    {
        Expect.That(!CipherCapabilities.IsIn(hello) && CipherCapabilities.Read(hello) is null, "A hello goes on with cipher capabilities in it.");
        _ = PacketCodec.Encode(PacketEncoding.RencodePlus, hello);
    }
}
