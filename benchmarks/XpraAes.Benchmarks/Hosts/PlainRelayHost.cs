using System.Globalization;
using System.Net;
using System.Net.Sockets;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Packets;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>The gateway's relay without a cipher, as an upper bound for its throughput. <c>relay --target PORT</c>.</summary>
internal static class PlainRelayHost
{
    public static void Run(Dictionary<string, string> arguments) => Run(arguments, RelayAsync);

    /// <summary>Accepts clients, and connects each to the target.</summary>
    internal static void Run(Dictionary<string, string> arguments, Func<Socket, Socket, Task> relay)
    {
        var target = new IPEndPoint(IPAddress.Loopback, int.Parse(arguments["target"], CultureInfo.InvariantCulture));
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        _ = AcceptAsync(listening, target, relay);
        HostConsole.Serve(((IPEndPoint)listening.LocalEndPoint!).Port, () => 0);
    }

    private static async Task AcceptAsync(Socket listening, IPEndPoint target, Func<Socket, Socket, Task> relay)
    {
        while (true)
            _ = ServeAsync(await listening.AcceptAsync().ConfigureAwait(false), target, relay);
    }

    private static async Task ServeAsync(Socket accepted, IPEndPoint target, Func<Socket, Socket, Task> relay)
    {
        var connected = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await connected.ConnectAsync(target).ConfigureAwait(false);
        await relay(accepted, connected).ConfigureAwait(false);
    }

    private static async Task RelayAsync(Socket accepted, Socket connected)
    {
        var (client, server) = (Open(accepted), Open(connected));
        await using var session = new RelaySession(client, Leg(client), server, Leg(server), null, null, holdUntilProven: false, Limits.Default);
        try
        {
            await session.RunAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (XpraAesException)
        {
            // A side has disconnected, which is how each measurement ends.
        }
    }

    private static PacketChannel Open(Socket socket)
    {
        socket.NoDelay = true;
        var channel = new PacketChannel(new NetworkStream(socket, ownsSocket: true), Limits.Default);
        channel.TrustPeer();
        return channel;
    }

    private static CipherLeg Leg(PacketChannel channel) => CipherLeg.Of("", null, null, null, null, channel);
}
