using System.Net;
using XpraAes.Ciphers;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Interop;

/// <summary>Three gateways behind HAProxy on loopback: clients come from 127.9.0.0/16, HAProxy from 127.0.0.1.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class HaproxyTests : IAsyncLifetime
{
    private readonly List<(FakePeer Peer, int Gateway)> _clients = [];
    private HaproxyRig _rig = null!;
    private int _nextClient;

    public async ValueTask InitializeAsync() => _rig = await HaproxyRig.StartAsync("DrainDelay = 5; DrainTime = 300");

    public async ValueTask DisposeAsync()
    {
        foreach (var (peer, _) in _clients)
            await peer.DisposeAsync();
        if (_rig is not null)
            await _rig.DisposeAsync();
    }

    [Fact]
    public async Task Sessions_spread_and_stay_and_only_those_of_a_gateway_that_dies_end()
    {
        for (var i = 0; i < 2 * HaproxyRig.Gateways; i++)
            await ConnectAsync();
        Assert.Equal([2, 2, 2], Enumerable.Range(0, HaproxyRig.Gateways).Select(gateway => _clients.Count(client => client.Gateway == gateway)));

        // kill -9: its sessions end, the others notice nothing, and its clients come back to the others.
        _rig.ProcessOf(0).Kill();
        foreach (var (peer, _) in _clients.Where(client => client.Gateway == 0))
            await Assert.ThrowsAnyAsync<Exception>(() => PingAsync(peer));
        _clients.RemoveAll(client => client.Gateway == 0);
        await PingAllAsync();
        await ConnectAsync();
        await ConnectAsync();
        Assert.DoesNotContain(_clients, client => client.Gateway == 0);

        // Started again, it gets the next ones, as it has the fewest.
        await _rig.StartGatewayAsync(0);
        await _rig.UntilHealthIsAsync(0, "UP");
        await ConnectAsync();
        Assert.Equal(0, _clients[^1].Gateway);
        await PingAllAsync();
    }

    [Fact]
    public async Task A_gateway_that_drains_keeps_its_sessions_and_new_ones_go_elsewhere()
    {
        for (var i = 0; i < HaproxyRig.Gateways; i++)
            await ConnectAsync();
        await ShellProcess.SignalAsync(_rig.ProcessOf(1), "TERM");
        await _rig.UntilHealthIsAsync(1, "DOWN");
        for (var i = 0; i < 4; i++)
            await ConnectAsync();
        Assert.Single(_clients, client => client.Gateway == 1);
        await PingAllAsync();
        var last = _clients.Single(client => client.Gateway == 1).Peer;
        await last.DisposeAsync();
        Assert.Equal(0, (await ShellProcess.FinishAsync(_rig.ProcessOf(1))).ExitCode);
        _clients.RemoveAll(client => client.Gateway == 1);
        await PingAllAsync();
        // Health checks are no clients: nobody was refused.
        Assert.DoesNotContain(Enumerable.Range(0, HaproxyRig.Gateways).SelectMany(_rig.Audit), e => e.GetProperty("event").GetString() is "PeerRefused" or "ConnectionsLeftOut");
    }

    /// <summary>A session through HAProxy, from an address of its own, which the audit log of one gateway has.</summary>
    private async Task ConnectAsync()
    {
        var peer = await FakePeer.ConnectAsync(_rig.Address.Port, _rig.Key, IPAddress.Parse($"127.9.0.{++_nextClient}"));
        await peer.OpenSessionAsync(Generation.Named("6.2"), AesMode.CBC);
        await PingAsync(peer);
        _clients.Add((peer, await _rig.GatewayOfAsync("peer", peer.Socket.LocalEndPoint!.ToString()!)));
    }

    private async Task PingAllAsync()
    {
        foreach (var (peer, _) in _clients)
            await PingAsync(peer);
    }

    private static async Task PingAsync(FakePeer peer)
    {
        await peer.SendAsync("ping", 1L);
        await peer.ReceiveAsync("ping_echo");
    }
}
