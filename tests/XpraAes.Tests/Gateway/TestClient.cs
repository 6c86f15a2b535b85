using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>An xpra client during the handshake.</summary>
internal sealed class TestClient : IAsyncDisposable
{
    private readonly Socket _socket;

    private TestClient(Socket? socket, Stream transport, XpraKey? key, AesMode mode, bool? stream)
    {
        _socket = socket!;
        Transport = transport;
        Channel = new PacketChannel(transport, Limits.Default);
        Leg = new ClientLeg(Channel, key is null ? null : new ClientCipherOptions { Keys = [key], Mode = mode, Stream = stream, Iterations = 1000 },
            TestPeer.HelloTimeout, Limits.Default, NullLogger.Instance);
    }

    /// <summary>The stream that carries the packets.</summary>
    public Stream Transport { get; }

    public PacketChannel Channel { get; }

    public ClientLeg Leg { get; }

    /// <summary>Connects to a listener; unencrypted without a key.</summary>
    public static Task<TestClient> ConnectAsync(AesListener listener, XpraKey? key, AesMode mode = AesMode.CTR, bool? stream = null, int receiveBuffer = 0, Func<Stream, Stream>? wrap = null)
        => ConnectAsync(listener.Endpoint, key, mode, stream, receiveBuffer, wrap);

    /// <summary>Connects to an address and port, or to a socket path.</summary>
    public static async Task<TestClient> ConnectAsync(string address, XpraKey? key, AesMode mode = AesMode.CTR, bool? stream = null, int receiveBuffer = 0, Func<Stream, Stream>? wrap = null)
    {
        var socket = address.StartsWith('/')
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer > 0)
            socket.ReceiveBufferSize = receiveBuffer;
        await socket.ConnectAsync(address.StartsWith('/') ? new UnixDomainSocketEndPoint(address) : System.Net.IPEndPoint.Parse(address));
        var transport = new NetworkStream(socket, ownsSocket: true);
        return new TestClient(socket, wrap?.Invoke(transport) ?? transport, key, mode, stream);
    }

    /// <summary>Connects over tls-psk, for a request: there is no socket for <see cref="EstablishAsync"/>.</summary>
    public static async Task<TestClient> ConnectSealedAsync(AesListener listener, XpraKey key)
    {
        var endpoint = new XpraEndpoint(TransportKind.TlsPsk, "127.0.0.1", listener.Port);
        var (stream, _) = await TransportTable.ConnectAsync(endpoint, [key], TestPeer.HelloTimeout, Limits.Default, default);
        return new TestClient(null, stream, key, AesMode.GCM, null);
    }

    /// <summary>A client's hello for a session.</summary>
    public static XpraDictionary NewHello(params (string Name, object? Value)[] capabilities)
    {
        var hello = Hello.ForClient(Hello.NewUuid(), "someone", allowXor: true);
        foreach (var (name, value) in capabilities)
            hello[name] = value;
        return hello;
    }

    public Task SendHelloAsync(params (string Name, object? Value)[] capabilities) => Leg.SendHelloAsync(NewHello(capabilities), default);

    /// <summary>Receives the answer to a hello; throws for a disconnect, as <see cref="ClientLeg.ReceiveAsync"/>.</summary>
    public Task<Packet> ReceiveAsync() => Leg.ReceiveAsync(default);

    /// <summary>Accepts a challenge's cipher capabilities and answers with another hello.</summary>
    public async Task AnswerAsync(Packet challenge, params (string Name, object? Value)[] capabilities)
    {
        Leg.Accept(challenge.Dictionary(2));
        await SendHelloAsync(capabilities);
    }

    /// <summary>Receives the server's hello, which establishes the session.</summary>
    public async Task<TestPeer> EstablishAsync()
    {
        var packet = await ReceiveAsync();
        Assert.Equal("hello", packet.Type);
        Leg.Accept(packet.Dictionary(1));
        Leg.Complete(packet.Dictionary(1)!, packet.Header);
        return new TestPeer(_socket, Channel, packet.Dictionary(1)!);
    }

    public ValueTask DisposeAsync() => Channel.DisposeAsync();
}
