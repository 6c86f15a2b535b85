using System.Diagnostics;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Listening;

/// <summary>A listener and clients with the same key.</summary>
internal sealed class Loopback : IAsyncDisposable
{
    private Loopback(XpraKey key, AesListener listener)
    {
        Key = key;
        Listener = listener;
    }

    /// <summary>Generous, for loaded machines.</summary>
    public static TimeSpan HelloTimeout { get; } = TimeSpan.FromSeconds(30);

    public XpraKey Key { get; }

    public AesListener Listener { get; }

    public ConnectOptions Options => new()
    {
        Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", Listener.Port),
        Key = Key,
        Timeout = HelloTimeout,
    };

    public static Loopback Start(Func<ListenerOptions, ListenerOptions>? configure = null)
    {
        var key = XpraKey.Generate();
        // Created once for all copies of the key.
        _ = key.Fingerprint;
        var options = new ListenerOptions { Key = key, Modes = Enum.GetValues<AesMode>() };
        return new Loopback(key, AesListener.Start(configure?.Invoke(options) ?? options));
    }

    public Task<XpraConnection> ConnectAsync(Func<ConnectOptions, ConnectOptions>? configure = null, CancellationToken cancellationToken = default)
        => XpraConnector.ConnectAsync(configure?.Invoke(Options) ?? Options, cancellationToken);

    /// <summary>The failure of a connection that must not be established.</summary>
    public async Task<XpraAesException> FailToConnectAsync(Func<ConnectOptions, ConnectOptions>? configure = null)
    {
        try
        {
            await (await ConnectAsync(configure)).CloseAsync();
        }
        catch (XpraAesException e)
        {
            return e;
        }
        throw new InvalidOperationException("It was accepted.");
    }

    public Task<FakePeer> ConnectFakeAsync(XpraKey? key = null, IPAddress? source = null) => FakePeer.ConnectAsync(Listener.Port, key ?? Key, source);

    /// <summary>Whether a client with the key, from this address, gets an answer to its hello and to a ping.</summary>
    public async Task<bool> AcceptsAsync(IPAddress? source = null)
    {
        await using var client = await ConnectFakeAsync(source: source);
        try
        {
            await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
            await client.SendAsync("ping", 1L);
            await client.ReceiveAsync("ping_echo");
            return true;
        }
        catch (Exception e) when (e is EndOfStreamException or System.Net.Sockets.SocketException or XpraAesException { Id: XpraErrorId.ConnectionLost })
        {
            return false;
        }
    }

    /// <summary>The listener's end of the only open connection.</summary>
    public async Task<XpraConnection> SingleConnectionAsync()
    {
        await Eventually(() => Listener.Connections.Count == 1);
        return Listener.Connections[0];
    }

    /// <summary>Polls until a condition is true.</summary>
    /// <param name="condition">The condition.</param>
    /// <param name="timeout">The timeout; null for <see cref="HelloTimeout"/>.</param>
    /// <param name="state">Describes the current state for the failure's message.</param>
    public static async Task Eventually(Func<bool> condition, TimeSpan? timeout = null, Func<string>? state = null)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > (timeout ?? HelloTimeout))
                throw new TimeoutException($"It did not come true. {state?.Invoke()}");
            await Task.Delay(5);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Listener.DisposeAsync();
        Key.Dispose();
    }
}
