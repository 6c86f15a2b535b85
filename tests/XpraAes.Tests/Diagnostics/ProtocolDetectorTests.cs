using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Diagnostics;
using XpraAes.Transports;
using Peer = XpraAes.Tests.Commands.FakePeer;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Ports on which nothing listens, or something other than an xpra server.</summary>
public sealed class ProtocolDetectorTests : ProbeTests
{
    [Fact]
    public async Task Nobody_listens()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound, so that nothing else listens there
        var found = await ProbeAsync(((IPEndPoint)socket.LocalEndPoint!).Port);
        AssertCause(found, DiagnosisFinding.ConnectionRefused);
        Assert.All(found.Skip(1), diagnosis => Assert.Equal((DiagnosisResult.Skipped, DiagnosisFinding.NotChecked), (diagnosis.Result, diagnosis.Finding)));
    }

    [Fact]
    public async Task The_host_does_not_exist()
        => AssertCause(await EndpointProbe.RunAsync(Options(1) with { Endpoint = new XpraEndpoint(TransportKind.Tcp, "no-such-host.invalid", 1) }, null, default), DiagnosisFinding.HostUnreachable);

    [Fact]
    public async Task No_connection_is_established_in_time()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A full queue of connections drops packets on Linux; elsewhere it refuses them.");
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        using var first = new TcpClient();
        await first.ConnectAsync((IPEndPoint)listener.LocalEndPoint!);
        AssertCause(await ProbeSilentAsync(((IPEndPoint)listener.LocalEndPoint!).Port), DiagnosisFinding.ConnectTimeout);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", DiagnosisFinding.PeerIsHttp)]
    [InlineData("\x15\x03\x03\x00\x02\x02\x46", DiagnosisFinding.PeerIsTls)]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", DiagnosisFinding.PeerIsSsh)]
    [InlineData("RFB 003.008\n", DiagnosisFinding.PeerIsRfb)]
    [InlineData("220 mail.example.org ESMTP\r\n", DiagnosisFinding.NotXpra)]
    [InlineData("\x01\x02\x03\x04\x05\x06\x07\x08", DiagnosisFinding.NotXpra)]
    [InlineData("disconnect: too many connections\n", DiagnosisFinding.Refused)]
    public async Task Something_else_listens_and_answers(string greeting, DiagnosisFinding finding)
    {
        using var peer = Peer.Saying(Encoding.Latin1.GetBytes(greeting));
        var found = await ProbeAsync(peer.Port);
        AssertCause(found, finding);
        Assert.Equal(DiagnosisFinding.Connected, found.Single(diagnosis => diagnosis.Check == DiagnosisCheck.Connection).Finding);
    }

    [Theory]
    [InlineData('G', "HTTP/1.1 200 OK\r\n\r\n", DiagnosisFinding.PeerIsHttp)]
    [InlineData('\x16', "\x16\x03\x03\x00\x02\x02\x46", DiagnosisFinding.PeerIsTls)]
    public async Task Something_else_listens_and_answers_only_its_own_protocol(char first, string answer, DiagnosisFinding finding)
    {
        using var peer = Peer.AnsweringOnly((byte)first, Encoding.Latin1.GetBytes(answer));
        AssertCause(await ProbeSilentAsync(peer.Port), finding);
    }

    [Fact]
    public async Task Something_listens_and_stays_silent()
    {
        using var peer = Peer.Silent();
        AssertCause(await ProbeSilentAsync(peer.Port), DiagnosisFinding.PeerSilent);
    }

    [Fact]
    public async Task Something_listens_and_closes_the_connection()
    {
        using var peer = Peer.ThatHangsUp();
        AssertCause(await ProbeAsync(peer.Port), DiagnosisFinding.ConnectionLost);
    }

    [Fact]
    public async Task An_xpra_server_answers_what_cannot_be_read()
    {
        using var peer = Peer.Saying("P\x10\x80\0\0\0\0\x04ABCD"u8.ToArray()); // zstd
        AssertCause(await ProbeAsync(peer.Port), DiagnosisFinding.UnreadableAnswer);
    }
}
