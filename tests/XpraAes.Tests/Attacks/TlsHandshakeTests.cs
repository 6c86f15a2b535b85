using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Attacks;

/// <summary>Somebody who makes the listener use its private key again and again. That is slowed down; a browser that does not trust the certificate yet is not.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class TlsHandshakeTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _certificate = TestCertificates.Create("localhost");

    public enum Stranger
    {
        /// <summary>Does not take the certificate.</summary>
        Distrusts,

        /// <summary>Vanishes in the middle.</summary>
        Aborts,

        /// <summary>Completes it, and leaves.</summary>
        Leaves,

        /// <summary>Asks for a page, and comes again for the next.</summary>
        Reads,
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(Stranger.Distrusts)]
    [InlineData(Stranger.Aborts)]
    [InlineData(Stranger.Leaves)]
    [InlineData(Stranger.Reads)]
    public async Task Handshake_after_handshake_is_slowed_down_and_keeps_nobody_out(Stranger kind)
    {
        await using var loopback = Start(new Limits { TlsHandshakesPerSource = 3, DelayPerFailure = TimeSpan.FromMilliseconds(20), LongestDelay = TimeSpan.FromMilliseconds(100) });
        var guard = loopback.Listener.Guard;
        for (var i = 0; i < 12; i++)
        {
            // What it is told ahead is what it waits.
            Assert.Equal(TimeSpan.FromMilliseconds(Math.Clamp(20 * (i - 3), 0, 100)), guard.DelayFor(IPAddress.Loopback));
            await ConnectAsync(kind, loopback.Listener.Port);
            await Loopback.Eventually(() => loopback.Listener.Serving == 0);
        }
        Assert.DoesNotContain(XpraErrorId.LimitReached, loopback.Listener.Refusals.Keys);

        // Who shares its address and has the key gets in, and is not slowed down again.
        await using var session = await loopback.ConnectAsync();
        await Loopback.Eventually(() => guard.DelayFor(IPAddress.Loopback) == TimeSpan.Zero);
    }

    [Fact]
    public async Task A_browser_that_does_not_trust_the_certificate_yet_is_not_slowed_down()
    {
        await using var loopback = Start(Limits.Default);
        for (var i = 0; i < 20; i++)
            await ConnectAsync(Stranger.Distrusts, loopback.Listener.Port);
        await Loopback.Eventually(() => loopback.Listener.Rejected == 20);
        Assert.DoesNotContain(XpraErrorId.LimitReached, loopback.Listener.Refusals.Keys);
        Assert.Equal(TimeSpan.Zero, loopback.Listener.Guard.DelayFor(IPAddress.Loopback));
    }

    /// <summary>A hello that is none costs nothing but is no browser's either: it counts as a failure.</summary>
    [Fact]
    public async Task A_malformed_TLS_hello_blocks_as_any_malformed_packet()
    {
        await using var loopback = Start(new Limits { DelayPerFailure = TimeSpan.Zero });
        for (var i = 0; i < Limits.Default.FailuresBeforeBlock; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
            await client.GetStream().WriteAsync(Convert.FromHexString("16030100051700000000"));
            await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.TlsFailed) == i + 1);
        }
        Assert.Null(loopback.Listener.Guard.TryAcquire(IPAddress.Loopback, out _));
    }

    private Loopback Start(Limits limits)
    {
        var root = Directory.CreateDirectory(_folder["www"]).FullName;
        File.WriteAllText(Path.Combine(root, "index.html"), "page");
        using var certificate = ServerCertificate.From(_certificate);
        return Loopback.Start(options => options with { Certificate = certificate, WebRoot = root, Limits = limits });
    }

    private static async Task ConnectAsync(Stranger kind, int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        if (kind == Stranger.Aborts)
        {
            await client.GetStream().WriteAsync(await HelloAsync());
            Assert.NotEqual(0, await client.GetStream().ReadAsync(new byte[1])); // the certificate has been signed for
            return;
        }
        await using var tls = new SslStream(client.GetStream());
        var authenticating = tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, _, _, _) => kind != Stranger.Distrusts });
        if (kind == Stranger.Distrusts)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => authenticating);
            return;
        }
        await authenticating;
        if (kind == Stranger.Leaves)
            return;
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 200", await new StreamReader(tls).ReadToEndAsync(), StringComparison.Ordinal);
    }

    /// <summary>A TLS client's first message.</summary>
    private static async Task<byte[]> HelloAsync()
    {
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 1);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, listening.Endpoint.Port);
        using var server = await listening.AcceptAsync(default);
        await using var tls = new SslStream(client.GetStream());
        _ = tls.AuthenticateAsClientAsync("localhost").ContinueWith(static done => done.Exception, TaskScheduler.Default);
        var hello = new byte[4096];
        return hello[..await server.ReceiveAsync(hello)];
    }
}
