using XpraAes.Ciphers;
using XpraAes.Listening;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>A listener with a target, and the clients that connect through it.</summary>
internal sealed class Rig : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _peers = [];

    public Rig(XpraKey? targetKey = null, Limits? limits = null, Func<ListenerOptions, ListenerOptions>? configure = null, int targetPort = 0)
    {
        Target = new TestTarget(targetKey, port: targetPort);
        var options = new ListenerOptions
        {
            Key = Key,
            Modes = Enum.GetValues<AesMode>(),
            Target = targetKey is null ? Target.Options() : Target.Options(targetKey),
            // All tests share one address.
            Limits = (limits ?? Limits.Default) with { UnprovenConnectionsPerSource = 1000, DelayPerFailure = TimeSpan.Zero },
        };
        Listener = AesListener.Start(configure?.Invoke(options) ?? options);
    }

    public XpraKey Key { get; } = XpraKey.FromText("a key for the clients of a gateway");

    public TestTarget Target { get; }

    public AesListener Listener { get; }

    /// <summary>A client that has sent nothing yet, with the listener's key by default.</summary>
    public async Task<TestClient> ConnectAsync(XpraKey? key = null, AesMode mode = AesMode.CTR, bool? stream = null, int receiveBuffer = 0)
    {
        var client = await TestClient.ConnectAsync(Listener, key ?? Key, mode, stream, receiveBuffer);
        _peers.Add(client);
        return client;
    }

    /// <summary>The two ends of an established session.</summary>
    public async Task<(TestPeer Client, TestPeer Target)> OpenAsync(AesMode mode = AesMode.CTR, bool? stream = null, int receiveBuffer = 0)
    {
        var client = await ConnectAsync(null, mode, stream, receiveBuffer);
        await client.SendHelloAsync();
        var target = await Target.AcceptAsync();
        _peers.Add(target);
        return (await client.EstablishAsync(), target);
    }

    /// <summary>An established session in which the client has proven its key with a first packet.</summary>
    public async Task<(TestPeer Client, TestPeer Target)> OpenProvenAsync(AesMode mode = AesMode.CTR, bool? stream = null, int receiveBuffer = 0)
    {
        var (client, target) = await OpenAsync(mode, stream, receiveBuffer);
        await client.SendAsync("ping", 1L);
        Assert.Equal("ping", (await target.ReceiveAsync())?.Type);
        await UntilAsync(() => Listener.Connections is [{ KeyProven: true }, ..]);
        return (client, target);
    }

    /// <summary>Disposes of this peer together with the rig.</summary>
    public void Own(TestPeer peer) => _peers.Add(peer);

    public static Task UntilAsync(Func<bool> condition, Func<string>? state = null) => Loopback.Eventually(condition, TestPeer.HelloTimeout, state);

    public async ValueTask DisposeAsync()
    {
        foreach (var peer in _peers)
            await peer.DisposeAsync();
        await Listener.StopAsync(TimeSpan.Zero);
        await Target.DisposeAsync();
        Key.Dispose();
    }
}
