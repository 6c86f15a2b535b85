using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Interop;

/// <summary>xpra's own ssl:// and wss:// with AES inside, in both directions.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class RealTlsTests(RealXpra xpra) : IClassFixture<RealXpra>, IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("ssl")]
    [InlineData("wss")]
    public async Task Its_client_reaches_our_listener_and_verifies_its_certificate(string scheme)
    {
        xpra.Require();
        using var certificate = CertificateGenerator.Create(["localhost", "127.0.0.1"], 397, _folder["server.pfx"], null, overwrite: false);
        var authority = _folder.Write("ca.pem", System.Text.Encoding.ASCII.GetBytes(certificate.Pem));
        await using var listener = AesListener.Start(new ListenerOptions { Key = xpra.Key, Certificate = certificate, Transports = [TransportKind.Tls, TransportKind.WebSocketTls] });
        await using var client = xpra.StartClient(scheme, "info", listener.Port, null, false, null, $"--ssl-ca-certs={authority}");
        Assert.True(await client.WaitForExitAsync() == 0, client.Output);
        Assert.Contains("session-type=aes listener", client.Output, StringComparison.Ordinal);
        Assert.Equal((1, 0), (listener.Accepted, listener.Rejected));

        // Without the certificate it does not go on, and neither do we without AES inside.
        await using var distrustful = xpra.StartClient(scheme, "info", listener.Port, null, false);
        Assert.NotEqual(0, await distrustful.WaitForExitAsync());
        using var other = XpraKey.Generate();
        await using var stranger = xpra.StartClient(scheme, "info", listener.Port, other, false, null, $"--ssl-ca-certs={authority}");
        Assert.NotEqual(0, await stranger.WaitForExitAsync());
    }

    [Fact]
    public async Task We_reach_its_server_and_verify_its_certificate()
    {
        xpra.Require();
        using var certificate = CertificateGenerator.Create(["127.0.0.1"], 397, _folder["server.pem"], null, overwrite: false);
        var (server, port) = await xpra.StartTlsServerAsync(_folder["server.pem"], encrypts: true);
        await using var closing = server;
        var authority = _folder.Write("ca.pem", System.Text.Encoding.ASCII.GetBytes(certificate.Pem));
        var options = xpra.OptionsFor(port) with { Endpoint = new XpraEndpoint(TransportKind.Tls, "127.0.0.1", port) { Trust = new TlsTrust { AuthorityFile = authority } } };
        await using var connection = await XpraConnector.ConnectAsync(options);
        Assert.All(connection.GetCipherInfo(), row => Assert.Equal((AesMode.CBC, "xpra", "TLS 1.2"), (row.Mode, row.Protocol, row.Tls))); // its default
        await connection.CloseAsync();
        var found = await EndpointProbe.RunAsync(options, null, default);
        Assert.Equal(DiagnosisFinding.CertificateTrusted, Assert.Single(found, row => row.Check == DiagnosisCheck.Tls).Finding);
        Assert.Equal(DiagnosisFinding.KeyRight, Assert.Single(found, row => row.Check == DiagnosisCheck.Key).Finding);
        var untrusted = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options with { Endpoint = options.Endpoint with { Trust = null } }));
        Assert.Equal(XpraErrorId.CertificateUntrusted, untrusted.Id);
        var plain = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(xpra.ServerOptions with { Endpoint = xpra.ServerOptions.Endpoint with { Transport = TransportKind.Tls } }));
        Assert.Contains(plain.Id, new[] { XpraErrorId.TlsNotOffered, XpraErrorId.ConnectionLost });
    }

    [Fact]
    public async Task Its_server_without_AES_inside_is_found_out()
    {
        xpra.Require();
        using var certificate = CertificateGenerator.Create(["127.0.0.1"], 397, _folder["server.pem"], null, overwrite: false);
        var (server, port) = await xpra.StartTlsServerAsync(_folder["server.pem"], encrypts: false);
        await using var closing = server;
        var pin = new TlsTrust { Fingerprint = TlsTrust.NormalizeFingerprint(certificate.Fingerprint) };
        var options = xpra.OptionsFor(port) with { Endpoint = new XpraEndpoint(TransportKind.Tls, "127.0.0.1", port) { Trust = pin } };
        var found = await EndpointProbe.RunAsync(options, null, default);
        Assert.Equal(DiagnosisFinding.NotEncrypted, Assert.Single(found, row => row.IsCause).Finding);
        Assert.Equal(DiagnosisFinding.CertificateTrusted, Assert.Single(found, row => row.Check == DiagnosisCheck.Tls).Finding);
        await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options));
    }
}
