using System.Net.Sockets;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Tests.Gateway;

/// <summary>One end of a session through the gateway: the client or the target.</summary>
internal sealed class TestPeer(Socket socket, PacketChannel channel, XpraDictionary hello) : IAsyncDisposable
{
    public static readonly TimeSpan HelloTimeout = TimeSpan.FromSeconds(20);

    public Socket Socket => socket;

    public PacketChannel Channel => channel;

    /// <summary>The other end's hello.</summary>
    public XpraDictionary Hello => hello;

    public Task SendAsync(params object?[] packet) => channel.SendAsync(packet, default).WaitAsync(HelloTimeout);

    /// <summary>The next packet; null where the other end has closed.</summary>
    public async Task<Packet?> ReceiveAsync() => await channel.ReceiveAsync(default).AsTask().WaitAsync(HelloTimeout);

    /// <summary>The next packet, not decoded.</summary>
    public async Task<(PacketHeader Header, byte[] Payload)> ReadRawAsync()
    {
        Assert.True(await channel.Reader.ReadAsync(default).AsTask().WaitAsync(HelloTimeout));
        return (channel.Reader.Header, channel.Reader.Payload.ToArray());
    }

    public async Task WriteRawAsync(byte flags, byte compression, byte chunkIndex, byte[] payload)
    {
        channel.Writer.Append(flags, compression, chunkIndex, payload);
        await channel.Writer.FlushAsync(default).AsTask().WaitAsync(HelloTimeout);
    }

    /// <summary>Asserts that the next packet is a disconnect, and returns its reason.</summary>
    public async Task<string> ExpectDisconnectAsync()
    {
        var packet = await ReceiveAsync();
        Assert.Equal("disconnect", packet?.Type);
        return XpraAes.Handshake.Refusals.Reason(packet!);
    }

    /// <summary>Asserts that the other end closes without another packet.</summary>
    public async Task ExpectEndAsync() => Assert.Null(await ReceiveAsync());

    public void HalfClose() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends the connection by a reset, as the kernel does for a program that crashed with unread data.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    public ValueTask DisposeAsync() => channel.DisposeAsync();
}
