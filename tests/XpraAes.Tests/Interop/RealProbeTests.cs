using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Interop;

/// <summary>Probes of a real server, and what it reports about its attached clients.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class RealProbeTests(RealXpra xpra) : IClassFixture<RealXpra>
{
    [Fact]
    public async Task Its_server_passes()
    {
        xpra.Require();
        var found = await ProbeAsync();
        Assert.DoesNotContain(found, diagnosis => diagnosis.Result is DiagnosisResult.Failed or DiagnosisResult.Skipped);
        Assert.Equal(DiagnosisFinding.PaddingUnit32, Assert.Single(found, diagnosis => diagnosis.Check == DiagnosisCheck.Padding).Finding);
        Assert.All(found, diagnosis => Assert.Equal(RealXpra.Version, diagnosis.PeerVersion));
    }

    [Fact]
    public async Task Its_server_holds_another_key()
    {
        xpra.Require();
        using var other = XpraKey.Generate();
        AssertCause(await ProbeAsync(options => options with { Key = other }), DiagnosisFinding.KeyMismatch);
    }

    [Theory]
    [InlineData("", "\n", "without the white space")]
    [InlineData("", " ", "without the white space")]
    [InlineData("\uFEFF", "", "without the byte order mark")]
    public async Task Its_server_holds_the_same_key_in_another_form(string before, string after, string how)
    {
        xpra.Require();
        using var other = XpraKey.FromBytes(System.Text.Encoding.UTF8.GetBytes(before + xpra.Key + after), KeySource.Secret);
        Assert.Contains(how, AssertCause(await ProbeAsync(options => options with { Key = other }), DiagnosisFinding.KeyFormDiffers).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_server_holds_the_digits_of_our_key()
    {
        xpra.Require();
        using var other = XpraKey.FromText($"0x{xpra.Key}");
        Assert.Contains("hexadecimal digits", AssertCause(await ProbeAsync(options => options with { Key = other }), DiagnosisFinding.KeyFormDiffers).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(AesMode.CTR)]
    [InlineData(AesMode.GCM)]
    [InlineData(AesMode.CFB)]
    public async Task Its_server_speaks_CBC_whatever_it_is_asked_for(AesMode mode)
    {
        xpra.Require();
        AssertCause(await ProbeAsync(options => options with { Mode = mode }), DiagnosisFinding.ModeIgnored);
    }

    [Fact]
    public async Task Its_server_has_its_own_key_size_and_no_IVs_in_packets()
    {
        xpra.Require();
        AssertCause(await ProbeAsync(options => options with { KeySize = 16, KeyHash = KeyHash.SHA512 }), DiagnosisFinding.KeySizeIgnored);
        AssertCause(await ProbeAsync(options => options with { Stream = false }), DiagnosisFinding.StreamIgnored);
    }

    [Fact]
    public async Task Its_server_wants_the_first_packet_encrypted()
    {
        xpra.Require();
        var (server, port) = await xpra.StartServerAsync(encryptFirstPacket: true);
        await using var stopping = server;
        AssertCause(await EndpointProbe.RunAsync(xpra.OptionsFor(port), null, default), DiagnosisFinding.FirstPacketDisagrees);
        var found = await EndpointProbe.RunAsync(xpra.OptionsFor(port) with { EncryptFirstPacket = true }, null, default);
        Assert.DoesNotContain(found, diagnosis => diagnosis.Result == DiagnosisResult.Failed);
    }

    [Fact]
    public async Task Its_server_has_AES_off()
    {
        xpra.Require();
        var (server, socket) = await xpra.StartClearServerAsync("true");
        await using var stopping = server;
        var options = xpra.ServerOptions with { Endpoint = new XpraEndpoint(TransportKind.Unix, "", 0, socket) };
        AssertCause(await EndpointProbe.RunAsync(options, null, default), DiagnosisFinding.NotEncrypted);
    }

    [Fact]
    public async Task Its_server_lists_the_attached_client_and_keeps_it()
    {
        xpra.Require();
        await RealXpra.RequireGraphicsAsync();
        var (server, port) = await xpra.StartServerAsync();
        await using var stopping = server;
        var options = xpra.OptionsFor(port);
        Assert.Empty(await RemoteCiphers.GetAsync(options, default));

        await using var display = await xpra.StartDisplayAsync();
        await using var client = xpra.Attach(port, display.Name);
        await Loopback.Eventually(() => RemoteCiphers.GetAsync(options, default).GetAwaiter().GetResult() is { Count: 2 } rows && rows.All(row => row.KeyProven));
        var asked = await RemoteCiphers.GetAsync(options, default);
        AssertAttached(asked, options);
        // 3.1 starts with its own padding, and knows what this end supports only from the second hello.
        Assert.Equal(["legacy", "PKCS#7"], asked.Select(row => row.Padding));

        // The same within a session, which is attached for that time.
        var uuid = Hello.NewUuid();
        await using (var connection = await XpraConnector.ConnectAsync(options with { Uuid = uuid }))
        {
            var info = await connection.RequestInfoAsync(Loopback.HelloTimeout, default);
            Assert.Equal(4, RemoteCiphers.Read(info, "").Count);
            AssertAttached(RemoteCiphers.Read(info, options.Endpoint.ToString(), except: uuid), options);
        }
        Assert.DoesNotContain(await EndpointProbe.RunAsync(options, null, default), diagnosis => diagnosis.Result == DiagnosisResult.Failed);

        Assert.Equal(asked.Select(row => row.Peer), (await RemoteCiphers.GetAsync(options, default)).Select(row => row.Peer));
        Assert.False(client.HasExited);
    }

    private static void AssertAttached(IReadOnlyList<CipherInfo> rows, ConnectOptions options)
    {
        Assert.Equal([CipherDirection.Send, CipherDirection.Receive], rows.Select(row => row.Direction));
        Assert.All(rows, row =>
        {
            Assert.Equal(("AES", AesMode.CBC, true), (row.Cipher, row.Mode, row.KeyProven));
            Assert.Equal((options.Endpoint.ToString(), RealXpra.Version), (row.Endpoint, row.PeerVersion));
            Assert.StartsWith("127.0.0.1:", row.Peer, StringComparison.Ordinal);
        });
    }

    private Task<IReadOnlyList<Diagnosis>> ProbeAsync(Func<ConnectOptions, ConnectOptions>? change = null)
        => EndpointProbe.RunAsync(change?.Invoke(xpra.ServerOptions) ?? xpra.ServerOptions, null, default);

    private static Diagnosis AssertCause(IReadOnlyList<Diagnosis> found, DiagnosisFinding finding)
    {
        var cause = Assert.Single(found, diagnosis => diagnosis.IsCause);
        Assert.Equal((finding, DiagnosisResult.Failed), (cause.Finding, cause.Result));
        return cause;
    }
}
