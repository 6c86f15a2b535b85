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

    /// <summary>A gateway in front of a gateway: with send-proxy=v2 the second one sees the first one's clients.</summary>
    [Theory]
    [InlineData(TransportKind.Tcp)]
    [InlineData(TransportKind.WebSocket)]
    [InlineData(TransportKind.TlsPsk)]
    public async Task A_target_that_wants_to_know_is_told_the_clients_address(TransportKind toTarget)
    {
        await using var server = AesListener.Start(new ListenerOptions { Key = _targetsKey, ProxyProtocol = ProxyProtocol.Required, TrustedSources = [new System.Net.IPNetwork(System.Net.IPAddress.Loopback, 32)] });
        await using var gateway = AesListener.Start(new ListenerOptions { Key = _clientsKey, Target = new TargetOptions { Endpoint = At(toTarget, server) with { SendsProxyHeader = true }, Keys = [_targetsKey] } });
        await using var client = await XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = At(TransportKind.Tcp, gateway), Key = _clientsKey });
        var atGateway = Assert.Single(gateway.Connections);
        Assert.StartsWith("127.0.0.1:", atGateway.Peer, StringComparison.Ordinal);
        Assert.Equal(atGateway.Peer, Assert.Single(server.Connections).Peer);
    }

    /// <summary>A program that connects for itself says so, and is known by its own address.</summary>
    [Fact]
    public async Task A_client_may_send_a_header_about_itself()
    {
        await using var server = AesListener.Start(new ListenerOptions { Key = _targetsKey, ProxyProtocol = ProxyProtocol.Required, TrustedSources = [new System.Net.IPNetwork(System.Net.IPAddress.Loopback, 32)] });
        using var uri = XpraUri.Parse($"tcp://127.0.0.1:{server.Port}/?send-proxy=v2");
        await using var client = await XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = uri.Endpoint, Key = _targetsKey });
        Assert.StartsWith("127.0.0.1:", Assert.Single(server.Connections).Peer, StringComparison.Ordinal);
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
