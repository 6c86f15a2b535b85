using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>A gateway's target: the handshake of an xpra server, unencrypted or over AES.</summary>
internal sealed class TestTarget : IAsyncDisposable
{
    private readonly Socket _listening = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Channel<Socket> _accepted = Channel.CreateUnbounded<Socket>();
    private readonly DerivationGate _derivations = new(2);
    private readonly XpraKey[] _keys;
    private int _connects;

    public TestTarget(XpraKey? key = null, int receiveBuffer = 0, int port = 0)
    {
        _keys = key is null ? [] : [key];
        if (receiveBuffer > 0)
            _listening.ReceiveBufferSize = receiveBuffer;
        _listening.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _listening.Listen();
        Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", ((IPEndPoint)_listening.LocalEndPoint!).Port);
        _ = Task.Run(ListenAsync);
    }

    public XpraEndpoint Endpoint { get; }

    /// <summary>The number of TCP connections so far.</summary>
    public int Connects => Volatile.Read(ref _connects);

    public TargetOptions Options(params XpraKey[] keys) => new() { Endpoint = Endpoint, Keys = keys };

    /// <summary>The next connection, before anything has been read from it.</summary>
    public async Task<Socket> AcceptSocketAsync(CancellationToken cancellationToken = default)
        => await _accepted.Reader.ReadAsync(cancellationToken).AsTask().WaitAsync(TestPeer.HelloTimeout, cancellationToken);

    /// <summary>The next connection, with its hello read but not answered. A target with a single encoding refuses others in bare text, as xpra's servers do (PROTOCOL section 2).</summary>
    public async Task<(TestPeer Peer, ServerHandshake Handshake, HandshakeResult Client)> AcceptHelloAsync(PacketEncoding? only = null)
    {
        var socket = await AcceptSocketAsync();
        while (only is { } known && await PeekEncodingAsync(socket) != known)
        {
            await socket.SendAsync("disconnect invalid packet encoding\n"u8.ToArray());
            socket.Dispose();
            socket = await AcceptSocketAsync();
        }
        var channel = new PacketChannel(new NetworkStream(socket, ownsSocket: true), Limits.Default);
        var handshake = new ServerHandshake(channel, new ServerHandshakeOptions
        {
            Keys = _keys,
            Modes = Enum.GetValues<AesMode>(),
            SatisfyExpectedChallenge = false,
            Limits = Limits.Default,
            HelloTimeout = Limits.Default.HandshakeTimeout,
            Derivations = _derivations.For(IPAddress.None),
        }, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var client = await handshake.RunAsync(default).WaitAsync(TestPeer.HelloTimeout);
        channel.TrustPeer();
        return (new TestPeer(socket, channel, client.PeerHello), handshake, client);
    }

    /// <summary>The next connection, its hello answered with one that has these capabilities too.</summary>
    public async Task<TestPeer> AcceptAsync(params (string Name, object? Value)[] capabilities)
    {
        var (peer, handshake, _) = await AcceptHelloAsync();
        var hello = Hello.ForServer(Hello.NewUuid());
        foreach (var (name, value) in capabilities)
            hello[name] = value;
        await handshake.SendHelloAsync(hello, default);
        return peer;
    }

    private static async Task<PacketEncoding> PeekEncodingAsync(Socket socket)
    {
        var header = new byte[PacketHeader.Size];
        Assert.Equal(header.Length, await socket.ReceiveAsync(header, SocketFlags.Peek).WaitAsync(TestPeer.HelloTimeout));
        return PacketHeader.Parse(header).Encoding;
    }

    /// <summary>Stops listening.</summary>
    public void Close() => _listening.Dispose();

    public ValueTask DisposeAsync()
    {
        _listening.Dispose();
        while (_accepted.Reader.TryRead(out var socket))
            socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ListenAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listening.AcceptAsync();
                socket.NoDelay = true;
                Interlocked.Increment(ref _connects);
                _accepted.Writer.TryWrite(socket);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}
