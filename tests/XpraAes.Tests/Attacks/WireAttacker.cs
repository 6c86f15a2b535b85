using System.Net;
using System.Net.Sockets;
using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Tests.Attacks;

/// <summary>Somebody on the wire between a client and a listener, who has no key: passes on what comes, but for the packets that he changes.</summary>
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

    /// <summary>Changes the client's first packet, which is in clear.</summary>
    public Action<XpraDictionary>? ChangeHello { get; init; }

    /// <summary>Changes the payload of the listener's first encrypted packet in place.</summary>
    public Action<byte[]>? ChangeAnswer { get; init; }

    /// <summary>The client's first packets, as they came.</summary>
    public List<byte[]> Hellos { get; } = [];

    /// <summary>The hellos in them, as they went on.</summary>
    public List<XpraDictionary> Sent { get; } = [];

    /// <summary>Encrypted bytes of the listener's.</summary>
    public int FromListener { get; private set; }

    /// <summary>Encrypted bytes of the client's.</summary>
    public int FromClient { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    /// <summary>Sets one capability of the cipher in each form in which a hello has it, or, after a colon, one of the hello's own.</summary>
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
            _ = PassAsync(client, target, fromClient: true);
            _ = PassAsync(target, client, fromClient: false);
        }
    }

    private async Task PassAsync(Socket from, Socket to, bool fromClient)
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
            // Padding, and all that follows the hellos.
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
            // One side has closed: so does the other.
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
        Sent.Add(hello);
        return UnauthenticatedHello.Frame(header.Encoding, packet);
    }
}
