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

/// <summary>/status, for everyone who gets there, and /sessions, for the user of the process alone.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class StatusPageTests : IDisposable
{
    private const string Direct = "Connection: close, xpra-aes-direct\r\n", User = "ada-the-user", Haproxy = "/usr/sbin/haproxy", Setpriv = "/usr/bin/setpriv", Curl = "/usr/bin/curl";

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

    /// <summary>Whatever is said about who asks: over TCP that cannot be known, and it may be another user, another machine, or a web page.</summary>
    [Theory]
    [InlineData("Host: localhost\r\n")]
    [InlineData("Host: localhost\r\n" + Direct)]
    [InlineData("Host: 127.0.0.1\r\n" + Direct + "Origin: http://localhost\r\n")]
    [InlineData("Host: [::1]\r\n" + Direct + "X-Forwarded-For: 127.0.0.1\r\n")]
    public async Task By_TCP_sessions_are_told_to_nobody(string fields)
    {
        await using var rig = new ManagementRig();
        await using var connection = await ConnectAsync(rig);
        foreach (var path in new[] { "/sessions", $"/sessions?session={rig.Gateway.Listener.Connections[0].Id}" })
        {
            var answer = await rig.AskAsync($"GET {path} HTTP/1.1\r\n{fields}\r\n");
            Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
            AssertNoNames(answer, rig);
        }
    }

    /// <summary>Everything that can be asked for, over TCP, names nobody.</summary>
    [Fact]
    public async Task No_page_over_TCP_names_anybody()
    {
        await using var rig = new ManagementRig();
        await using var connection = await ConnectAsync(rig);
        foreach (var path in new[] { "/", "/healthz", "/readyz", "/metrics", "/status", "/sessions", "/status?session=1", "/sessions/", "//sessions", "/Sessions", "/status/../sessions" })
            AssertNoNames(await rig.AskAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\n{Direct}\r\n"), rig);
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
        using var status = JsonDocument.Parse(Body(await AskSessionsAsync(rig, Direct)));
        var session = Assert.Single(status.RootElement.GetProperty("Sessions").EnumerateArray(), session => session.GetProperty("Id").GetInt32() == served.Id);
        Assert.Equal((served.Peer, User, "AES-CTR", "tcp", "open"),
            (session.GetProperty("Peer").GetString(), session.GetProperty("UserName").GetString(), session.GetProperty("SendCipher").GetString(), session.GetProperty("Transport").GetString(), session.GetProperty("State").GetString()));
        Assert.Contains($":{rig.Gateway.Target.Endpoint.Port}", session.GetProperty("Target").GetString()!, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, session.GetProperty("Ciphers").ValueKind);

        // Only the one that is asked for has its ciphers: those of both legs.
        using var detailed = JsonDocument.Parse(Body(await AskSessionsAsync(rig, Direct, $"?session={served.Id}")));
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

    /// <summary>A proxy of this user's connects as this user does, for whoever reaches it.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("Connection: close\r\n")]
    [InlineData("Connection: keep-alive\r\nxpra-aes-direct: 1\r\n")]
    [InlineData(Direct + "X-Forwarded-For: 192.0.2.7\r\n")]
    [InlineData(Direct + "Forwarded: for=192.0.2.7\r\n")]
    [InlineData(Direct + "via: 1.1 proxy\r\n")]
    [InlineData(Direct + "X-Real-IP: 192.0.2.7\r\n")]
    public async Task What_a_proxy_passes_on_is_not_answered(string fields)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        await using var rig = new ManagementRig($"unix://{_folder["m.sock"]}");
        await using var connection = await ConnectAsync(rig);
        var answer = await AskSessionsAsync(rig, fields);
        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
        Assert.Contains("xpra-aes-direct", answer, StringComparison.Ordinal);
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
                timeout client 30s
                timeout server 30s
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
            foreach (var fields in new[] { Direct, "Connection: xpra-aes-direct\r\n", "Connection: xpra-aes-direct, Upgrade\r\nUpgrade: websocket\r\n", "Connection: keep-alive\r\nConnection: xpra-aes-direct, close\r\n" })
            {
                var answer = await ManagementRig.AskAsync(front, $"GET /sessions HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
                Assert.DoesNotContain("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
                AssertNoNames(answer, rig);
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
        Assert.SkipUnless(OperatingSystem.IsLinux() && UnixFile.User == 0 && File.Exists(Setpriv) && File.Exists(Curl), "Only root can be another user; setpriv and curl are needed.");
        await using var rig = new ManagementRig($"unix://{_folder["m.sock"]}");
        await using var connection = await ConnectAsync(rig);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.Root, (UnixFileMode)Convert.ToInt32("711", 8));
            File.SetUnixFileMode(_folder["m.sock"], (UnixFileMode)Convert.ToInt32("666", 8));
        }
        async Task<string> AskAsync(int user, string path)
        {
            using var curl = Process.Start(new ProcessStartInfo(Setpriv, [$"--reuid={user}", $"--regid={user}", "--clear-groups", Curl, "-s", "-i", "--unix-socket", rig.Address, "-H", "Connection: close, xpra-aes-direct", $"http://localhost{path}"]) { RedirectStandardOutput = true })!;
            var answer = await curl.StandardOutput.ReadToEndAsync();
            await curl.WaitForExitAsync();
            return answer;
        }
        Assert.StartsWith("HTTP/1.1 200 ", await AskAsync(65534, "/status"), StringComparison.Ordinal);
        var refused = await AskAsync(65534, "/sessions");
        Assert.StartsWith("HTTP/1.1 403 ", refused, StringComparison.Ordinal);
        AssertNoNames(refused, rig);
        Assert.Contains(User, await AskAsync(0, "/sessions"), StringComparison.Ordinal);
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

    private static string Body(string answer) => answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    private static Task<string> AskSessionsAsync(ManagementRig rig, string fields, string query = "") => rig.AskAsync($"GET /sessions{query} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");

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
            session.Peer, "127.0.0.1", User, session.Target!, rig.Gateway.Listener.KeyFingerprint!, "a key for the clients", session.Salt!, "Inbound",
        ];
        Assert.All(names, name => Assert.DoesNotContain(name, Body(answer), StringComparison.OrdinalIgnoreCase));
        // Not as part of another number.
        foreach (var port in new[] { session.Peer[(session.Peer.LastIndexOf(':') + 1)..], rig.Gateway.Target.Endpoint.Port.ToString(CultureInfo.InvariantCulture) })
            Assert.DoesNotMatch($@":{port}\b", Body(answer));
    }
}
