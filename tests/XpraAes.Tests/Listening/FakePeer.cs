using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Tests.Listening;

/// <summary>A scriptable client or server that uses only the packet layer of XpraAes, not its handshakes.</summary>
internal sealed class FakePeer : IAsyncDisposable
{
    /// <summary>Generous, for loaded machines.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    private readonly XpraKey _key;

    public FakePeer(Socket socket, XpraKey key, Stream? stream = null)
    {
        Socket = socket;
        _key = key;
        Channel = new PacketChannel(stream ?? new NetworkStream(socket, ownsSocket: true), Limits.Default);
        Channel.TrustPeer();
    }

    public Socket Socket { get; }

    public PacketChannel Channel { get; }

    /// <summary>Connects to a local port, optionally from an address such as 127.1.2.3.</summary>
    public static async Task<FakePeer> ConnectAsync(int port, XpraKey key, IPAddress? source = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (source is not null)
            socket.Bind(new IPEndPoint(source, 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return new FakePeer(socket, key);
    }

    public Task SendAsync(params object?[] packet) => Channel.SendAsync(packet, CancellationToken.None).WaitAsync(s_timeout);

    public Task SendCompressedAsync(byte compression, params object?[] packet)
    {
        var data = PacketCodec.Encode(Channel.Encoding, packet);
        data = compression switch
        {
            0 => data,
            PacketCompression.ZlibHeader => PacketCompression.CompressZlib(data),
            _ => PacketCompression.CompressLz4(data),
        };
        Channel.Writer.Append((byte)Channel.Encoding, compression, chunkIndex: 0, data);
        return Channel.Writer.FlushAsync(default).AsTask();
    }

    /// <summary>Exchanges a client's hellos until the session is established. Returns the listener's hello and its cipher parameters.</summary>
    /// <param name="generation">The client's xpra generation.</param>
    /// <param name="mode">The mode to ask for.</param>
    /// <param name="change">Changes the hello before it is sent.</param>
    /// <param name="derive">Wraps each key derivation; null for none.</param>
    public async Task<(XpraDictionary Hello, CipherParameters Asked)> OpenSessionAsync(Generation generation, AesMode mode, Action<XpraDictionary>? change = null, Action<Action>? derive = null)
    {
        derive ??= derivation => derivation();
        var (hello, announced) = generation.Announce(mode);
        change?.Invoke(hello);
        Channel.Encoding = generation.Encoding;
        await SendCompressedAsync(generation.Compression, "hello", hello);
        derive(() => ReceiveUnder(announced));
        var answer = (await ReceiveAsync("hello")).Dictionary(1)!;
        var asked = generation.Read(answer);
        derive(() => SendUnder(asked));
        Channel.Encoding = generation.LaterEncoding;
        return (answer, asked);
    }

    /// <summary>Sends raw bytes, bypassing the cipher.</summary>
    public async Task SendRawAsync(ReadOnlyMemory<byte> bytes) => await Socket.SendAsync(bytes, SocketFlags.None);

    /// <summary>Sends these bytes, then one more at a time until the other side closes.</summary>
    public async Task DripAsync(ReadOnlyMemory<byte> begin, TimeSpan pause)
    {
        try
        {
            await SendRawAsync(begin);
            while (true)
            {
                await SendRawAsync(new byte[1]);
                await Task.Delay(pause);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side has closed.
        }
    }

    /// <summary>The next packet; null if the other side has closed.</summary>
    public async Task<Packet?> TryReceiveAsync()
    {
        using var timeout = new CancellationTokenSource(s_timeout);
        try
        {
            return await Channel.ReceiveAsync(timeout.Token);
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.ConnectionLost)
        {
            return null;
        }
    }

    public async Task<Packet> ReceiveAsync() => await TryReceiveAsync() ?? throw new EndOfStreamException("The other side closed the connection.");

    /// <summary>The next packet of that type; answers pings and skips others.</summary>
    public async Task<Packet> ReceiveAsync(string type)
    {
        while (true)
        {
            var packet = await ReceiveAsync();
            if (packet.Type == type)
                return packet;
            if (packet.Type == "ping")
                await SendAsync(["ping_echo", packet[1], 0L, 0L, 0L, -1L]);
        }
    }

    /// <summary>Waits until the other side closes, and ignores what it sends until then.</summary>
    public async Task WaitForCloseAsync()
    {
        while (await TryReceiveAsync() is not null)
        {
        }
    }

    public void SendUnder(CipherParameters parameters) => Channel.Writer.Arm(SessionCiphers.CreateEncryptor(_key, parameters));

    public void ReceiveUnder(CipherParameters parameters) => Channel.Reader.Arm(SessionCiphers.CreateDecryptor(_key, parameters));

    /// <summary>Aborts the connection: the other side gets a reset.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    public ValueTask DisposeAsync() => Channel.DisposeAsync();
}
