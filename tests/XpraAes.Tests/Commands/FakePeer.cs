using System.Net;
using System.Net.Sockets;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Tests.Commands;

/// <summary>Something on a port of this machine that is no xpra server, or a strange one.</summary>
internal sealed class FakePeer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<NetworkStream, CancellationToken, Task> _behave;
    private readonly CancellationTokenSource _stopping = new();
    private int _connections;

    private FakePeer(Func<NetworkStream, CancellationToken, Task> behave)
    {
        _behave = behave;
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Never sends anything.</summary>
    public static FakePeer Silent() => new((_, token) => Task.Delay(Timeout.Infinite, token));

    /// <summary>Never sends anything, and hangs up on all once this many are connected at a time.</summary>
    public static FakePeer ThatWaitsFor(int count)
    {
        var (waiting, all) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        return new(async (_, token) =>
        {
            if (Interlocked.Increment(ref waiting) == count)
                all.SetResult();
            await all.Task.WaitAsync(token);
        });
    }

    /// <summary>Closes the connection as soon as it has read something.</summary>
    public static FakePeer ThatHangsUp() => new(ReadAsync);

    /// <summary>Sends the same to everyone, whatever they send first.</summary>
    public static FakePeer Saying(ReadOnlyMemory<byte> greeting) => new(async (stream, token) =>
    {
        await ReadAsync(stream, token);
        await stream.WriteAsync(greeting, token);
        await Task.Delay(Timeout.Infinite, token);
    });

    /// <summary>Answers clients whose first byte is this one, and waits for more from others.</summary>
    public static FakePeer AnsweringOnly(byte first, ReadOnlyMemory<byte> answer) => new(async (stream, token) =>
    {
        var received = new byte[1];
        await stream.ReadExactlyAsync(received, token);
        if (received[0] == first)
            await stream.WriteAsync(answer, token);
        await Task.Delay(Timeout.Infinite, token);
    });

    /// <summary>An xpra server that answers a hello with one packet: in plaintext without a key, otherwise encrypted as the client announced.</summary>
    public static FakePeer Answering(XpraKey? key, params object?[] answer) => new(async (stream, token) =>
    {
        await using var channel = new PacketChannel(stream, Limits.Default);
        var hello = (await channel.ReceiveAsync(token))!.Dictionary(1)!;
        if (key is not null)
            channel.Writer.Arm(SessionCiphers.CreateEncryptor(key, CipherCapabilities.Read(hello)!.Parameters));
        await channel.SendAsync(answer, token);
        await Task.Delay(Timeout.Infinite, token);
    });

    public void Dispose()
    {
        _stopping.Cancel();
        _listener.Dispose();
    }

    private static async Task ReadAsync(NetworkStream stream, CancellationToken cancellationToken)
        => _ = await stream.ReadAsync(new byte[4096], cancellationToken);

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
                Interlocked.Increment(ref _connections);
                _ = ServeAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // Disposed of.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await _behave(client.GetStream(), _stopping.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or XpraAesException)
            {
                // The client has gone, or the test is over.
            }
        }
    }
}
