using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Listening;
using XpraAes.Management;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Management;

/// <summary>The management address against those who are not meant to use it, and against mistakes.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class ManagementAttackTests
{
    /// <summary>A page whose name was made to resolve to this address (DNS rebinding) sends its own name.</summary>
    [Theory]
    [InlineData("Host: evil.example", 421)]
    [InlineData("Host: evil.example:9464", 421)]
    [InlineData("Host: localhost.evil.example", 421)]
    [InlineData("Host: 127.0.0.1.evil.example", 421)]
    [InlineData("Host: evil.example@localhost", 421)]
    [InlineData("Host: localhost/x", 421)]
    [InlineData("Host: localhost\r\nHost: evil.example", 421)]
    [InlineData("Host: ", 421)]
    [InlineData("X: y", 421)]
    [InlineData("Host: localhost", 200)]
    [InlineData("Host: LOCALHOST:9464", 200)]
    [InlineData("Host: 127.0.0.1:9464", 200)]
    [InlineData("Host: 10.1.2.3", 200)]
    [InlineData("Host: [::1]:9464", 200)]
    [InlineData("Host: MACHINE:9464", 200)]
    public async Task Only_addresses_and_this_machines_names_are_answered(string host, int status)
    {
        await using var rig = new ManagementRig();
        foreach (var path in new[] { "/metrics", "/readyz", "/healthz", "/status" })
        {
            var answer = await rig.AskAsync($"GET {path} HTTP/1.1\r\n{host.Replace("MACHINE", Dns.GetHostName(), StringComparison.Ordinal)}\r\n\r\n");
            Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
            Assert.Equal(status == 200 && path == "/metrics", answer.Contains("xpra_aes", StringComparison.Ordinal));
            Assert.Equal(status == 200 && path == "/status", answer.Contains("\"Listeners\"", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("GET /readyz HTTP/1.0\r\n\r\n", 200)] // HAProxy's health check
    [InlineData("GET /readyz HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421)]
    [InlineData("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200)]
    [InlineData("GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 200)]
    [InlineData("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404)]
    [InlineData("GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404)]
    [InlineData("GET /../metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 404)]
    [InlineData("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde", 405)]
    [InlineData("OPTIONS /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405)]
    [InlineData("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400)]
    [InlineData("GET /metrics HTTP/2.0\r\nHost: localhost\r\n\r\n", 400)]
    [InlineData("GET /metrics HTTP/1.1 x\r\nHost: localhost\r\n\r\n", 400)]
    [InlineData("GET /metrics HTTP/1.1\r\nbad field\r\n\r\n", 400)]
    [InlineData("\0\0\0\0", 400)]
    public async Task Other_requests_get_an_error(string request, int status)
    {
        await using var rig = new ManagementRig();
        var answer = await rig.AskAsync(request);
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nCross-Origin-Resource-Policy: same-origin\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control", answer, StringComparison.OrdinalIgnoreCase);
        if (request.StartsWith("HEAD", StringComparison.Ordinal))
            Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_head_without_end_gets_no_further_than_8_KB()
    {
        await using var rig = new ManagementRig();
        var answer = await rig.AskAsync($"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {new string('x', HttpHead.MaxSize)}");
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_sends_slowly_is_cut_off_in_the_time_of_one_request()
    {
        using var server = Serve(TimeSpan.FromMilliseconds(300));
        using var slow = await ManagementRig.ConnectAsync(server.Address);
        var ends = ManagementRig.ReadAsync(slow);
        try
        {
            while (!ends.IsCompleted)
            {
                await slow.SendAsync("G"u8.ToArray());
                await Task.Delay(50);
            }
        }
        catch (SocketException)
        {
            // It has been cut off.
        }
        Assert.True(await ends is "" or "reset");
    }

    /// <summary>An answer that nobody reads does not hold a connection either.</summary>
    [Fact]
    public async Task Whoever_reads_nothing_is_cut_off_too()
    {
        var answered = new TaskCompletionSource();
        var content = new UnreadStream(answered);
        using var server = Serve(TimeSpan.FromMilliseconds(300), () => new WebAnswer("200 OK", content, []));
        using var lazy = await ManagementRig.ConnectAsync(server.Address);
        await lazy.SendAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        await answered.Task.WaitAsync(TestPeer.HelloTimeout); // its content is disposed of when it has ended
    }

    /// <summary>Connections that are kept open lock out nobody: the oldest makes room.</summary>
    [Fact]
    public async Task More_connections_than_allowed_end_the_oldest()
    {
        using var server = Serve(TimeSpan.FromMinutes(1));
        var idle = new List<Socket>();
        try
        {
            for (var i = 0; i < ManagementServer.MaxConnections; i++)
                idle.Add(await ManagementRig.ConnectAsync(server.Address));
            var oldest = ManagementRig.ReadAsync(idle[0]);
            Assert.StartsWith("HTTP/1.1 200 ", await ManagementRig.AskAsync(server.Address, "GET / HTTP/1.1\r\n\r\n"), StringComparison.Ordinal);
            Assert.True(await oldest is "" or "reset");
            Assert.False(idle[^1].Poll(0, SelectMode.SelectRead));
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task A_request_that_fails_is_answered_by_the_end_and_the_next_one_is_served()
    {
        var fails = true;
        using var server = Serve(TimeSpan.FromSeconds(10), () => fails ? throw new InvalidOperationException("no") : WebAnswer.Text("200 OK", "yes"));
        Assert.True(await ManagementRig.AskAsync(server.Address, "GET / HTTP/1.1\r\n\r\n") is "" or "reset");
        fails = false;
        Assert.StartsWith("HTTP/1.1 200 ", await ManagementRig.AskAsync(server.Address, "GET / HTTP/1.1\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_are_collected_once_a_second_whoever_asks()
    {
        var clock = new FakeClock();
        var collected = 0;
        using var pages = new ManagementPages(() => [], new TargetProbes(clock), () => Encoding.ASCII.GetBytes($"{++collected}"), clock);
        var request = new HttpHead("GET /metrics HTTP/1.1", new() { ["Host"] = "localhost" });
        async Task<string> AskAsync() => await new StreamReader((await pages.AnswerAsync(request, isSameUser: true, default)).Content).ReadToEndAsync();

        Assert.Equal(["1", "1", "1"], await Task.WhenAll(AskAsync(), AskAsync(), AskAsync()));
        clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(["2", "2"], await Task.WhenAll(AskAsync(), AskAsync()));
    }

    [Fact]
    public async Task A_Unix_socket_is_its_owners_alone_and_gone_afterwards()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        using var folder = new TempFolder();
        var path = folder["management.sock"];
        await using (var rig = new ManagementRig($"unix://{path}"))
        {
            Assert.Equal(path, rig.Address);
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.EndsWith("\r\n\r\nready\n", await rig.GetAsync("/readyz"), StringComparison.Ordinal);
        }
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task The_listeners_of_a_process_share_one_address_until_the_last_has_stopped()
    {
        await using var rig = new ManagementRig();
        using var key = XpraKey.Generate();
        await using var other = AesListener.Start(new ListenerOptions { Key = key });
        using (var lease = ManagementService.Open(ManagementAddress.Parse(rig.Address), NullLogger.Instance))
            lease!.Attach(other);
        Assert.Equal(rig.Address, other.ManagementAddress);

        var error = Assert.Throws<XpraAesException>(() => ManagementService.Open(ManagementAddress.Parse("127.0.0.1:1"), NullLogger.Instance));
        Assert.Equal(XpraErrorId.InvalidOption, error.Id);
        Assert.Contains(rig.Address, error.Message, StringComparison.Ordinal);

        var address = rig.Address;
        await rig.Gateway.Listener.StopAsync(TimeSpan.Zero);
        Assert.EndsWith("\r\n\r\nready\n", await ManagementRig.AskAsync(address, "GET /readyz HTTP/1.0\r\n\r\n"), StringComparison.Ordinal);
        await other.StopAsync(TimeSpan.Zero);
        await Rig.UntilAsync(() => ManagementService.Targets is null);
        await Assert.ThrowsAsync<SocketException>(() => ManagementRig.ConnectAsync(address));
    }

    [Fact]
    public void An_address_that_is_in_use_leaves_nothing_behind()
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        var address = ManagementAddress.Parse($"127.0.0.1:{((IPEndPoint)taken.LocalEndPoint!).Port}");
        var error = Assert.Throws<XpraAesException>(() => ManagementService.Open(address, NullLogger.Instance));
        Assert.Equal(XpraErrorId.PortInUse, error.Id);
        Assert.Contains("-ManagementAddress", error.RecommendedAction, StringComparison.Ordinal);
        Assert.Null(ManagementService.Targets);
        taken.Dispose();
        ManagementService.Open(address, NullLogger.Instance)!.Dispose();
        Assert.Null(ManagementService.Targets);
    }

    private static ManagementServer Serve(TimeSpan timeout, Func<WebAnswer>? answer = null)
        => new(TcpTransport.Listen(IPAddress.Loopback, 0, 512), (_, _, _) => Task.FromResult(answer is null ? WebAnswer.Text("200 OK", "yes") : answer()), NullLogger.Instance, timeout);

    /// <summary>More than the system's buffers take.</summary>
    private sealed class UnreadStream(TaskCompletionSource disposed) : MemoryStream(new byte[64 * 1024 * 1024])
    {
        protected override void Dispose(bool disposing)
        {
            disposed.TrySetResult();
            base.Dispose(disposing);
        }
    }
}
