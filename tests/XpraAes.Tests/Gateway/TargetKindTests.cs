using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>Whole sessions over every transport between client and gateway, and gateway and target.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class TargetKindTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly XpraKey _clientsKey = XpraKey.Generate();
    private readonly XpraKey _targetsKey = XpraKey.Generate();

    public void Dispose()
    {
        _clientsKey.Dispose();
        _targetsKey.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(TransportKind.Tcp, TransportKind.Tcp)]
    [InlineData(TransportKind.Tcp, TransportKind.WebSocket)]
    [InlineData(TransportKind.Tcp, TransportKind.Unix)]
    [InlineData(TransportKind.WebSocket, TransportKind.Unix)]
    [InlineData(TransportKind.WebSocket, TransportKind.WebSocket)]
    public async Task A_session_is_relayed(TransportKind toGateway, TransportKind toTarget)
    {
        await using var server = AesListener.Start(new ListenerOptions { Key = _targetsKey, Modes = Enum.GetValues<AesMode>() });
        var target = new TargetOptions { Endpoint = At(toTarget, server), Keys = [_targetsKey] };
        // Packets to a Unix socket are unencrypted: here they go to a local end that forwards them to the server.
        await using var socket = toTarget != TransportKind.Unix ? null
            : AesListener.Start(new ListenerOptions { Key = null, SocketPath = target.Endpoint.Path, Target = target with { Endpoint = At(TransportKind.Tcp, server) } });
        await using var gateway = AesListener.Start(new ListenerOptions { Key = _clientsKey, Modes = Enum.GetValues<AesMode>(), Target = socket is null ? target : target with { Keys = [] } });

        await using var client = await XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = At(toGateway, gateway), Key = _clientsKey });
        Assert.True(await client.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
        Assert.NotEmpty(await client.RequestInfoAsync(Loopback.HelloTimeout, default));
        Assert.Equal(socket is null ? _targetsKey.Fingerprint : null, Assert.Single(gateway.Connections).GetCipherInfo()[2].KeyFingerprint);
        await gateway.StopAsync(Loopback.HelloTimeout);
        await client.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal("the peer disconnected: server exit", client.CloseReason);
        await Loopback.Eventually(() => server.Connections.Count == 0);
    }

    private XpraEndpoint At(TransportKind kind, AesListener listener)
        => kind == TransportKind.Unix ? new XpraEndpoint(kind, "", 0, _folder["xpra.sock"]) : new XpraEndpoint(kind, "127.0.0.1", listener.Port);
}
