using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Interop;

/// <summary>A real client and a real server with the gateway between them.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class RealGatewayTests(RealXpra xpra) : IClassFixture<RealXpra>
{
    private const int Background = 0x204080;

    [Fact]
    public async Task Its_client_gets_its_servers_information_through_AES_on_both_legs_under_two_keys()
    {
        xpra.Require();
        using var key = XpraKey.Generate();
        await using var gateway = AesListener.Start(new ListenerOptions
        {
            Modes = Enum.GetValues<AesMode>(),
            AllowRequests = ["info"],
            Key = key,
            Target = new TargetOptions { Endpoint = xpra.ServerOptions.Endpoint, Keys = [xpra.Key] },
        });
        await using var client = xpra.StartClient("info", gateway.Port, key);
        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Contains($"server.build.version={RealXpra.Version}", client.Output, StringComparison.Ordinal);
        Assert.Equal((1, 0), (gateway.Accepted, gateway.Rejected));
    }

    /// <summary>Two servers behind one address. The name is in the client's URI; without a password for the listener, any answer to its challenge will do.</summary>
    [Theory]
    [InlineData("ada:x@", "first", 0)]
    [InlineData("ada:x@", "second", 1)]
    [InlineData("ada:x@", "100", 1)]
    [InlineData("bob:x@", "any", 0)]
    [InlineData("ada:x@", "other", null)]
    public async Task Its_client_gets_the_session_that_its_uri_names(string user, string session, int? expected)
    {
        xpra.Require();
        using var key = XpraKey.Generate();
        await using var second = new TestTarget();
        TargetOptions[] targets = [new TargetOptions { Endpoint = xpra.ServerOptions.Endpoint, Keys = [xpra.Key] }, second.Options()];
        await using var gateway = AesListener.Start(new ListenerOptions
        {
            Key = key,
            Limits = Limits.Default with { AuthenticationDelay = TimeSpan.Zero },
            Routes =
            [
                new RouteOptions { Name = "first", Targets = [targets[0]] },
                new RouteOptions { Name = "second", Targets = [targets[1]] },
                new RouteOptions { Name = ":100", Targets = [targets[1]] },
                new RouteOptions { Name = "bob/*", Targets = [targets[0]] },
            ],
        });
        await using var client = xpra.StartClient("tcp", "info", gateway.Port, key, encryptFirstPacket: false, user: user, session: session);
        if (expected == 1)
        {
            var (peer, _, hello) = await second.AcceptHelloAsync();
            await using (peer)
                Assert.Equal(("ada", "info"), (hello.PeerHello.GetString("username"), hello.Request));
            return;
        }
        if (expected is null)
        {
            Assert.NotEqual(0, await client.WaitForExitAsync());
            Assert.Contains("no such session here", client.Output, StringComparison.Ordinal);
            Assert.Equal(1, gateway.Refusals[XpraErrorId.SessionUnknown]);
            return;
        }
        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Contains($"server.build.version={RealXpra.Version}", client.Output, StringComparison.Ordinal);
        Assert.Equal((1, 0), (gateway.Accepted, gateway.Rejected));
        Assert.Equal(0, second.Connects);
    }

    /// <summary>A 3.1 server takes the request for a session and ends on a packet, which its client cannot send to it through a gateway.</summary>
    [Theory]
    [InlineData("stop", "Shutting down in response to client request", false)]
    [InlineData("exit", "Exiting in response to client request", false)]
    [InlineData("stop", "Shutting down in response to client request", true)]
    public async Task Its_client_ends_its_server_where_that_is_allowed(string request, string said, bool byPassword)
    {
        xpra.Require();
        using var password = byPassword ? SecretBuffer.FromUtf8("the password") : null;
        var (server, port) = await xpra.StartServerAsync();
        await using var closingServer = server;
        using var display = server.FindChild("Xvfb");
        await using var gateway = AesListener.Start(new ListenerOptions
        {
            AllowRequests = byPassword ? [] : [request],
            Password = password,
            Key = xpra.Key,
            Target = new TargetOptions { Endpoint = xpra.OptionsFor(port).Endpoint, Keys = [xpra.Key] },
        });
        await using var client = xpra.StartClient(request, gateway.Port, more: byPassword ? [$"--password-file={xpra.WriteFile("password", "the password")}"] : []);
        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Contains(request == "stop" ? "server shutdown" : "server exit", client.Output, StringComparison.Ordinal);
        await server.WaitForAsync(said);
        await Loopback.Eventually(() => server.HasExited);
        Assert.Equal((1, 0), (gateway.Accepted, gateway.Rejected));
        if (request == "exit")
            Assert.False(display.HasExited); // and so the session's programs go on
        display.Kill();
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("exit")]
    [InlineData("detach")]
    public async Task Its_client_shows_a_refusal_and_fails(string request)
    {
        xpra.Require();
        await using var gateway = AesListener.Start(new ListenerOptions
        {
            Key = xpra.Key,
            Target = new TargetOptions { Endpoint = xpra.ServerOptions.Endpoint, Keys = [xpra.Key] },
        });
        await using var client = xpra.StartClient(request, gateway.Port);
        Assert.NotEqual(0, await client.WaitForExitAsync());
        Assert.Contains(RequestPolicy.NotForwarded, client.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Sent shutdown command", client.Output, StringComparison.Ordinal);
        Assert.Equal(1, gateway.Refusals[XpraErrorId.RequestRefused]);
    }

    [Fact]
    public async Task Its_client_gets_its_servers_screenshot()
    {
        xpra.Require();
        await using var gateway = AesListener.Start(new ListenerOptions
        {
            AllowRequests = ["screenshot"],
            Key = xpra.Key,
            Target = new TargetOptions { Endpoint = xpra.ServerOptions.Endpoint, Keys = [xpra.Key] },
        });
        await using var client = xpra.StartClient("screenshot", gateway.Port, arguments: [Path.Combine(xpra.Folder, "shot.png")]);
        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Contains("screenshot is empty", client.Output, StringComparison.Ordinal); // its session has no windows
    }

    [Fact]
    public async Task A_graphical_session_shows_its_picture_accepts_keys_and_ends_with_a_disconnect()
    {
        xpra.Require();
        await RealXpra.RequireGraphicsAsync();
        RealXpra.RequireProgram("xterm", "xterm");
        RealXpra.RequireProgram("xdotool", "xdotool");
        var (server, socket) = await xpra.StartClearServerAsync($"xterm -T INTEROP -geometry 80x24+0+0 -bg #{Background:x6} -fg white -cr white -e sh");
        await using var closingServer = server;
        await using var display = await xpra.StartDisplayAsync();
        await using var gateway = AesListener.Start(new ListenerOptions
        {
            Modes = Enum.GetValues<AesMode>(),
            AllowRequests = ["info"],
            Key = xpra.Key,
            Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Unix, "", 0, socket) },
        });
        await using var client = xpra.Attach(gateway.Port, display.Name);

        var window = await display.WaitForWindowAsync("INTEROP", client).WaitAsync(Loopback.HelloTimeout);
        // All of the window is its background, but for the prompt and the cursor in the first line.
        await SeeAsync(() => CountBackground(display) > 470 * 280);
        await display.FocusAsync(window);
        await Task.Delay(TimeSpan.FromSeconds(1)); // the focus has to get there
        var typed = Path.Combine(xpra.Folder, "typed");
        await display.TypeAsync($"seq 5 > {typed}; seq 40\n");
        await SeeAsync(() => File.Exists(typed) && File.ReadAllText(typed) == "1\n2\n3\n4\n5\n");
        // And all lines have got text.
        await SeeAsync(() => RowsWithText(display) > 22 * 5);

        var session = Assert.Single(gateway.Connections);
        Assert.Equal((true, ConnectionState.Open, RealXpra.Version), (session.KeyProven, session.State, session.PeerVersion));
        var rows = session.GetCipherInfo();
        Assert.Equal(["AES", "AES", "none", "none"], rows.Select(row => row.Cipher));
        Assert.Equal([CipherDirection.Send, CipherDirection.Receive, CipherDirection.Send, CipherDirection.Receive], rows.Select(row => row.Direction));
        Assert.All(rows.Take(2), row => Assert.Equal((AesMode.CBC, 256, 32, xpra.Key.Fingerprint), (row.Mode, row.KeySize, row.BlockSize, row.KeyFingerprint)));
        Assert.All(rows.Skip(2), row => Assert.Equal((socket, RealXpra.Version, (string?)null), (row.Peer, row.PeerVersion, row.KeyFingerprint)));

        await gateway.StopAsync(Loopback.HelloTimeout);
        await client.WaitForExitAsync();
        Assert.Contains("server exit", client.Output, StringComparison.Ordinal);
        await server.WaitForAsync("client request");

        // The output of the two programs shows why there is nothing to see.
        Task SeeAsync(Func<bool> condition)
            => Loopback.Eventually(condition, state: () => $"The client:\n{client.Output}\nThe server:\n{server.Output}");
    }

    private static int CountBackground(XDisplay display) => display.TakePicture().Sum(row => row.Count(IsBackground));

    private static int RowsWithText(XDisplay display)
        => display.TakePicture().Count(row => row.Any(IsBackground) && row.Any(pixel => (pixel & 0xff) > 0xc0 && pixel >> 16 > 0xc0));

    // A lossy encoding may be off by a little.
    private static bool IsBackground(int pixel) => Enumerable.Range(0, 3).All(i => Math.Abs((pixel >> 8 * i & 0xff) - (Background >> 8 * i & 0xff)) <= 8);
}
