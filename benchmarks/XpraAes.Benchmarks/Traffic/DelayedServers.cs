using System.Net;
using System.Net.Sockets;
using XpraAes.Listening;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>Servers that answer requests for information, each on its own address of this machine's loopback network, and each after a delay, as over a long way.</summary>
internal sealed class DelayedServers : IAsyncDisposable
{
    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(50);

    private readonly AesListener _listener;
    private readonly Socket _listening = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    /// <summary>Starts the servers, which all have this key, and ask for this many iterations of PBKDF2.</summary>
    public DelayedServers(XpraKey key, int iterations)
    {
        _listener = AesListener.Start(new ListenerOptions { Key = key, Iterations = iterations, TrustedSources = [IPNetwork.Parse("127.0.0.0/8")] });
        _listening.Bind(new IPEndPoint(IPAddress.Any, 0));
        _listening.Listen(1024);
        _ = AcceptAsync();
    }

    /// <summary>The port of every server.</summary>
    public int Port => ((IPEndPoint)_listening.LocalEndPoint!).Port;

    /// <summary>The address of a server, from 0 on.</summary>
    public static string AddressOf(int server) => $"127.0.{1 + server / 250}.{1 + server % 250}";

    public async ValueTask DisposeAsync()
    {
        _listening.Dispose();
        await _listener.StopAsync(TimeSpan.Zero).ConfigureAwait(false);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = RelayAsync(await _listening.AcceptAsync().ConfigureAwait(false));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task RelayAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            client.NoDelay = true;
            await server.ConnectAsync(IPAddress.Loopback, _listener.Port).ConfigureAwait(false);
            using var left = new NetworkStream(client, ownsSocket: true);
            using var right = new NetworkStream(server);
            await Task.Delay(s_delay).ConfigureAwait(false);
            await Task.WhenAny(left.CopyToAsync(right), right.CopyToAsync(left)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            // A side has disconnected.
        }
    }
}
