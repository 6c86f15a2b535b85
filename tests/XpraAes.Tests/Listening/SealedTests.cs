using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Gateway;
using XpraAes.Transports;

namespace XpraAes.Tests.Listening;

/// <summary>Sessions over tls-psk://: what both ends know of them, who gets in, and that nobody goes on without it who asked for it.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class SealedTests
{
    private static readonly TransportKind[] s_sealedOnly = [TransportKind.TlsPsk];

    [Fact]
    public async Task A_session_is_authenticated_and_proves_the_key_at_once()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectAsync(Sealed);
        var server = await loopback.SingleConnectionAsync();
        Assert.True(client.KeyProven && server.KeyProven);
        Assert.All(client.GetCipherInfo().Concat(server.GetCipherInfo()), row =>
            Assert.Equal(("AES", AesMode.GCM, 256, true, TransportKind.TlsPsk, "TLS 1.3", true, true, loopback.Key.Fingerprint), (row.Cipher, row.Mode, row.KeySize, row.Authenticated, row.Transport, row.Protocol, row.ForwardSecrecy, row.KeyProven, row.KeyFingerprint)));
        Assert.Equal($"tls-psk://127.0.0.1:{loopback.Listener.Port}/", client.Endpoint);
        Assert.Equal(client.Endpoint, server.Endpoint);
        var remote = await RemoteCiphers.GetAsync(Sealed(loopback.Options), default);
        Assert.All(remote, row => Assert.Equal(("AES", AesMode.GCM, true, TransportKind.TlsPsk, "TLS 1.3", true), (row.Cipher, row.Mode, row.Authenticated, row.Transport, row.Protocol, row.ForwardSecrecy)));
        Assert.Equal(2, remote.Count);
    }

    [Fact]
    public async Task The_same_port_still_speaks_xpras_own_AES()
    {
        await using var loopback = Loopback.Start();
        await using var sealedClient = await loopback.ConnectAsync(Sealed);
        await using var client = await loopback.ConnectAsync();
        Assert.Equal(["TLS 1.3", "xpra"], new[] { sealedClient, client }.Select(connection => connection.GetCipherInfo()[0].Protocol));
        Assert.False(client.GetCipherInfo()[0].Authenticated);
        Assert.Equal(TransportKind.Tcp, client.GetCipherInfo()[0].Transport);
    }

    [Theory]
    [InlineData(TransportKind.Tcp)]
    [InlineData(TransportKind.WebSocket)]
    public async Task As_the_only_transport_it_is_the_only_way_in(TransportKind transport)
    {
        await using var loopback = Loopback.Start(options => options with { Transports = s_sealedOnly });
        await loopback.FailToConnectAsync(options => options with { Endpoint = options.Endpoint with { Transport = transport } });
        Assert.Equal(1, loopback.Listener.Refusals[XpraErrorId.TransportRefused]);
        Assert.Equal([AesMode.GCM], loopback.Listener.Mode);
        using var uri = XpraUri.Parse(loopback.Listener.AttachUri);
        Assert.Equal((TransportKind.TlsPsk, (AesMode?)null, "key.txt"), (uri.Endpoint.Transport, uri.Encryption, uri.KeyFile));
        await (await loopback.ConnectAsync(Sealed)).CloseAsync();
    }

    /// <summary>A browser's https://, or xpra's ssl://: TLS, but without the key.</summary>
    [Fact]
    public async Task An_ordinary_TLS_client_is_refused_in_TLSs_own_words()
    {
        await using var loopback = Loopback.Start();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        await using var tls = new SslStream(client.GetStream());
        await Assert.ThrowsAnyAsync<Exception>(() => tls.AuthenticateAsClientAsync("localhost"));
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.TlsFailed) == 1);
    }

    [Fact]
    public async Task Another_key_is_a_mismatch_for_both_and_counts_against_the_address()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = Limits.Default with { FailuresBeforeBlock = 2, DelayPerFailure = TimeSpan.Zero } });
        using var other = XpraKey.Generate();
        for (var i = 0; i < 2; i++)
            Assert.Equal(XpraErrorId.KeyMismatch, (await loopback.FailToConnectAsync(options => Sealed(options) with { Key = other })).Id);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.KeyMismatch) == 2);
        Assert.Equal(XpraErrorId.ConnectionLost, (await loopback.FailToConnectAsync(Sealed)).Id);
    }

    [Fact]
    public async Task Keys_are_replaced_on_one_port()
    {
        using var next = XpraKey.Generate();
        await using var loopback = Loopback.Start(options => options with { Transports = s_sealedOnly, OtherKeys = [next] });
        foreach (var key in new[] { loopback.Key, next })
        {
            await using var client = await loopback.ConnectAsync(options => Sealed(options) with { Key = key });
            Assert.Equal(key.Fingerprint, (await loopback.SingleConnectionAsync()).KeyFingerprint);
            await client.CloseAsync();
            await Loopback.Eventually(() => loopback.Listener.Connections.Count == 0);
        }
    }

    [Fact]
    public async Task Several_keys_need_it_as_the_only_transport()
    {
        using var next = XpraKey.Generate();
        var failure = Assert.Throws<XpraAesException>(() => Loopback.Start(options => options with { OtherKeys = [next] }));
        Assert.Equal(XpraErrorId.InvalidOption, failure.Id);
        failure = Assert.Throws<XpraAesException>(() => Loopback.Start(options => options with { OtherKeys = [next], Transports = [TransportKind.TlsPsk, TransportKind.Tcp] }));
        Assert.Equal(XpraErrorId.InvalidOption, failure.Id);
        await Task.CompletedTask;
    }

    /// <summary>An end that asked for it never goes on without: a server of xpra's own, and one that closes.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("disconnect: invalid packet header byte: this is xpra, and no TLS\n")]
    public async Task There_is_no_way_down_from_it(string answer)
    {
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 4);
        var connections = 0;
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                using var socket = await listening.AcceptAsync(default);
                connections++;
                var first = new byte[2048];
                var count = await socket.ReceiveAsync(first);
                Assert.True(count > 5 && first[0] == 22, "What comes first is no TLS.");
                await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(answer));
                socket.Shutdown(SocketShutdown.Both);
            }
        });
        using var key = XpraKey.Generate();
        var options = new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.TlsPsk, "127.0.0.1", listening.Endpoint.Port), Key = key };
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options));
        Assert.True(failure.Id is XpraErrorId.ConnectionLost or XpraErrorId.TlsFailed, $"{failure.Id}: {failure.Message}");
        Assert.Equal(1, connections);
        Assert.False(serving.IsFaulted);
    }

    [Fact]
    public async Task A_gateway_leads_to_a_gateway()
    {
        await using var far = Loopback.Start();
        await using var near = Loopback.Start(options => options with
        {
            Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.TlsPsk, "127.0.0.1", far.Listener.Port), Keys = [far.Key] },
        });
        await using var client = await near.ConnectAsync(options => options with { Mode = AesMode.CTR });
        var rows = (await near.SingleConnectionAsync()).GetCipherInfo();
        Assert.Equal(["xpra CTR", "xpra CTR", "TLS 1.3 GCM", "TLS 1.3 GCM"], rows.Select(row => $"{row.Protocol} {row.Mode}"));
        Assert.Equal([near.Key.Fingerprint, near.Key.Fingerprint, far.Key.Fingerprint, far.Key.Fingerprint], rows.Select(row => row.KeyFingerprint));
        Assert.True((await far.SingleConnectionAsync()).KeyProven);
        Assert.True(await client.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
    }

    /// <summary>A listener without a target knows no such request, sealed or not; a gateway passes on whatever comes from one who has proven the key.</summary>
    [Fact]
    public async Task Requests_that_change_something_need_no_permission()
    {
        await using var far = Loopback.Start();
        await using var near = Loopback.Start(options => options with { Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", far.Listener.Port), Keys = [far.Key] } });
        var info = await XpraConnector.RequestInfoAsync(Sealed(near.Options), default);
        Assert.Equal("aes listener", info.GetString("session-type"));
        await using var client = await near.ConnectAsync(Sealed);
        Assert.True((await near.SingleConnectionAsync()).KeyProven);
    }

    [Fact]
    public async Task A_password_is_asked_for_inside()
    {
        using var password = new XpraAes.Keys.SecretBuffer("secret"u8);
        await using var loopback = Loopback.Start(options => options with { Password = password });
        Assert.Equal(XpraErrorId.AuthenticationRequired, (await loopback.FailToConnectAsync(Sealed)).Id);
        await using var client = await loopback.ConnectAsync(options => Sealed(options) with { Password = password });
        Assert.Equal(ConnectionState.Open, client.State);
    }

    [Fact]
    public async Task A_probe_finds_everything_right()
    {
        await using var loopback = Loopback.Start(options => options with { Transports = s_sealedOnly });
        var found = await EndpointProbe.RunAsync(Sealed(loopback.Options), null, default);
        Assert.All(found, row => Assert.Equal(DiagnosisResult.Passed, row.Result));
        Assert.Equal(Enum.GetValues<DiagnosisCheck>().Where(check => check != DiagnosisCheck.Tls), found.Select(row => row.Check).Order());
        using var other = XpraKey.Generate();
        found = await EndpointProbe.RunAsync(Sealed(loopback.Options) with { Key = other }, null, default);
        Assert.Equal(DiagnosisFinding.KeyMismatch, Assert.Single(found, row => row.IsCause).Finding);
    }

    private static ConnectOptions Sealed(ConnectOptions options) => options with { Endpoint = options.Endpoint with { Transport = TransportKind.TlsPsk } };
}
