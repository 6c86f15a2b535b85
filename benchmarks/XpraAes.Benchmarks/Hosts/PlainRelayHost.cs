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
    public static void Run(Dictionary<string, string> arguments) => Run(arguments, async (accepted, target) => await RelayAsync(accepted, await ConnectAsync(target).ConfigureAwait(false)).ConfigureAwait(false));

    /// <summary>Accepts clients, and serves each.</summary>
    internal static void Run(Dictionary<string, string> arguments, Func<Socket, IPEndPoint, Task> serve)
    {
        var target = new IPEndPoint(IPAddress.Loopback, int.Parse(arguments["target"], CultureInfo.InvariantCulture));
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        _ = AcceptAsync(listening, target, serve);
        HostConsole.Serve(((IPEndPoint)listening.LocalEndPoint!).Port, () => 0);
    }

    internal static async Task<Socket> ConnectAsync(IPEndPoint target)
    {
        var connected = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await connected.ConnectAsync(target).ConfigureAwait(false);
        return connected;
    }

    private static async Task AcceptAsync(Socket listening, IPEndPoint target, Func<Socket, IPEndPoint, Task> serve)
    {
        while (true)
            _ = serve(await listening.AcceptAsync().ConfigureAwait(false), target);
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
