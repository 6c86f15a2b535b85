using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Attacks;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Transports;
using XpraAes.Transports;

namespace XpraAes.Tests.Listening;

/// <summary>ssl:// and wss:// on the listener's port: who is let in, what is known of it, and that nobody who asked for one kind of TLS gets the other.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class TlsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _authority = TestCertificates.Create("Test authority", isAuthority: true);
    private readonly X509Certificate2 _certificate;
    private readonly string _authorityFile;

    public TlsTests()
    {
        _certificate = TestCertificates.Create("127.0.0.1", issuer: _authority);
        _authorityFile = _folder.Write("ca.pem", Encoding.ASCII.GetBytes(_authority.ExportCertificatePem()));
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _authority.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(TransportKind.Tls, "ssl")]
    [InlineData(TransportKind.WebSocketTls, "wss")]
    public async Task The_server_is_proven_by_its_certificate_and_the_client_by_AES_inside(TransportKind transport, string scheme)
    {
        await using var loopback = Start();
        await using var client = await loopback.ConnectAsync(options => By(transport, options));
        var server = await loopback.SingleConnectionAsync();
        Assert.Equal(($"{scheme}://127.0.0.1:{loopback.Listener.Port}/", client.Endpoint), (server.Endpoint, client.Endpoint));
        Assert.All(client.GetCipherInfo().Concat(server.GetCipherInfo()), row =>
            Assert.Equal(("AES", AesMode.CBC, false, "xpra", "TLS 1.3", loopback.Key.Fingerprint), (row.Cipher, row.Mode, row.Authenticated, row.Protocol, row.Tls, row.KeyFingerprint)));
        Assert.True(await client.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
    }

    /// <summary>TLS is no proof of the key: what applies to a stranger over TCP applies to one over TLS.</summary>
    [Theory]
    [InlineData(TransportKind.Tls)]
    [InlineData(TransportKind.WebSocketTls)]
    public async Task A_client_with_another_key_or_without_AES_does_not_get_in(TransportKind transport)
    {
        await using var loopback = Start(options => options with { Limits = Limits.Default with { DelayPerFailure = TimeSpan.Zero } });
        using var other = XpraKey.Generate();
        Assert.Equal(XpraErrorId.KeyMismatch, (await loopback.FailToConnectAsync(options => By(transport, options) with { Key = other })).Id);
        var (stream, _) = await TransportTable.ConnectAsync(By(transport, loopback.Options).Endpoint, [], Loopback.HelloTimeout, Limits.Default, default);
        await using var peer = new XpraAes.Packets.PacketChannel(stream, Limits.Default);
        await peer.SendAsync(["hello", XpraAes.Handshake.Hello.ForServer("0123")], default);
        Assert.Equal("disconnect", (await peer.ReceiveAsync(default))!.Type);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.CipherCapabilitiesMissing) == 1);
        Assert.Empty(loopback.Listener.Connections);
    }

    [Fact]
    public async Task All_ways_in_share_one_port()
    {
        await using var loopback = Start();
        foreach (var transport in new[] { TransportKind.Tcp, TransportKind.Tls, TransportKind.TlsPsk, TransportKind.WebSocket, TransportKind.WebSocketTls })
        {
            await using var client = await loopback.ConnectAsync(options => transport is TransportKind.Tls or TransportKind.WebSocketTls ? By(transport, options) : options with { Endpoint = options.Endpoint with { Transport = transport } });
            var row = client.GetCipherInfo()[0];
            Assert.Equal((transport == TransportKind.TlsPsk, transport is TransportKind.Tls or TransportKind.WebSocketTls), (row.Authenticated, row.Tls is not null));
        }
    }

    /// <summary>Each kind of TLS alone, against clients of all others.</summary>
    [Theory]
    [InlineData(TransportKind.Tls)]
    [InlineData(TransportKind.WebSocketTls)]
    [InlineData(TransportKind.TlsPsk)]
    [InlineData(TransportKind.WebSocket)]
    [InlineData(TransportKind.Tcp)]
    public async Task As_the_only_transport_it_is_the_only_way_in(TransportKind only)
    {
        var certified = only is TransportKind.Tls or TransportKind.WebSocketTls;
        await using var loopback = Start(options => options with { Transports = [only], Certificate = certified ? options.Certificate : null });
        foreach (var transport in new[] { TransportKind.Tcp, TransportKind.Tls, TransportKind.TlsPsk, TransportKind.WebSocket, TransportKind.WebSocketTls })
        {
            if (transport == only)
                await (await loopback.ConnectAsync(options => By(transport, options))).CloseAsync();
            else
                await loopback.FailToConnectAsync(options => By(transport, options));
        }
        Assert.Equal(1, loopback.Listener.Accepted);
        using var uri = XpraUri.Parse(loopback.Listener.AttachUri);
        Assert.Equal(only, uri.Endpoint.Transport);
    }

    [Fact]
    public async Task Who_asks_for_the_key_never_gets_the_certificate()
    {
        await using var loopback = Start();
        using var other = XpraKey.Generate();
        var failure = await loopback.FailToConnectAsync(options => By(TransportKind.TlsPsk, options) with { Key = other });
        Assert.Equal(XpraErrorId.KeyMismatch, failure.Id);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.KeyMismatch) == 1);
    }

    [Fact]
    public async Task Openssl_with_a_key_gets_the_key_and_without_one_the_certificate()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed.");
        await using var loopback = Start();
        var psk = TlsPskSecrets.Of(loopback.Key).Sha256;
        Assert.DoesNotContain("BEGIN CERTIFICATE", await OpensslAsync(loopback, "-tls1_3", "-psk_identity", psk.Identity, "-psk", Convert.ToHexStringLower(psk.Key.Span)), StringComparison.Ordinal);
        // openssl offers to take a certificate too, if its key is not known.
        Assert.DoesNotContain("BEGIN CERTIFICATE", await OpensslAsync(loopback, "-tls1_3", "-psk_identity", "somebody", "-psk", "00112233445566778899aabbccddeeff"), StringComparison.Ordinal);
        Assert.Contains("BEGIN CERTIFICATE", await OpensslAsync(loopback, "-tls1_3"), StringComparison.Ordinal);
        Assert.Contains("TLSv1.2", await OpensslAsync(loopback, "-tls1_2"), StringComparison.Ordinal);
        Assert.DoesNotContain("BEGIN CERTIFICATE", await OpensslAsync(loopback, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), StringComparison.Ordinal);
    }

    /// <summary>A browser's second connection comes with a ticket, which is a pre-shared key too.</summary>
    [Fact]
    public async Task A_resumed_session_is_still_one_with_a_certificate()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed.");
        await using var loopback = Start();
        var session = _folder["session"];
        await OpensslAsync(loopback, "-tls1_3", "-sess_out", session);
        Assert.SkipUnless(File.Exists(session), "This openssl got no ticket.");
        var again = await OpensslAsync(loopback, "-tls1_3", "-sess_in", session);
        Assert.True(again.Contains("Reused, TLSv1.3", StringComparison.Ordinal) || again.Contains("New, TLSv1.3", StringComparison.Ordinal), again);
        Assert.False(loopback.Listener.Refusals.ContainsKey(XpraErrorId.TlsFailed));
    }

    public enum Server { Untrusted, WrongName, Expired, NotYetValid, Right }

    [Theory]
    [InlineData(Server.Untrusted, XpraErrorId.CertificateUntrusted)]
    [InlineData(Server.WrongName, XpraErrorId.CertificateNameMismatch)]
    [InlineData(Server.Expired, XpraErrorId.CertificateExpired)]
    [InlineData(Server.NotYetValid, XpraErrorId.CertificateExpired)]
    public async Task A_certificate_that_proves_nothing_is_refused_and_the_probe_says_why(Server kind, XpraErrorId expected)
    {
        using var certificate = kind switch
        {
            Server.WrongName => TestCertificates.Create("other.example", issuer: _authority),
            Server.Expired => TestCertificates.Create("127.0.0.1", DateTimeOffset.UtcNow.AddDays(-1), _authority),
            Server.NotYetValid => TestCertificates.Create("127.0.0.1", issuer: _authority, notBefore: DateTimeOffset.UtcNow.AddDays(1)),
            _ => TestCertificates.Create("127.0.0.1"),
        };
        using var server = ServerCertificate.From(certificate);
        await using var loopback = Start(options => options with { Certificate = server });
        var failure = await loopback.FailToConnectAsync(options => By(TransportKind.Tls, options));
        Assert.Equal(expected, failure.Id);
        var found = await EndpointProbe.RunAsync(By(TransportKind.WebSocketTls, loopback.Options), null, default);
        var cause = Assert.Single(found, row => row.IsCause);
        Assert.Equal((DiagnosisCheck.Tls, DiagnosisResult.Failed, expected.ToString()), (cause.Check, cause.Result, cause.Finding.ToString()));
        Assert.NotNull(cause.RecommendedAction);
        await Loopback.Eventually(() => loopback.Listener.Refusals.Values.Sum() >= 2);
        // That a client does not trust us is no attack: its address must not be blocked for it.
        Assert.Equal(TimeSpan.Zero, loopback.Listener.Guard.DelayFor(IPAddress.Loopback));

        // By its fingerprint, each of them is known.
        var pin = new TlsTrust { Fingerprint = certificate.GetCertHashString(HashAlgorithmName.SHA256) };
        await (await loopback.ConnectAsync(options => By(TransportKind.Tls, options, pin))).CloseAsync();
        await (await loopback.ConnectAsync(options => By(TransportKind.Tls, options, new TlsTrust { VerifiesServer = false }))).CloseAsync();
    }

    [Fact]
    public async Task Another_certificate_than_the_pinned_one_is_refused_even_if_an_authority_vouches_for_it()
    {
        await using var loopback = Start();
        var pin = new TlsTrust { Fingerprint = new string('0', 64), AuthorityFile = _authorityFile };
        var failure = await loopback.FailToConnectAsync(options => By(TransportKind.Tls, options, pin));
        Assert.Equal(XpraErrorId.CertificateUntrusted, failure.Id);
        Assert.Contains(loopback.Listener.Certificate!.Fingerprint, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_systems_authorities_do_not_know_ours()
    {
        await using var loopback = Start();
        Assert.Equal(XpraErrorId.CertificateUntrusted, (await loopback.FailToConnectAsync(options => By(TransportKind.Tls, options, TlsTrust.Default))).Id);
        Assert.Equal(XpraErrorId.CertificateUnusable, (await loopback.FailToConnectAsync(options => By(TransportKind.Tls, options, new TlsTrust { AuthorityFile = _folder["none.pem"] }))).Id);
    }

    [Fact]
    public async Task A_self_signed_certificate_can_be_its_own_authority()
    {
        using var certificate = CertificateGenerator.Create(["localhost", "127.0.0.1"], 397, _folder["c.pfx"], null, overwrite: false);
        var file = _folder.Write("self.pem", Encoding.ASCII.GetBytes(certificate.Pem));
        await using var loopback = Start(options => options with { Certificate = certificate });
        await using var client = await loopback.ConnectAsync(options => By(TransportKind.Tls, options, new TlsTrust { AuthorityFile = file }));
        Assert.Equal("TLS 1.3", client.GetCipherInfo()[0].Tls);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", XpraErrorId.TlsNotOffered)]
    [InlineData("disconnect: invalid packet header\n", XpraErrorId.TlsNotOffered)]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", XpraErrorId.TlsNotOffered)]
    [InlineData("\u0015\u0003\u0003\0\u0002\u0002\u0046", XpraErrorId.TlsTooOld)]
    [InlineData("\u0015\u0003\u0003\0\u0002\u0002\u0028", XpraErrorId.TlsFailed)]
    [InlineData("", XpraErrorId.ConnectionLost)]
    public async Task What_answers_instead_is_named(string answer, XpraErrorId expected)
    {
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 4);
        var answering = Task.Run(async () =>
        {
            while (true)
            {
                using var socket = await listening.AcceptAsync(default);
                await socket.ReceiveAsync(new byte[4096]);
                await socket.SendAsync(Encoding.Latin1.GetBytes(answer));
                socket.Shutdown(SocketShutdown.Both);
            }
        });
        using var key = XpraKey.Generate();
        var options = new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.Tls, "127.0.0.1", listening.Endpoint.Port), Key = key, Timeout = TimeSpan.FromSeconds(5) };
        Assert.Equal(expected, (await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options))).Id);
        if (expected != XpraErrorId.ConnectionLost)
            Assert.Equal(expected.ToString(), Assert.Single(await EndpointProbe.RunAsync(options, null, default), row => row.IsCause).Finding.ToString());
        Assert.False(answering.IsFaulted);
    }

    /// <summary>As xpra 3.1's servers do: the encrypted end of one connection goes out on another. It may have any code where a plain alert has its own.</summary>
    [Theory]
    [InlineData(2, true, 3)]
    [InlineData(99, false, 4)]
    public async Task The_end_of_another_connection_is_no_answer_and_another_attempt_is_made(int times, bool succeeds, int expected)
    {
        const string End = "\u0015\u0003\u0003\0\u001a\u0046\u0046\u0028\u0028345678901234567890123456";
        await using var loopback = Start();
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 4);
        var count = 0;
        var answering = Task.Run(async () =>
        {
            while (true)
            {
                using var socket = await listening.AcceptAsync(default);
                if (++count <= times)
                {
                    await socket.SendAsync(Encoding.Latin1.GetBytes(End));
                    socket.Shutdown(SocketShutdown.Send);
                    while (await socket.ReceiveAsync(new byte[4096]) > 0)
                    {
                    }
                    continue;
                }
                using var inner = new TcpClient();
                await inner.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
                await using var outer = new NetworkStream(socket);
                await Task.WhenAny(outer.CopyToAsync(inner.GetStream()), inner.GetStream().CopyToAsync(outer));
            }
        });
        var options = By(TransportKind.Tls, loopback.Options);
        options = options with { Endpoint = options.Endpoint with { Port = listening.Endpoint.Port } };
        if (succeeds)
            await (await XpraConnector.ConnectAsync(options)).CloseAsync();
        else
            Assert.Equal(XpraErrorId.TlsFailed, (await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options))).Id);
        Assert.Equal(expected, count);
        Assert.False(answering.IsFaulted);
    }

    [Fact]
    public async Task A_probe_finds_everything_right()
    {
        await using var loopback = Start();
        var found = await EndpointProbe.RunAsync(By(TransportKind.Tls, loopback.Options), null, default);
        Assert.All(found, row => Assert.Equal(DiagnosisResult.Passed, row.Result));
        Assert.Equal(Enum.GetValues<DiagnosisCheck>().Order(), found.Select(row => row.Check).Order());
        found = await EndpointProbe.RunAsync(By(TransportKind.Tls, loopback.Options, new TlsTrust { VerifiesServer = false }), null, default);
        Assert.Equal(DiagnosisFinding.CertificateNotVerified, Assert.Single(found, row => row.Result != DiagnosisResult.Passed).Finding);
    }

    [Fact]
    public async Task A_probe_tells_of_a_certificate_that_expires_soon_and_of_AES_that_is_missing_inside()
    {
        using var certificate = TestCertificates.Create("127.0.0.1", DateTimeOffset.UtcNow.AddDays(13), _authority);
        using var server = ServerCertificate.From(certificate);
        await using var loopback = Start(options => options with { Certificate = server });
        var found = await EndpointProbe.RunAsync(By(TransportKind.Tls, loopback.Options), null, default);
        Assert.Equal(DiagnosisFinding.CertificateExpiresSoon, Assert.Single(found, row => row.Result != DiagnosisResult.Passed).Finding);
    }

    [Fact]
    public async Task A_renewed_file_is_taken_up_and_a_broken_one_is_not()
    {
        var path = _folder.WritePem("server.pem", _certificate, _authority);
        using var certificate = ServerCertificate.FromFile(path);
        await using var loopback = Start(options => options with { Certificate = certificate });
        await using var before = await loopback.ConnectAsync(options => By(TransportKind.Tls, options));

        File.WriteAllText(path, "half of it");
        await Task.Delay(TimeSpan.FromSeconds(1.1)); // files are looked at once a second
        await (await loopback.ConnectAsync(options => By(TransportKind.Tls, options))).CloseAsync();
        Assert.Equal(certificate.Fingerprint, loopback.Listener.Certificate!.Fingerprint);

        using var renewed = TestCertificates.Create("127.0.0.1", issuer: _authority);
        _folder.WritePem("server.pem", renewed, _authority);
        await Task.Delay(TimeSpan.FromSeconds(1.1));
        var pin = new TlsTrust { Fingerprint = renewed.GetCertHashString(HashAlgorithmName.SHA256) };
        await (await loopback.ConnectAsync(options => By(TransportKind.Tls, options, pin))).CloseAsync();
        Assert.Equal(ConnectionState.Open, before.State);
    }

    [Fact]
    public async Task It_can_be_replaced_for_new_clients()
    {
        await using var loopback = Start();
        using var renewed = TestCertificates.Create("127.0.0.1", issuer: _authority);
        using (var certificate = ServerCertificate.From(renewed))
            loopback.Listener.Reconfigure(options => options with { Certificate = certificate });
        var pin = new TlsTrust { Fingerprint = renewed.GetCertHashString(HashAlgorithmName.SHA256) };
        await (await loopback.ConnectAsync(options => By(TransportKind.Tls, options, pin))).CloseAsync();
    }

    [Fact]
    public void A_certificate_that_nobody_gets_or_a_TLS_without_one_is_a_mistake()
    {
        foreach (var wrong in new Func<ListenerOptions, ListenerOptions>[]
        {
            options => options with { Transports = [TransportKind.Tcp] },
            options => options with { Transports = [TransportKind.Tls], Certificate = null },
            options => options with { Key = null, Target = null },
        })
        {
            Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => Start(wrong)).Id);
        }
    }

    /// <summary>Nothing in the clear: without a key the listener would let everyone in who trusts its certificate.</summary>
    [Fact]
    public async Task A_local_end_takes_no_certificate()
    {
        await using var far = Loopback.Start();
        using var certificate = ServerCertificate.From(_certificate);
        var failure = Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = null, Certificate = certificate, Target = new TargetOptions { Endpoint = far.Options.Endpoint, Keys = [far.Key] } }));
        Assert.Equal(XpraErrorId.InvalidOption, failure.Id);
    }

    [Theory]
    [InlineData("1603")] // and no more
    [InlineData("16030100051700000000")]
    [InlineData("160301ffff01")]
    [InlineData("1603010000")]
    [InlineData("16030100050100ffffff")]
    [InlineData("1603010008010000040303ffff")]
    public async Task A_hello_that_is_none_is_bounded_in_time_and_size(string hex)
    {
        await using var loopback = Start(options => options with { Limits = Limits.Default with { HandshakeTimeout = TimeSpan.FromSeconds(1) } });
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        await client.GetStream().WriteAsync(Convert.FromHexString(hex));
        await Loopback.Eventually(() => loopback.Listener.Refusals.Any(refusal => refusal.Key is XpraErrorId.TlsFailed or XpraErrorId.HandshakeTimeout), TimeSpan.FromSeconds(5));
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
    }

    [Theory]
    [InlineData(false)] // nothing after the TLS handshake
    [InlineData(true)] // half a packet
    public async Task The_deadline_goes_on_inside_TLS(bool sends)
    {
        await using var loopback = Start(options => options with { Limits = Limits.Default with { HandshakeTimeout = TimeSpan.FromSeconds(1) } });
        await using var tls = await OpenAsync(loopback);
        if (sends)
            await tls.WriteAsync("P"u8.ToArray());
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.HandshakeTimeout) == 1, TimeSpan.FromSeconds(5));
        await Loopback.Eventually(() => loopback.Listener.Serving == 0);
    }

    [Fact]
    public async Task A_web_page_is_refused_over_wss_as_over_ws()
    {
        await using var loopback = Start();
        var origins = new[] { "https://evil.example", $"https://127.0.0.1:{loopback.Listener.Port}.evil.example" };
        foreach (var origin in origins)
        {
            await using var tls = await OpenAsync(loopback);
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {origin}\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n"));
            Assert.StartsWith("HTTP/1.1 403", await new StreamReader(tls).ReadLineAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_gateway_reaches_its_target_over_TLS()
    {
        await using var far = Start();
        await using var near = Loopback.Start(options => options with { Target = new TargetOptions { Endpoint = By(TransportKind.WebSocketTls, far.Options).Endpoint, Keys = [far.Key] } });
        await using var client = await near.ConnectAsync(options => options with { Mode = AesMode.CTR });
        var rows = (await near.SingleConnectionAsync()).GetCipherInfo();
        Assert.Equal(["CTR ", "CTR ", "CBC TLS 1.3", "CBC TLS 1.3"], rows.Select(row => $"{row.Mode} {row.Tls}"));
        Assert.True(await client.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
    }

    [Fact]
    public async Task Both_ends_close_in_order()
    {
        await using var loopback = Start();
        var client = await loopback.ConnectAsync(options => By(TransportKind.Tls, options));
        var server = await loopback.SingleConnectionAsync();
        await client.CloseAsync();
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal((null, "the peer disconnected: client request"), ((XpraErrorId?)server.CloseCause, server.CloseReason));
    }

    [Theory]
    [InlineData(TransportKind.Tls)]
    [InlineData(TransportKind.WebSocketTls)]
    public async Task A_session_that_is_cut_off_is_over_for_the_client_too(TransportKind transport)
    {
        await using var loopback = Start();
        await using var client = await loopback.ConnectAsync(options => By(transport, options));
        (await loopback.SingleConnectionAsync()).Abort(AesListener.CutOff);
        await client.Completion.WaitAsync(Loopback.HelloTimeout);
    }

    /// <summary>Else strangers who leave their end open would use up the process' file descriptors.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stranger_who_ignores_the_end_of_TLS_holds_no_connection_open(bool sendsHello)
    {
        var limits = Limits.Default with { HandshakeTimeout = TimeSpan.FromSeconds(2), CloseGrace = TimeSpan.FromMilliseconds(100), UnprovenConnectionsPerSource = 1 };
        await using var loopback = Start(options => options with { Limits = limits });
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        await using var tls = await TlsStream.ConnectAsync(new NetworkStream(socket), "127.0.0.1", new TlsTrust { AuthorityFile = _authorityFile }, default);
        await using var evictor = sendsHello ? await GetEvictedAsync() : null;
        while (await socket.ReceiveAsync(new byte[4096]).WaitAsync(Loopback.HelloTimeout) > 0)
        {
        }

        // A session that stays silent is evicted by its address' next connection.
        async Task<FakePeer> GetEvictedAsync()
        {
            var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Mode = AesMode.CBC };
            await tls.WriteAsync(UnauthenticatedHello.Frame(PacketEncoding.RencodePlus, ["hello", hello.ToHello()]));
            await Loopback.Eventually(() => loopback.Listener.Connections.Count == 1);
            await Task.Delay(limits.HandshakeTimeout * 1.5); // from when on it counts as silent
            return await loopback.ConnectFakeAsync();
        }
    }

    [Fact]
    public async Task A_client_that_takes_nothing_is_given_up_on()
    {
        using var certificate = ServerCertificate.From(_certificate);
        await using var rig = new Rig(limits: Limits.Default with { IdleTimeout = TimeSpan.FromSeconds(1), CloseGrace = TimeSpan.FromMilliseconds(200) }, configure: options => options with { Certificate = certificate });
        var endpoint = new XpraEndpoint(TransportKind.Tls, "127.0.0.1", rig.Listener.Port) { Trust = new TlsTrust { AuthorityFile = _authorityFile } };
        var (stream, _) = await TransportTable.ConnectAsync(endpoint, [], Loopback.HelloTimeout, Limits.Default, default);
        await using var client = new FakePeer(null!, rig.Key, stream);
        var opening = client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        await using var target = await rig.Target.AcceptAsync();
        await opening;
        await client.SendAsync("ping", 1L);
        await Rig.UntilAsync(() => rig.Listener.Connections is [{ KeyProven: true }]);
        var connection = rig.Listener.Connections[0];
        var sending = Task.Run(async () =>
        {
            while (true)
                await target.WriteRawAsync((byte)PacketEncoding.RencodePlus, 0, 0, new byte[64 * 1024]);
        });
        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Contains("taken nothing", connection.CloseReason, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(() => sending);
    }

    /// <summary>Its keys and the system's memory do not wait for the garbage collector.</summary>
    [Fact]
    public async Task TLS_in_which_there_were_only_pages_is_freed()
    {
        using var certificate = ServerCertificate.From(_certificate);
        var (near, far) = DuplexStream.CreatePair();
        await using var connection = near;
        var pages = new OnePage();
        var accepting = TransportTable.Of(TransportKind.Tls).AcceptAsync(near, new AcceptOptions { Certificate = certificate, Pages = pages, Timeout = Loopback.HelloTimeout }, default);
        await using var browser = await TlsStream.ConnectAsync(far, "127.0.0.1", new TlsTrust { AuthorityFile = _authorityFile }, default);
        await browser.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        Assert.Null(await accepting.WaitAsync(Loopback.HelloTimeout));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pages.Seen!.WriteAsync(new byte[1]).AsTask());
    }

    private Loopback Start(Func<ListenerOptions, ListenerOptions>? configure = null)
    {
        using var certificate = ServerCertificate.From(_certificate);
        return Loopback.Start(options =>
        {
            options = options with { Certificate = certificate };
            return configure?.Invoke(options) ?? options;
        });
    }

    private ConnectOptions By(TransportKind transport, ConnectOptions options, TlsTrust? trust = null)
        => options with { Mode = AesMode.CBC, Endpoint = options.Endpoint with { Transport = transport, Trust = trust ?? new TlsTrust { AuthorityFile = _authorityFile } } };

    /// <summary>A client's TLS, before its first byte inside.</summary>
    private async Task<TlsStream> OpenAsync(Loopback loopback)
    {
        var (stream, _) = await TransportTable.ConnectAsync(By(TransportKind.Tls, loopback.Options).Endpoint, [], Loopback.HelloTimeout, Limits.Default, default);
        return (TlsStream)stream;
    }

    private sealed class OnePage : IWebPages
    {
        public Stream? Seen { get; private set; }

        public bool IsOwnOrigin(string origin, WebVisitor visitor) => false;

        public Task<bool> AnswerAsync(HttpHead request, Stream stream, WebVisitor visitor, CancellationToken cancellationToken)
        {
            Seen = stream;
            return Task.FromResult(false);
        }
    }

    private static async Task<string> OpensslAsync(Loopback loopback, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("openssl", ["s_client", "-connect", $"127.0.0.1:{loopback.Listener.Port}", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await Task.Delay(TimeSpan.FromSeconds(1)); // tickets come after the handshake
        if (!process.HasExited)
        {
            await process.StandardInput.WriteAsync("Q\n");
            process.StandardInput.Close();
        }
        await process.WaitForExitAsync().WaitAsync(Loopback.HelloTimeout);
        return await output + await error;
    }
}
