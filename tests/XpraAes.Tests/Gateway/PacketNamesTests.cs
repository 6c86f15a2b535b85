using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Listening;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>The development tree with XPRA_BACKWARDS_COMPATIBLE=0: it uses ping-echo and connection-close, and does not know the old names.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class PacketNamesTests
{
    private static readonly (string, object?)[] s_new = [("version", "6.6"), ("client_type", "python"), ("ping", true)];

    [Theory]
    [InlineData("6.6-r42417", null, null, true)]
    [InlineData("6.6", "python", null, true)]
    [InlineData("7.0", null, null, true)]
    [InlineData("6.6", null, false, false)]
    [InlineData("6.6", null, true, false)]
    [InlineData("6.5.3", null, null, false)]
    [InlineData("3.1.3", null, null, false)]
    [InlineData("22", "HTML5", null, false)]
    [InlineData("22.1", "HTML5", null, false)]
    [InlineData("", null, null, false)]
    public void A_hello_shows_which_packet_names_its_sender_knows(string version, string? clientType, bool? flush, bool saysNew)
    {
        var hello = new XpraAes.Encodings.XpraDictionary { ["version"] = version };
        if (clientType is not null)
            hello["client_type"] = clientType;
        if (flush is not null)
            hello["flush"] = flush;
        Assert.Equal(saysNew, Hello.SaysNewNames(hello));
    }

    [Theory]
    [InlineData(true, "ping-echo", "connection-close")]
    [InlineData(false, "ping_echo", "disconnect")]
    public async Task A_listener_uses_its_clients_packet_names(bool saysNew, string echo, string farewell)
    {
        using var key = XpraKey.Generate();
        await using var listener = AesListener.Start(new ListenerOptions { Key = key });
        await using var client = await TestClient.ConnectAsync(listener, key, AesMode.CBC);
        await client.SendHelloAsync(saysNew ? s_new : [.. s_new, ("flush", true)]);
        await using var peer = await client.EstablishAsync();
        await peer.SendAsync("ping", 4711L, 1L);
        Assert.Equal(echo, await NextAsync(peer, "ping"));
        await listener.StopAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(farewell, await NextAsync(peer, "ping"));
    }

    [Theory]
    [InlineData(true, "connection-close")]
    [InlineData(false, "disconnect")]
    public async Task A_refusal_uses_the_clients_packet_names(bool saysNew, string farewell)
    {
        using var key = XpraKey.Generate();
        await using var listener = AesListener.Start(new ListenerOptions { Key = key });
        await using var client = await TestClient.ConnectAsync(listener, key, AesMode.CBC);
        await client.SendHelloAsync(saysNew ? [.. s_new, ("request", "stop")] : [("request", "stop")]);
        var packet = await client.Channel.ReceiveAsync(default);
        Assert.Equal((farewell, "disconnect"), (packet!.Items[0], packet.Type));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_connection_works_with_either_set_of_packet_names(bool saysNew)
    {
        using var key = XpraKey.Generate();
        var target = new TestTarget(key);
        await using (target)
        {
            var connecting = XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = target.Options().Endpoint, Key = key, Timeout = Loopback.HelloTimeout });
            await using var server = await target.AcceptAsync([("version", "6.6"), .. saysNew ? [] : new (string, object?)[] { ("flush", true) }]);
            var ping = (await server.ReceiveAsync())!;
            Assert.Equal("ping", ping.Type);
            await server.SendAsync(saysNew ? "ping-echo" : "ping_echo", ping[1], 0L, 0L, 0L, 0L);
            await using var connection = await connecting;
            var closing = connection.CloseAsync();
            Assert.Equal(saysNew ? "connection-close" : "disconnect", (await server.ReceiveAsync())!.Items[0]);
            await server.SendAsync(saysNew ? "connection-close" : "disconnect", "client request");
            await closing;
        }
    }

    [Fact]
    public async Task The_targets_disconnect_uses_the_clients_packet_names()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync();
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            await target.SendAsync("connection-close", "not today");
            var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
            Assert.Equal(("disconnect", "not today"), (refusal.Disconnect.Items[0], Refusals.Reason(refusal.Disconnect)));
        }
    }

    /// <summary>The type, as sent, of the next packet that is not of this type.</summary>
    private static async Task<object?> NextAsync(TestPeer peer, string but)
    {
        while (true)
        {
            var packet = await peer.ReceiveAsync();
            if (packet!.Type != but)
                return packet.Items[0];
        }
    }
}
