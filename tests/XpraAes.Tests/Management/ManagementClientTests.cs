using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Listening;
using XpraAes.Management;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Management;

/// <summary>Asking another process for its status, whoever it is that answers.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class ManagementClientTests : IDisposable
{
    /// <summary>For answers that do not come.</summary>
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(500);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task By_TCP_it_gets_the_sums_and_over_a_Unix_socket_the_sessions()
    {
        await using (var rig = new ManagementRig())
        {
            await rig.Gateway.OpenProvenAsync();
            using var client = Client(rig.Address);
            var status = await client.GetStatusAsync(rig.Gateway.Listener.Connections[0].Id, default);
            Assert.Null(status.Sessions);
            var listener = Assert.Single(status.Listeners, listener => listener.Id == rig.Gateway.Listener.Id);
            Assert.Equal((1, null, null), (listener.Sessions, listener.Endpoints, listener.Target));
        }
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        await using (var rig = new ManagementRig($"unix://{_folder["m.sock"]}"))
        {
            await rig.Gateway.OpenProvenAsync();
            var served = rig.Gateway.Listener.Connections[0];
            using var client = Client(rig.Address);
            var session = Assert.Single((await client.GetStatusAsync(null, default)).Sessions!, session => session.Id == served.Id);
            Assert.Equal((served.Peer, null), (session.Peer, session.Ciphers));
            Assert.Equal(4, Assert.Single((await client.GetStatusAsync(served.Id, default)).Sessions!, session => session.Id == served.Id).Ciphers!.Count);
        }
    }

    /// <summary>As it is where a proxy is between, or the socket is another user's: sums are better than nothing.</summary>
    [Fact]
    public async Task Where_sessions_are_refused_it_gets_the_sums()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        var sums = Encoding.UTF8.GetString(ProcessStatus.ReadSums().ToJson());
        await using var server = new FakeAnswers(_folder["fake.sock"], request => request.StartsWith("GET /status ", StringComparison.Ordinal) ? Http("200 OK", sums) : Http("403 Forbidden", "no"));
        using var client = Client(_folder["fake.sock"]);
        Assert.Null((await client.GetStatusAsync(7, default)).Sessions);
        Assert.Equal(["XPRA-AES/1 sessions 7", "GET /status HTTP/1.1"], server.Requests.Select(request => request.Split("\r\n")[0]));
    }

    [Fact]
    public async Task Nobody_there()
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound, and not listening
        Assert.Equal(XpraErrorId.ConnectionRefused, (await FailAsync($"127.0.0.1:{((IPEndPoint)taken.LocalEndPoint!).Port}")).Id);
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        Assert.Equal(XpraErrorId.ConnectionRefused, (await FailAsync(_folder["nothing.sock"])).Id);
        _folder.Write("file", []);
        Assert.Equal(XpraErrorId.ConnectionRefused, (await FailAsync(_folder["file"])).Id);
    }

    [Theory]
    [InlineData("", XpraErrorId.ConnectionLost)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Format\":1", XpraErrorId.ConnectionLost)]
    [InlineData("P\0\0\0\0\0\0\x05hello", XpraErrorId.ConnectionLost)] // as an xpra server
    [InlineData("SSH-2.0-OpenSSH_9.6\r\n", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"Format\":2}", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 500 \x1b[2Jowned\r\nContent-Length: 0\r\n\r\n", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", XpraErrorId.NotManagement)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08zz", XpraErrorId.NotManagement)]
    public async Task Something_else_is_an_error_that_says_so(string answer, XpraErrorId id)
    {
        await using var server = new FakeAnswers(null, _ => Encoding.Latin1.GetBytes(answer));
        var error = await FailAsync(server.Address);
        Assert.Equal(id, error.Id);
        AssertSafe(error, server.Address);
        if (OperatingSystem.IsWindows())
            return;
        await using var local = new FakeAnswers(_folder["fake.sock"], _ => Encoding.Latin1.GetBytes(answer));
        error = await FailAsync(local.Address);
        Assert.True(error.Id is XpraErrorId.NotManagement || error.Id == id, $"{error.Id}");
        AssertSafe(error, local.Address);
    }

    /// <summary>It would ask wherever a stranger says.</summary>
    [Fact]
    public async Task It_does_not_go_where_it_is_sent()
    {
        await using var elsewhere = new FakeAnswers(null, _ => Http("200 OK", "{}"));
        await using var server = new FakeAnswers(null, _ => Encoding.ASCII.GetBytes($"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{elsewhere.Address}/\r\nContent-Length: 0\r\n\r\n"));
        Assert.Equal(XpraErrorId.NotManagement, (await FailAsync(server.Address)).Id);
        Assert.Empty(elsewhere.Requests);
    }

    [Fact]
    public async Task Whoever_never_ends_is_cut_off_by_size()
    {
        var endless = new byte[ManagementClient.MaxAnswer + 1024];
        endless.AsSpan().Fill((byte)' ');
        await using var server = new FakeAnswers(null, _ => [.. "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"u8, .. endless]);
        Assert.Equal(XpraErrorId.NotManagement, (await FailAsync(server.Address, Loopback.HelloTimeout)).Id);
        if (!OperatingSystem.IsWindows())
        {
            await using var local = new FakeAnswers(_folder["fake.sock"], _ => endless);
            Assert.Equal(XpraErrorId.NotManagement, (await FailAsync(local.Address, Loopback.HelloTimeout)).Id);
        }
        await using var heads = new FakeAnswers(null, _ => [.. "HTTP/1.1 200 OK\r\n"u8, .. Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 2000).Select(i => $"X-{i}: 1234567890\r\n")))]);
        Assert.Equal(XpraErrorId.NotManagement, (await FailAsync(heads.Address, Loopback.HelloTimeout)).Id);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")]
    public async Task Whoever_is_slow_is_cut_off_by_time(string begin)
    {
        await using var server = new FakeAnswers(null, _ => Encoding.ASCII.GetBytes(begin), dripsAfter: true);
        Assert.Equal(XpraErrorId.HandshakeTimeout, (await FailAsync(server.Address, s_short)).Id);
        if (OperatingSystem.IsWindows())
            return;
        await using var local = new FakeAnswers(_folder["fake.sock"], _ => Encoding.ASCII.GetBytes(begin), dripsAfter: true);
        Assert.Equal(XpraErrorId.HandshakeTimeout, (await FailAsync(local.Address, s_short)).Id);
    }

    [Fact]
    public async Task It_ends_when_it_is_cancelled()
    {
        await using var server = new FakeAnswers(null, _ => [], dripsAfter: true);
        using var client = Client(server.Address);
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetStatusAsync(null, stop.Token).WaitAsync(Loopback.HelloTimeout, CancellationToken.None));
    }

    /// <summary>It sends what the server needs, and nothing about this user.</summary>
    [Fact]
    public async Task Its_question_has_nothing_else_in_it()
    {
        await using var server = new FakeAnswers(null, _ => Http("200 OK", Encoding.UTF8.GetString(ProcessStatus.ReadSums().ToJson())));
        using var client = Client(server.Address);
        await client.GetStatusAsync(7, default);
        var lines = Assert.Single(server.Requests).TrimEnd().Split("\r\n");
        Assert.Equal("GET /status HTTP/1.1", lines[0]);
        Assert.Equal(["Connection", "Host"], lines[1..].Select(line => line.Split(':')[0]).Order(StringComparer.Ordinal));
    }

    private static void AssertSafe(XpraAesException error, string address)
    {
        Assert.Equal(address, error.Target);
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.DoesNotContain("owned", error.Message, StringComparison.Ordinal);
        Assert.NotEqual("", error.RecommendedAction);
    }

    private static ManagementClient Client(string address, TimeSpan? timeout = null) => new(ManagementAddress.ParseOther(address), timeout ?? Loopback.HelloTimeout);

    private static async Task<XpraAesException> FailAsync(string address, TimeSpan? timeout = null)
    {
        using var client = Client(address, timeout);
        return await Assert.ThrowsAsync<XpraAesException>(() => client.GetStatusAsync(null, default));
    }

    private static byte[] Http(string status, string content) => [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\nContent-Length: {Encoding.UTF8.GetByteCount(content)}\r\n\r\n")), .. Encoding.UTF8.GetBytes(content)];

    /// <summary>Answers each request with bytes of any kind, and closes; or goes on with a byte now and then.</summary>
    private sealed class FakeAnswers : IAsyncDisposable
    {
        private readonly Socket _listener;
        private readonly CancellationTokenSource _stopping = new();
        private readonly Task _serving;
        private readonly List<string> _requests = [];

        public FakeAnswers(string? path, Func<string, byte[]> answer, bool dripsAfter = false)
        {
            EndPoint endpoint = path is null ? new IPEndPoint(IPAddress.Loopback, 0) : new UnixDomainSocketEndPoint(path);
            _listener = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
            _listener.Bind(endpoint);
            _listener.Listen();
            Address = path ?? $"{_listener.LocalEndPoint}";
            _serving = Task.Run(() => ServeAsync(answer, dripsAfter));
        }

        public string Address { get; }

        public string[] Requests
        {
            get
            {
                lock (_requests)
                    return [.. _requests];
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _stopping.CancelAsync();
            _listener.Dispose();
            await _serving;
            _stopping.Dispose();
        }

        private async Task ServeAsync(Func<string, byte[]> answer, bool dripsAfter)
        {
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptAsync(_stopping.Token);
                    var buffer = new byte[8192];
                    var length = 0;
                    while (!Encoding.ASCII.GetString(buffer, 0, length).Contains("\r\n\r\n", StringComparison.Ordinal))
                        length += await client.ReceiveAsync(buffer.AsMemory(length), _stopping.Token) is > 0 and var count ? count : throw new IOException("It has gone.");
                    var request = Encoding.ASCII.GetString(buffer, 0, length);
                    lock (_requests)
                        _requests.Add(request);
                    try
                    {
                        await client.SendAsync(answer(request), _stopping.Token);
                        while (dripsAfter)
                        {
                            await Task.Delay(20, _stopping.Token);
                            await client.SendAsync("x"u8.ToArray(), _stopping.Token);
                        }
                        client.Shutdown(SocketShutdown.Send);
                    }
                    catch (SocketException)
                    {
                        // It has had enough.
                    }
                }
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException or IOException)
            {
                // The test has ended.
            }
        }
    }
}
