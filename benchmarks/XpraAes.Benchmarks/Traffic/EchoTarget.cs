using System.Net;
using System.Net.Sockets;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>The unencrypted target of all comparisons: answers a hello, and echoes everything after it. Uses blocking calls and a thread per connection, so that it costs little.</summary>
internal sealed class EchoTarget : IDisposable
{
    private const int StackSize = 128 * 1024;

    private readonly Socket _listening = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public EchoTarget()
    {
        _listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listening.Listen(1024);
        new Thread(Accept, StackSize) { IsBackground = true }.Start();
    }

    public int Port => ((IPEndPoint)_listening.LocalEndPoint!).Port;

    public void Dispose() => _listening.Dispose();

    private void Accept()
    {
        try
        {
            while (true)
            {
                var socket = _listening.Accept();
                new Thread(() => Serve(socket), StackSize) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private static void Serve(Socket socket)
    {
        using (socket)
        {
            try
            {
                socket.NoDelay = true;
                using var stream = new NetworkStream(socket);
                if (!PlainPackets.Skip(stream))
                    return;
                socket.Send(PlainPackets.ServerHello);
                // A small buffer while idle, since there may be thousands of connections.
                var small = new byte[512];
                var buffer = small;
                int read;
                while ((read = socket.Receive(buffer)) > 0)
                {
                    socket.Send(buffer.AsSpan(0, read));
                    if (read == small.Length && buffer == small)
                        buffer = new byte[256 * 1024];
                }
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                // The other side has disconnected.
            }
        }
    }
}
