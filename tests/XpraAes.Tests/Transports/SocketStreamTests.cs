using System.Net;
using System.Net.Sockets;
using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

public class SocketStreamTests
{
    // More than the buffers of both sockets take.
    private const int Large = 32 * 1024 * 1024;

    [Fact]
    public async Task What_the_socket_does_not_take_at_once_waits_and_arrives_whole()
    {
        await using var pair = await Pair.OpenAsync();
        var sent = new byte[Large];
        new Random(1).NextBytes(sent);
        var writing = pair.Stream.WriteAsync(sent).AsTask();
        Assert.False(writing.IsCompleted);
        var received = new byte[Large];
        await pair.Peer.ReadExactlyAsync(received).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        await writing.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    [Fact]
    public async Task Writes_of_many_sockets_at_a_time_do_not_get_into_each_other()
    {
        var pairs = new List<Pair>();
        for (var i = 0; i < 100; i++)
            pairs.Add(await Pair.OpenAsync());
        const int size = 8 * 1024 * 1024;
        await Task.WhenAll(pairs.Select((pair, i) => Task.Run(async () =>
        {
            var writing = pair.Stream.WriteAsync(Enumerable.Repeat((byte)i, size).ToArray());
            var received = new byte[size];
            await pair.Peer.ReadExactlyAsync(received);
            await writing;
            Assert.False(received.AsSpan().ContainsAnyExcept((byte)i));
        }))).WaitAsync(TimeSpan.FromSeconds(60));
        foreach (var pair in pairs)
            await pair.DisposeAsync();
    }

    [Fact]
    public async Task Cancelling_a_write_that_waits_closes_the_connection()
    {
        await using var pair = await Pair.OpenAsync();
        using var cancelling = new CancellationTokenSource();
        var writing = pair.Stream.WriteAsync(new byte[Large], cancelling.Token).AsTask();
        Assert.False(writing.IsCompleted);
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing.WaitAsync(TimeSpan.FromSeconds(20)));
        await Assert.ThrowsAnyAsync<Exception>(async () => await pair.Stream.WriteAsync(new byte[1]));
        // The next one gets the pooled objects, and nothing of the one before.
        await using var next = await Pair.OpenAsync();
        await next.Stream.WriteAsync("P"u8.ToArray(), CancellationToken.None);
        Assert.Equal('P', next.Peer.ReadByte());
    }

    [Fact]
    public async Task A_token_that_is_cancelled_already_sends_nothing()
    {
        await using var pair = await Pair.OpenAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await pair.Stream.WriteAsync("A"u8.ToArray(), new CancellationToken(canceled: true)));
        await pair.Stream.WriteAsync("B"u8.ToArray());
        Assert.Equal('B', pair.Peer.ReadByte());
    }

    [Fact]
    public async Task A_write_to_a_peer_that_has_reset_the_connection_fails()
    {
        await using var pair = await Pair.OpenAsync();
        var writing = pair.Stream.WriteAsync(new byte[Large]).AsTask();
        pair.Peer.Socket.LingerState = new LingerOption(true, 0);
        pair.Peer.Socket.Close();
        var failure = await Assert.ThrowsAsync<IOException>(() => writing.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Contains(Assert.IsType<SocketException>(failure.InnerException).SocketErrorCode, new[] { SocketError.ConnectionReset, SocketError.Shutdown, SocketError.ConnectionAborted });
    }

    /// <summary>The stream, and a plain one at the other end.</summary>
    private sealed class Pair(SocketStream stream, NetworkStream peer) : IAsyncDisposable
    {
        public SocketStream Stream => stream;

        public NetworkStream Peer => peer;

        public static async Task<Pair> OpenAsync()
        {
            using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listening.Listen();
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(listening.LocalEndPoint!);
            return new Pair(new SocketStream(client), new NetworkStream(await listening.AcceptAsync(), ownsSocket: true));
        }

        public async ValueTask DisposeAsync()
        {
            await stream.DisposeAsync();
            await peer.DisposeAsync();
        }
    }
}
