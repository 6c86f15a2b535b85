using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Listening;
using XpraAes.Management;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Management;

/// <summary>/status, for everyone who gets there, and the sessions, for the user of the process alone.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class StatusPageTests : IDisposable
{
    private const string User = "ada-the-user", Haproxy = "/usr/sbin/haproxy", Setpriv = "/usr/bin/setpriv", Python = "/usr/bin/python3";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task By_TCP_it_has_sums_and_nobodys_name()
    {
        await using var rig = new ManagementRig();
        await using var connection = await ConnectAsync(rig);
        var answer = await rig.GetAsync("/status");
        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Type: application/json\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nCross-Origin-Resource-Policy: same-origin\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nCache-Control: no-store\r\n", answer, StringComparison.Ordinal);
        AssertNoNames(answer, rig);

        using var status = JsonDocument.Parse(Body(answer));
        Assert.Equal(1, status.RootElement.GetProperty("Format").GetInt32());
        Assert.Equal(JsonValueKind.Null, status.RootElement.GetProperty("Sessions").ValueKind);
        var listener = Assert.Single(status.RootElement.GetProperty("Listeners").EnumerateArray(), listener => listener.GetProperty("Id").GetInt32() == rig.Gateway.Listener.Id);
        Assert.Equal((1, "listening", rig.Gateway.Listener.Port), (listener.GetProperty("Sessions").GetInt32(), listener.GetProperty("State").GetString(), listener.GetProperty("Port").GetInt32()));
        Assert.True(listener.GetProperty("BytesIn").GetInt64() > 0);
    }

    /// <summary>Whatever asks for them: over TCP it may be another user, another machine, or a web page.</summary>
    [Theory]
    [InlineData("XPRA-AES/1 sessions\r\n\r\n", 403)]
    [InlineData("XPRA-AES/1 sessions 1\r\n\r\n", 403)]
    [InlineData("XPRA-AES/1 sessions HTTP/1.1\r\nHost: localhost\r\n\r\n", 400)]
    [InlineData("GET XPRA-AES/1 sessions\r\n\r\n", 400)]
    [InlineData("GET /sessions\r\n\r\n", 400)]
    [InlineData("GET /sessions HTTP/1.1\r\nHost: localhost\r\n\r\n", 404)]
    public async Task By_TCP_sessions_are_told_to_nobody(string request, int status)
    {
        await using var rig = new ManagementRig();
        await using var connection = await ConnectAsync(rig);
        var answer = await rig.AskAsync(request);
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        AssertNoNames(answer, rig);
    }

    /// <summary>Everything that can be asked for by HTTP names nobody, over TCP and over the Unix socket.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_page_names_anybody(bool isUnix)
    {
        Assert.SkipWhen(isUnix && OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        await using var rig = new ManagementRig(isUnix ? $"unix://{_folder["m.sock"]}" : "127.0.0.1:0");
        await using var connection = await ConnectAsync(rig);
        foreach (var path in new[] { "/", "/healthz", "/readyz", "/metrics", "/status", "/sessions", "/status?session=1", "/status/../sessions", "XPRA-AES/1 sessions", "/XPRA-AES/1 sessions" })
        {
            foreach (var method in new[] { "GET", "HEAD", "XPRA-AES/1", "sessions" })
                AssertNoNames(await rig.AskAsync($"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\nXPRA-AES/1 sessions\r\n\r\n"), rig);
        }
    }

    [Fact]
    public async Task The_sums_are_read_once_a_second_whoever_asks()
    {
        await using var rig = new ManagementRig();
        var bodies = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ => Body(await rig.GetAsync("/status"))));
        Assert.InRange(bodies.Distinct().Count(), 1, 2);
    }

    [Fact]
    public async Task Over_its_Unix_socket_the_user_of_the_process_sees_all_sessions()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        await using var rig = new ManagementRig($"unix://{_folder["m.sock"]}");
        await using var connection = await ConnectAsync(rig);
        var served = rig.Gateway.Listener.Connections[0];
        using var status = JsonDocument.Parse(await AskSessionsAsync(rig.Address));
        var session = Assert.Single(status.RootElement.GetProperty("Sessions").EnumerateArray(), session => session.GetProperty("Id").GetInt32() == served.Id);
        Assert.Equal((served.Peer, User, "AES-CTR", "tcp", "open"),
            (session.GetProperty("Peer").GetString(), session.GetProperty("UserName").GetString(), session.GetProperty("SendCipher").GetString(), session.GetProperty("Transport").GetString(), session.GetProperty("State").GetString()));
        Assert.Contains($":{rig.Gateway.Target.Endpoint.Port}", session.GetProperty("Target").GetString()!, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, session.GetProperty("Ciphers").ValueKind);

        // Only the one that is asked for has its ciphers: those of both legs.
        using var detailed = JsonDocument.Parse(await AskSessionsAsync(rig.Address, $" {served.Id}"));
        foreach (var one in detailed.RootElement.GetProperty("Sessions").EnumerateArray())
        {
            var ciphers = one.GetProperty("Ciphers");
            Assert.Equal(one.GetProperty("Id").GetInt32() == served.Id ? 4 : 0, ciphers.ValueKind == JsonValueKind.Null ? 0 : ciphers.GetArrayLength());
        }
        var cipher = detailed.RootElement.GetProperty("Sessions").EnumerateArray().Single(one => one.GetProperty("Id").GetInt32() == served.Id).GetProperty("Ciphers")[0];
        Assert.Equal(typeof(CipherInfo).GetProperties().Select(property => property.Name).Order(StringComparer.Ordinal), cipher.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal));
        Assert.Equal("CTR", cipher.GetProperty("Mode").GetString());
        Assert.DoesNotContain(rig.Gateway.Key.ToString(), detailed.RootElement.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("a key for the clients", detailed.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    /// <summary>Only that line, so that nothing else becomes it on the way.</summary>
    [Theory]
    [InlineData("XPRA-AES/1 sessions x", "", 400)]
    [InlineData("XPRA-AES/1 sessions  7", "", 400)]
    [InlineData("XPRA-AES/1 sessions -7", "", 400)]
    [InlineData("XPRA-AES/1 sessions7", "", 400)]
    [InlineData("XPRA-AES/1 sessions 99999999999", "", 400)]
    [InlineData("XPRA-AES/1 sessions", "Host: localhost\r\n", 400)]
    [InlineData("xpra-aes/1 sessions", "", 400)]
    [InlineData("XPRA-AES/2 sessions", "", 400)]
    public async Task Another_line_is_none_that_asks_for_sessions(string line, string fields, int status)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        await using var rig = new ManagementRig($"unix://{_folder["m.sock"]}");
        await using var connection = await ConnectAsync(rig);
        var answer = await rig.AskAsync($"{line}\r\n{fields}\r\n");
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        AssertNoNames(answer, rig);
    }

    /// <summary>A client that knows what is asked for, behind the proxy that docs/observability.md mentions.</summary>
    [Fact]
    public async Task HAProxy_does_not_open_the_sessions_to_its_clients()
    {
        Assert.SkipUnless(File.Exists(Haproxy), "There is no HAProxy here.");
        await using var rig = new ManagementRig($"unix://{_folder["m.sock"]}");
        await using var connection = await ConnectAsync(rig);
        var front = _folder["front.sock"];
        await File.WriteAllTextAsync(_folder["haproxy.cfg"], $"""
            defaults
                mode http
                timeout connect 5s
                timeout client 2s
                timeout server 2s
            frontend all
                bind unix@{front}
                default_backend management
            backend management
                server one unix@{_folder["m.sock"]}

            """, TestContext.Current.CancellationToken);
        using var haproxy = Process.Start(new ProcessStartInfo(Haproxy, ["-db", "-f", _folder["haproxy.cfg"]]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        try
        {
            await Loopback.Eventually(() => File.Exists(front) || haproxy.HasExited);
            Assert.False(haproxy.HasExited, haproxy.HasExited ? await haproxy.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken) : "");
            Assert.StartsWith("HTTP/1.1 200 ", await ManagementRig.AskAsync(front, "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
            const string Hidden = "XPRA-AES/1 sessions\r\n\r\n";
            string[] requests =
            [
                Hidden,
                $"POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: {Hidden.Length}\r\n\r\n{Hidden}",
                $"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{Hidden}",
                $"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n{Hidden}",
                $"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n{Hidden}",
                $"GET /status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Hidden}",
                "GET /%0d%0aXPRA-AES/1%20sessions%0d%0a%0d%0a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            ];
            foreach (var request in requests)
            {
                using var socket = await ManagementRig.ConnectAsync(front);
                await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(request));
                AssertNoNames(await ManagementRig.ReadAsync(socket), rig);
            }
        }
        finally
        {
            haproxy.Kill();
            await haproxy.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Somebody opens the socket to another user, such as the one that collects metrics: that user gets those, and not the sessions.</summary>
    [Fact]
    public async Task Another_user_who_may_use_the_socket_sees_sums_alone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && UnixFile.User == 0 && File.Exists(Setpriv) && File.Exists(Python), "Only root can be another user; setpriv and Python are needed.");
        await using var rig = new ManagementRig($"unix://{_folder["m.sock"]}");
        await using var connection = await ConnectAsync(rig);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.Root, (UnixFileMode)Convert.ToInt32("711", 8));
            File.SetUnixFileMode(_folder["m.sock"], (UnixFileMode)Convert.ToInt32("666", 8));
        }
        async Task<string> AskAsync(int user, string request)
        {
            const string Script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ns.sendall(sys.argv[2].encode())\nwhile d:=s.recv(65536): sys.stdout.buffer.write(d)";
            using var python = Process.Start(new ProcessStartInfo(Setpriv, [$"--reuid={user}", $"--regid={user}", "--clear-groups", Python, "-c", Script, rig.Address, request]) { RedirectStandardOutput = true })!;
            var answer = await python.StandardOutput.ReadToEndAsync();
            await python.WaitForExitAsync();
            return answer;
        }
        const string Sessions = "XPRA-AES/1 sessions\r\n\r\n";
        Assert.StartsWith("HTTP/1.1 200 ", await AskAsync(65534, "GET /status HTTP/1.0\r\n\r\n"), StringComparison.Ordinal);
        var refused = await AskAsync(65534, Sessions);
        Assert.StartsWith("HTTP/1.1 403 ", refused, StringComparison.Ordinal);
        AssertNoNames(refused, rig);
        Assert.Contains(User, await AskAsync(0, Sessions), StringComparison.Ordinal);
    }

    /// <summary>What peers call themselves must not make the page anything else than JSON.</summary>
    [Theory]
    [InlineData("\"},{\"Id\":1")]
    [InlineData("\ud800 and \udc00")]
    [InlineData("</script>\0\e[2J\u202e")]
    public void Hostile_names_stay_texts(string name)
    {
        var status = ProcessStatus.ReadSums() with { Sessions = [new SessionStatus { Id = 7, Peer = name, UserName = name, Route = name }] };
        var session = Assert.Single(StatusReader.Read(status.ToJson())!.Sessions!);
        Assert.Equal(name.Replace('\ud800', '\ufffd').Replace('\udc00', '\ufffd'), session.UserName);
        Assert.DoesNotContain('<', System.Text.Encoding.UTF8.GetString(status.ToJson()));
    }

    private static string Body(string answer) => answer[Math.Min(answer.Length, answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    private static Task<string> AskSessionsAsync(string address, string detailed = "") => ManagementRig.AskAsync(address, $"{ManagementPages.SessionsRequest}{detailed}\r\n\r\n");

    /// <summary>A session through the gateway, whose client has a name.</summary>
    private static async Task<IAsyncDisposable> ConnectAsync(ManagementRig rig)
    {
        var client = await rig.Gateway.ConnectAsync();
        await client.SendHelloAsync(("username", User));
        var target = await rig.Gateway.Target.AcceptAsync();
        rig.Gateway.Own(target);
        var peer = await client.EstablishAsync();
        await peer.SendAsync("ping", 1L);
        await Rig.UntilAsync(() => rig.Gateway.Listener.Connections is [{ KeyProven: true }, ..]);
        return peer;
    }

    private static void AssertNoNames(string answer, ManagementRig rig)
    {
        var session = rig.Gateway.Listener.Connections[0];
        string[] names =
        [
            session.Peer, "127.0.0.1", User, session.Target!.ToString(), rig.Gateway.Listener.KeyFingerprint!, "a key for the clients", session.Salt!, "Inbound",
        ];
        Assert.All(names, name => Assert.DoesNotContain(name, answer, StringComparison.OrdinalIgnoreCase));
        // Not as part of another number.
        foreach (var port in new[] { session.Peer[(session.Peer.LastIndexOf(':') + 1)..], rig.Gateway.Target.Endpoint.Port.ToString(CultureInfo.InvariantCulture) })
            Assert.DoesNotMatch($@":{port}\b", answer);
    }
}
