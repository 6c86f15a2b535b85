using System.Net;
using System.Net.Sockets;
using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Tests.Attacks;

/// <summary>A man in the middle between a client and a listener, without the key: forwards everything, and can change the hello and the answer.</summary>
internal sealed class WireAttacker : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;

    public WireAttacker(int target)
    {
        _target = target;
        _listener.Start();
        _running = Task.Run(RunAsync);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Changes the client's first packet, which is unencrypted.</summary>
    public Action<XpraDictionary>? ChangeHello { get; init; }

    /// <summary>Changes the payload of the listener's first encrypted packet in place.</summary>
    public Action<byte[]>? ChangeAnswer { get; init; }

    /// <summary>The client's first packets, as received.</summary>
    public List<byte[]> Hellos { get; } = [];

    /// <summary>The hellos as forwarded.</summary>
    public List<XpraDictionary> ForwardedHellos { get; } = [];

    /// <summary>Encrypted bytes from the listener.</summary>
    public int FromListener { get; private set; }

    /// <summary>Encrypted bytes from the client.</summary>
    public int FromClient { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    /// <summary>Sets a cipher capability in both forms, or, after a colon, a capability of the hello itself.</summary>
    public static void Set(XpraDictionary hello, string what, object? value)
    {
        hello[what.StartsWith(':') ? what[1..] : $"cipher.{what}"] = value;
        if (!what.StartsWith(':') && hello.GetDictionary("encryption") is { } nested)
            nested[what] = value;
    }

    private async Task RunAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var client = await _listener.AcceptSocketAsync(_stopping.Token);
            var target = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await target.ConnectAsync(IPAddress.Loopback, _target);
            _ = RelayAsync(client, target, fromClient: true);
            _ = RelayAsync(target, client, fromClient: false);
        }
    }

    private async Task RelayAsync(Socket from, Socket to, bool fromClient)
    {
        try
        {
            using var stream = new NetworkStream(from, ownsSocket: false);
            var head = new byte[PacketHeader.Size];
            await stream.ReadExactlyAsync(head, _stopping.Token);
            var header = PacketHeader.Parse(head);
            var payload = new byte[header.PayloadSize];
            await stream.ReadExactlyAsync(payload, _stopping.Token);
            Count(fromClient, header.IsEncrypted ? payload.Length : 0);
            if (fromClient)
                Hellos.Add([.. head, .. payload]);
            else
                ChangeAnswer?.Invoke(payload);
            await to.SendAsync(fromClient ? Change(header, payload) : [.. head, .. payload], _stopping.Token);
            // The padding, and everything after the hellos.
            var buffer = new byte[64 * 1024];
            while (await stream.ReadAsync(buffer, _stopping.Token) is > 0 and var read)
            {
                Count(fromClient, read);
                await to.SendAsync(buffer.AsMemory(0, read), _stopping.Token);
            }
            throw new EndOfStreamException();
        }
        catch (Exception e) when (e is EndOfStreamException or IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side has closed: close the other too.
            from.Dispose();
            to.Dispose();
        }
    }

    private void Count(bool fromClient, int encrypted)
    {
        if (fromClient)
            FromClient += encrypted;
        else
            FromListener += encrypted;
    }

    private byte[] Change(PacketHeader header, byte[] payload)
    {
        if (header.Compression != 0)
            payload = PacketCompression.Decompress(header.Compression, payload, 1_000_000);
        var packet = (object?[])PacketCodec.Decode(header.Encoding, payload, new DecodeLimits(32, 20_000))!;
        var hello = (XpraDictionary)packet[1]!;
        ChangeHello?.Invoke(hello);
        ForwardedHellos.Add(hello);
        return UnauthenticatedHello.Frame(header.Encoding, packet);
    }
}
