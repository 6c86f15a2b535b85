using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Interop;

/// <summary>A person with a browser: one address, https, the client of xpra's own package, a real server, AES inside.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class BrowserTests(RealXpra xpra) : IClassFixture<RealXpra>, IDisposable
{
    private const int Background = 0x204080;
    private const int WindowPixels = 80_000; // of the xterm's 480 by 300

    private readonly X509Certificate2 _certificate = TestCertificates.Create("localhost");
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _certificate.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_session_is_drawn_and_takes_keys()
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync();
        await using var closing = server;
        await using var gateway = StartGateway(socket);
        await using var browser = await Browser.StartAsync(_certificate);
        await browser.OpenAsync("a", gateway.BrowserUri!, $"{xpra.Key}");
        var (x, y) = await browser.SeeAsync("a", Background, WindowPixels);

        var typed = Path.Combine(xpra.Folder, Path.GetRandomFileName());
        await browser.RunAsync("clickAt", new { page = "a", x, y });
        await browser.RunAsync("type", new { page = "a", text = $"seq 5 > {typed}" });
        await browser.RunAsync("press", new { page = "a", text = "Enter" });
        await Loopback.Eventually(() => File.Exists(typed) && File.ReadAllText(typed) == "1\n2\n3\n4\n5\n");

        var session = Assert.Single(gateway.Connections);
        Assert.StartsWith("wss://", session.Endpoint, StringComparison.Ordinal);
        Assert.True(session.KeyProven);
        Assert.All(session.GetCipherInfo().Take(2), row => Assert.Equal(("AES", "TLS 1.3", xpra.Key.Fingerprint), (row.Cipher, row.Tls, row.KeyFingerprint)));
        // The key is not in the address, which the browser's history keeps.
        Assert.DoesNotContain($"{xpra.Key}", (await browser.RunAsync("url", new { page = "a" })).GetString()!, StringComparison.Ordinal);
        Assert.DoesNotContain("Content Security Policy", (await browser.RunAsync("said", new { page = "a" })).GetString()!, StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable("XPRA_AES_PICTURE") is { Length: > 0 } picture)
            await browser.RunAsync("picture", new { page = "a", path = picture });
    }

    [Fact]
    public async Task A_wrong_key_is_said_to_be_wrong_within_5_seconds()
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync();
        await using var closing = server;
        await using var gateway = StartGateway(socket);
        await using var browser = await Browser.StartAsync(_certificate);
        using var other = XpraKey.Generate();
        await browser.OpenAsync("a", gateway.BrowserUri!, $"{other}");
        var start = Stopwatch.GetTimestamp();
        var status = "";
        while (!status.Contains("Wrong key", StringComparison.Ordinal))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(5), status);
            status = await browser.TextAsync("a", "#status");
        }
        // The right one then works on the same page, and is taken without the newline that copying brings along.
        await browser.RunAsync("fill", new { page = "a", selector = "#key", text = $" {xpra.Key}" });
        await browser.RunAsync("click", new { page = "a", selector = "#connect" });
        await browser.SeeAsync("a", Background, WindowPixels);
    }

    [Fact]
    public async Task A_password_is_taken_and_a_wrong_one_is_not()
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync();
        await using var closing = server;
        using var password = new SecretBuffer("the password"u8);
        await using var gateway = StartGateway(socket, options => options with { Password = password });
        await using var browser = await Browser.StartAsync(_certificate);
        foreach (var (page, text) in new[] { ("wrong", "another"), ("right", "the password") })
        {
            await browser.RunAsync("open", new { page, url = gateway.BrowserUri });
            await browser.RunAsync("fill", new { page, selector = "#key", text = $"{xpra.Key}" });
            await browser.RunAsync("click", new { page, selector = "summary" });
            await browser.RunAsync("fill", new { page, selector = "#password", text });
            await browser.RunAsync("click", new { page, selector = "#connect" });
            if (page == "wrong")
                await Loopback.Eventually(() => gateway.Refusals.GetValueOrDefault(XpraErrorId.AuthenticationFailed) >= 1);
        }
        await browser.SeeAsync("right", Background, WindowPixels);
    }

    /// <summary>A link names the session, and any password will do where the listener has none.</summary>
    [Theory]
    [InlineData("?session=my%20mail", "")]
    [InlineData("", "my mail")]
    public async Task It_gets_the_session_that_is_named(string link, string typed)
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync();
        await using var closing = server;
        await using var gateway = StartGateway(socket, options => options with { Target = null, Routes = [new RouteOptions { Name = "my mail", Targets = [options.Target!] }] });
        await using var browser = await Browser.StartAsync(_certificate);
        await browser.RunAsync("open", new { page = "a", url = gateway.BrowserUri + link });
        await browser.RunAsync("fill", new { page = "a", selector = "#key", text = $"{xpra.Key}" });
        await browser.RunAsync("click", new { page = "a", selector = "summary" });
        if (typed.Length > 0)
            await browser.RunAsync("fill", new { page = "a", selector = "#session", text = typed });
        await browser.RunAsync("fill", new { page = "a", selector = "#password", text = "any" });
        await browser.RunAsync("click", new { page = "a", selector = "#connect" });
        await browser.SeeAsync("a", Background, WindowPixels);
        Assert.Equal("my mail", Assert.Single(gateway.Connections).Route);
    }

    [Fact]
    public async Task The_clipboard_goes_both_ways()
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync(" -xrm XTerm*selectToClipboard:true -xrm XTerm*allowWindowOps:true");
        await using var closing = server;
        await using var gateway = StartGateway(socket);
        await using var browser = await Browser.StartAsync(_certificate);
        await browser.OpenAsync("a", gateway.BrowserUri!, $"{xpra.Key}");
        var (x, y) = await browser.SeeAsync("a", Background, WindowPixels);
        await browser.RunAsync("clickAt", new { page = "a", x, y });

        // The xterm's escape sequence for its clipboard, OSC 52.
        await browser.RunAsync("type", new { page = "a", text = $"printf '\\033]52;c;{Convert.ToBase64String("from the session"u8)}\\007'" });
        await browser.RunAsync("press", new { page = "a", text = "Enter" });
        await EventuallyAsync(async () => (await browser.RunAsync("evaluate", new { page = "a", text = "navigator.clipboard.readText()" })).GetString() == "from the session");

        var pasted = Path.Combine(xpra.Folder, Path.GetRandomFileName());
        await browser.RunAsync("evaluate", new { page = "a", text = $"navigator.clipboard.writeText('echo from the browser > {pasted}\\n')" });
        // The client looks at the browser's clipboard at every click, and sends it a little later.
        await browser.RunAsync("clickAt", new { page = "a", x, y });
        await EventuallyAsync(async () =>
        {
            await browser.RunAsync("clickAt", new { page = "a", x, y, button = "middle" });
            await Task.Delay(500);
            return File.Exists(pasted) && File.ReadAllText(pasted) == "from the browser\n";
        });
    }

    [Fact]
    public async Task Two_browsers_share_a_session()
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync("", "--sharing=yes");
        await using var closing = server;
        await using var gateway = StartGateway(socket);
        await using var first = await Browser.StartAsync(_certificate);
        await using var second = await Browser.StartAsync(_certificate);
        foreach (var (browser, name) in new[] { (first, "a"), (second, "b") })
        {
            await browser.OpenAsync(name, $"{gateway.BrowserUri}?sharing=true", $"{xpra.Key}");
            await browser.SeeAsync(name, Background, WindowPixels);
        }
        foreach (var (browser, name) in new[] { (first, "a"), (second, "b") })
        {
            var typed = Path.Combine(xpra.Folder, Path.GetRandomFileName());
            var (x, y) = await browser.SeeAsync(name, Background, WindowPixels);
            await browser.RunAsync("clickAt", new { page = name, x, y });
            await browser.RunAsync("type", new { page = name, text = $"seq 3 > {typed}" });
            await browser.RunAsync("press", new { page = name, text = "Enter" });
            await Loopback.Eventually(() => File.Exists(typed) && File.ReadAllText(typed) == "1\n2\n3\n");
        }
        Assert.Equal(2, gateway.Connections.Count);
        Assert.All(gateway.Connections, session => Assert.True(session.KeyProven));
    }

    [Fact]
    public async Task Twenty_megabytes_of_pictures_come_without_a_stall()
    {
        const int Amount = 20_000_000;
        await RequireAsync();
        var stop = Path.Combine(xpra.Folder, Path.GetRandomFileName());
        var program = xpra.WriteFile("noise.py", $"""
            import os, gi
            gi.require_version("Gtk", "3.0")
            from gi.repository import Gtk, GdkPixbuf, GLib

            image = Gtk.Image()

            def paint():
                done = os.path.exists("{stop}")
                data = bytes.fromhex("{Background:x6}") * (480 * 300) if done else os.urandom(480 * 300 * 3)
                image.set_from_pixbuf(GdkPixbuf.Pixbuf.new_from_bytes(GLib.Bytes.new(data), GdkPixbuf.Colorspace.RGB, False, 8, 480, 300, 480 * 3))
                return not done

            paint()
            window = Gtk.Window()
            window.add(image)
            window.show_all()
            GLib.timeout_add(40, paint)
            Gtk.main()
            """);
        var (server, socket) = await xpra.StartClearServerAsync($"/usr/bin/python3 {program}");
        await using var closing = server;
        await using var gateway = StartGateway(socket);
        await using var browser = await Browser.StartAsync(_certificate);
        await browser.OpenAsync("a", $"{gateway.BrowserUri}?encoding=png", $"{xpra.Key}");
        // A stall is silence for as long as a client may take for its hello.
        for (long before = 0; gateway.BytesOut < Amount; before = gateway.BytesOut)
            await Loopback.Eventually(() => gateway.BytesOut > before + 100_000 || gateway.BytesOut >= Amount, state: () => $"{gateway.BytesOut} bytes");
        // What was sent last is shown soon after.
        File.WriteAllText(stop, "");
        await browser.SeeAsync("a", Background, WindowPixels);
        Assert.Equal(ConnectionState.Open, Assert.Single(gateway.Connections).State);
    }

    /// <summary>3.1's client goes to its connection page when it is told that the server exits. Ours is in its place, says why, and takes the key again.</summary>
    [Fact]
    public async Task It_comes_back_after_the_gateway_has_been_restarted()
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync();
        await using var closing = server;
        var port = RealXpra.FreePort();
        var gateway = StartGateway(socket, options => options with { Port = port });
        await using var browser = await Browser.StartAsync(_certificate);
        await browser.OpenAsync("before", gateway.BrowserUri!, $"{xpra.Key}");
        await browser.SeeAsync("before", Background, WindowPixels);

        // Until the browser has read why.
        await gateway.StopAsync(Loopback.HelloTimeout);
        await using var restarted = StartGateway(socket, options => options with { Port = port });
        await EventuallyAsync(async () => (await browser.TextAsync("before", "#status")).Contains("The session has ended: server exit", StringComparison.Ordinal));
        Assert.Equal(0, (await browser.RunAsync("evaluate", new { page = "before", text = "sessionStorage.length" })).GetInt32());
        await browser.RunAsync("fill", new { page = "before", selector = "#key", text = $"{xpra.Key}" });
        await browser.RunAsync("click", new { page = "before", selector = "#connect" });
        await browser.SeeAsync("before", Background, WindowPixels);
        Assert.True(Assert.Single(restarted.Connections).KeyProven);
    }

    /// <summary>A connection that is lost without a word: 3.1's client fails to connect again by itself, and has the key until the tab is closed.</summary>
    [Fact]
    public async Task It_comes_back_when_the_page_is_reloaded_after_the_connection_was_cut()
    {
        await RequireAsync();
        var (server, socket) = await StartServerAsync();
        await using var closing = server;
        await using var gateway = StartGateway(socket);
        await using var browser = await Browser.StartAsync(_certificate);
        await browser.OpenAsync("a", gateway.BrowserUri!, $"{xpra.Key}");
        await browser.SeeAsync("a", Background, WindowPixels);
        var before = Assert.Single(gateway.Connections);
        before.Abort("cut by the test");
        await before.Completion.WaitAsync(Loopback.HelloTimeout);
        await browser.RunAsync("reload", new { page = "a" });
        await Loopback.Eventually(() => gateway.Connections is [{ KeyProven: true } after] && after != before);
        await browser.SeeAsync("a", Background, WindowPixels);
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        var start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Loopback.HelloTimeout)
                throw new TimeoutException("It did not come true.");
            await Task.Delay(100);
        }
    }

    private async Task RequireAsync()
    {
        xpra.Require();
        await RealXpra.RequireGraphicsAsync();
        RealXpra.RequireProgram("xterm", "xterm");
        Browser.Require();
        Assert.SkipUnless(File.Exists("/usr/share/xpra/www/index.html"), "xpra's browser client is not installed.");
    }

    private Task<(XpraProgram Server, string Socket)> StartServerAsync(string xterm = "", params string[] more)
        => xpra.StartClearServerAsync($"xterm -T INTEROP -geometry 80x24+0+0 -bg #{Background:x6} -fg white -cr white{xterm} -e sh", more);

    private AesListener StartGateway(string socket, Func<ListenerOptions, ListenerOptions>? configure = null)
    {
        using var certificate = ServerCertificate.From(_certificate);
        var options = new ListenerOptions
        {
            Key = xpra.Key,
            Certificate = certificate,
            WebRoot = "/usr/share/xpra/www",
            Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Unix, "", 0, socket) },
            Limits = Limits.Default with { UnprovenConnectionsPerSource = 24 },
        };
        return AesListener.Start(configure?.Invoke(options) ?? options);
    }
}
