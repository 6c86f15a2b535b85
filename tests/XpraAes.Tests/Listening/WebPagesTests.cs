using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Transports;

namespace XpraAes.Tests.Listening;

/// <summary>The pages for browsers: what is served, byte for byte, and what is not.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class WebPagesTests : IDisposable
{
    private const UnixFileMode Public = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode PublicFolder = Public | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _certificate = TestCertificates.Create("localhost");
    private readonly byte[] _script = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 31 >> 3))];

    public WebPagesTests()
    {
        foreach (var folder in new[] { "", "www", "www/js", "outside" })
        {
            Directory.CreateDirectory(_folder[folder]);
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(_folder[folder], PublicFolder);
        }
        _folder.Write("www/index.html", "<p>client"u8, Public);
        _folder.Write("www/js/a.js", _script, Public);
        _folder.Write("www/js/a b.css", "b"u8, Public);
        _folder.Write("www/.hidden", "secret"u8, Public);
        _folder.Write("www/key.txt", "secret"u8); // 0600, as New-XpraAesKey makes it
        _folder.Write("www/default-settings.txt", "min-quality = 10\n"u8, Public);
        _folder.Write("outside/secret.txt", "secret"u8, Public);
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("/js/a.js", "text/javascript; charset=utf-8")]
    [InlineData("/js/a%20b.css", "text/css; charset=utf-8")]
    [InlineData("/js/%61.js?x=1", "text/javascript; charset=utf-8")]
    [InlineData("/index.html", "text/html; charset=utf-8")]
    public async Task A_file_is_served_byte_for_byte(string path, string type)
    {
        await using var loopback = Start();
        using var http = Client(loopback);
        using var answer = await http.GetAsync(path);
        Assert.Equal((HttpStatusCode.OK, type), (answer.StatusCode, answer.Content.Headers.ContentType?.ToString()));
        Assert.Equal(File.ReadAllBytes(_folder["www" + Uri.UnescapeDataString(path.Split('?')[0])]), await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Contains("frame-ancestors 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        using var head = await http.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
        Assert.Equal((HttpStatusCode.OK, answer.Content.Headers.ContentLength), (head.StatusCode, head.Content.Headers.ContentLength));
        Assert.Equal(0, loopback.Listener.Rejected);
    }

    [Theory]
    [InlineData("/js")]
    [InlineData("/js/")]
    [InlineData("/js//a.js")]
    [InlineData("/../outside/secret.txt")]
    [InlineData("/%2e%2e/outside/secret.txt")]
    [InlineData("/js/..%2f..%2foutside/secret.txt")]
    [InlineData("/js/%252e%252e/a.js")]
    [InlineData("/js/..\\..\\outside\\secret.txt")]
    [InlineData("/js/./a.js")]
    [InlineData("/.hidden")]
    [InlineData("/key.txt")]
    [InlineData("/js/a.js%00.html")]
    [InlineData("/js/a.js.")]
    [InlineData("/js/%ff")]
    [InlineData("/out/secret.txt")]
    [InlineData("/link.txt")]
    [InlineData("/loop")]
    [InlineData("/pipe")]
    [InlineData("/none")]
    public async Task What_is_not_for_everyone_is_not_served(string path)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has neither modes nor these links.");
        File.CreateSymbolicLink(_folder["www/out"], _folder["outside"]);
        File.CreateSymbolicLink(_folder["www/link.txt"], "../outside/secret.txt");
        File.CreateSymbolicLink(_folder["www/loop"], "loop");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", ["-m", "644", _folder["www/pipe"]]))
            await mkfifo.WaitForExitAsync();
        await using var loopback = Start();
        var answer = await AskAsync(loopback, $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 404 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer.ToLowerInvariant().Replace(path.ToLowerInvariant(), "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_within_the_folder_is_a_file_of_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such links.");
        File.CreateSymbolicLink(_folder["www/again.js"], "js/../js/a.js");
        File.CreateSymbolicLink(_folder["linked"], "www");
        await using var loopback = Start(options => options with { WebRoot = _folder["linked"] });
        using var http = Client(loopback);
        Assert.Equal(_script, await http.GetByteArrayAsync("/again.js"));
    }

    [Fact]
    public async Task A_browser_that_has_a_file_does_not_get_it_again()
    {
        await using var loopback = Start();
        using var http = Client(loopback);
        using var first = await http.GetAsync("/js/a.js");
        async Task<HttpStatusCode> AskAsync(Action<HttpRequestMessage> condition)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/js/a.js");
            condition(request);
            using var answer = await http.SendAsync(request);
            return answer.StatusCode;
        }
        Assert.Equal(HttpStatusCode.NotModified, await AskAsync(request => request.Headers.IfNoneMatch.Add(first.Headers.ETag!)));
        Assert.Equal(HttpStatusCode.NotModified, await AskAsync(request => request.Headers.IfModifiedSince = first.Content.Headers.LastModified));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(request => request.Headers.IfNoneMatch.ParseAdd("\"other\"")));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(request =>
        {
            request.Headers.IfNoneMatch.ParseAdd("\"other\"");
            request.Headers.IfModifiedSince = first.Content.Headers.LastModified;
        }));
        File.SetLastWriteTimeUtc(_folder["www/js/a.js"], DateTime.UtcNow.AddSeconds(10));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(request => request.Headers.IfNoneMatch.Add(first.Headers.ETag!)));
    }

    [Theory]
    [InlineData("br", "br")]
    [InlineData("gzip, br;q=0", "gzip")]
    [InlineData("", null)]
    [InlineData("deflate", null)]
    public async Task What_is_compressed_already_is_sent_so(string accepts, string? encoding)
    {
        using (var gz = new MemoryStream())
        {
            using (var zip = new GZipStream(gz, CompressionLevel.Fastest, leaveOpen: true))
                zip.Write(_script);
            _folder.Write("www/js/a.js.gz", gz.ToArray(), Public);
        }
        _folder.Write("www/js/a.js.br", "brotli"u8, Public);
        await using var loopback = Start();
        using var http = Client(loopback);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/js/a.js");
        if (accepts.Length > 0)
            request.Headers.TryAddWithoutValidation("Accept-Encoding", accepts);
        using var answer = await http.SendAsync(request);
        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal("text/javascript; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        Assert.Equal("Accept-Encoding", Assert.Single(answer.Headers.Vary));
        Assert.Equal(File.ReadAllBytes(_folder["www/js/a.js" + encoding switch { "br" => ".br", "gzip" => ".gz", _ => "" }]), await answer.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task The_settings_make_the_client_choose_AES()
    {
        await using var loopback = Start();
        using var http = Client(loopback);
        Assert.Equal("min-quality = 10\n\nencryption = AES\n", await http.GetStringAsync("/default-settings.txt"));
        File.Delete(_folder["www/default-settings.txt"]);
        Assert.Equal("\n\nencryption = AES\n", await http.GetStringAsync("/default-settings.txt"));
    }

    [Fact]
    public async Task The_first_page_asks_for_the_key_and_knows_it_when_it_is_typed()
    {
        await using var loopback = Start();
        using var http = Client(loopback);
        using var page = await http.GetAsync("/");
        Assert.Contains("/xpra-aes/connect.js", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.StartsWith("default-src 'none'", Assert.Single(page.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Contains("PBKDF2", await http.GetStringAsync("/xpra-aes/connect.js"), StringComparison.Ordinal);
        using var facts = JsonDocument.Parse(await http.GetStringAsync("/xpra-aes/key.json"));
        Assert.Equal(TlsPskSecrets.Of(loopback.Key).Sha256.Identity, $"xpra-aes-sha256-{facts.RootElement.GetProperty("identity").GetString()}");
        Assert.Equal(600_000, facts.RootElement.GetProperty("iterations").GetInt32());
    }

    [Fact]
    public async Task Over_TLS_every_machine_gets_the_pages_under_the_certificates_names()
    {
        using var certificate = ServerCertificate.From(_certificate);
        await using var loopback = Start(options => options with { Certificate = certificate });
        using var handler = new HttpClientHandler();
        handler.ServerCertificateCustomValidationCallback = (_, shown, _, _) => shown!.Thumbprint == _certificate.Thumbprint;
        using var http = new HttpClient(handler);
        Assert.Equal(_script, await http.GetByteArrayAsync($"https://localhost:{loopback.Listener.Port}/js/a.js"));
        using var elsewhere = await http.GetAsync($"https://127.0.0.1:{loopback.Listener.Port}/js/a.js");
        Assert.Equal(HttpStatusCode.MisdirectedRequest, elsewhere.StatusCode);
        Assert.Equal($"https://localhost:{loopback.Listener.Port}/", loopback.Listener.BrowserUri);
    }

    /// <summary>A page of another site whose name leads to this machine (DNS rebinding), and a request that a script has made up.</summary>
    [Theory]
    [InlineData("Host: evil.example")]
    [InlineData("Host: localhost.evil.example")]
    [InlineData("Host: evil.example@localhost")]
    [InlineData("Host: ")]
    [InlineData("X: y")]
    public async Task Under_another_name_there_is_nothing(string header)
    {
        await using var loopback = Start();
        Assert.StartsWith("HTTP/1.1 421 ", await AskAsync(loopback, $"GET /index.html HTTP/1.1\r\n{header}\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:PORT", true)]
    [InlineData("http://127.0.0.1:PORT", true)]
    [InlineData("http://localhost:1", false)]
    [InlineData("https://localhost:PORT", false)]
    [InlineData("http://evil.example:PORT", false)]
    [InlineData("null", false)]
    public async Task Only_the_pages_served_here_may_open_a_websocket(string origin, bool may)
    {
        await using var loopback = Start();
        origin = origin.Replace("PORT", $"{loopback.Listener.Port}", StringComparison.Ordinal);
        // Whatever host the request names: a page of a name that leads here sends its own.
        foreach (var host in new[] { "localhost", "evil.example" })
        {
            var answer = await AskAsync(loopback, $"GET /index.html HTTP/1.1\r\nHost: {host}:{loopback.Listener.Port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {origin}\r\n"
                + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n", isUpgrade: true);
            Assert.StartsWith(may ? "HTTP/1.1 101 " : "HTTP/1.1 403 ", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_connection_serves_several_requests_and_then_a_websocket()
    {
        await using var loopback = Start();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        var stream = client.GetStream();
        const string Page = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(Page + Page + "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n"));
        var reader = new StreamReader(stream);
        var statuses = new List<string>();
        while (statuses.Count < 3 && await reader.ReadLineAsync().WaitAsync(Loopback.HelloTimeout) is { } line)
        {
            if (line.Contains("HTTP/1.1 ", StringComparison.Ordinal))
                statuses.Add(line[^line.AsSpan(line.IndexOf("HTTP", StringComparison.Ordinal)).Length..][..12]);
        }
        Assert.Equal(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 101"], statuses);
    }

    [Theory]
    [InlineData("GET /index.html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 ")] // and the end: a body is no request
    [InlineData("GET /index.html HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 ")]
    [InlineData("GET /index.html HTTP/1.0\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ")]
    [InlineData("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ")]
    [InlineData("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 400 ")]
    [InlineData("GET / x HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 400 ")]
    public async Task Other_requests_end_the_connection(string request, string status)
    {
        await using var loopback = Start();
        var answer = await AskAsync(loopback, request + "GET /js/a.js HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Assert.StartsWith(status, answer, StringComparison.Ordinal);
        Assert.Single(answer.Split("HTTP/1.1 ").Skip(1));
    }

    [Fact]
    public async Task A_source_that_asks_for_too_much_waits()
    {
        var clock = new FakeClock();
        await using var loopback = Start(options => options with { Clock = clock, Limits = Limits.Default with { PageRequestsPerSource = 3 } });
        using var http = Client(loopback);
        for (var i = 0; i < 3; i++)
            (await http.GetAsync("/index.html")).EnsureSuccessStatusCode();
        Assert.Equal(HttpStatusCode.TooManyRequests, (await http.GetAsync("/index.html")).StatusCode);
        clock.Advance(Limits.Default.FailureWindow);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/index.html")).StatusCode);
    }

    [Fact]
    public async Task Bytes_are_limited_too()
    {
        await using var loopback = Start(options => options with { Limits = Limits.Default with { PageBytesPerSource = _script.Length } });
        using var http = Client(loopback);
        Assert.Equal(_script, await http.GetByteArrayAsync("/js/a.js"));
        Assert.Equal(HttpStatusCode.TooManyRequests, (await http.GetAsync("/js/a.js")).StatusCode);
    }

    [Fact]
    public async Task An_idle_connection_is_closed_soon_and_is_no_refusal()
    {
        await using var loopback = Start();
        using var http = Client(loopback);
        await http.GetStringAsync("/index.html");
        await Loopback.Eventually(() => loopback.Listener.Serving == 0, TimeSpan.FromSeconds(10));
        Assert.Empty(loopback.Listener.Refusals);
    }

    [Fact]
    public void A_folder_that_holds_a_secret_of_the_listener_or_no_page_is_refused()
    {
        using var key = XpraKey.Generate();
        key.Save(_folder["www/listener.txt"]);
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = key, WebRoot = _folder["www"] })).Id);
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => Start(options => options with { WebRoot = _folder["outside"] })).Id);
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => Start(options => options with { StatePath = _folder["www/state"] })).Id);
    }

    [Fact]
    public void A_folder_that_others_can_write_to_is_warned_of()
    {
        if (OperatingSystem.IsWindows())
            return;
        Assert.DoesNotContain(WebRoot.ProblemsOf(_folder["www"]), problem => problem.Message.Contains("www", StringComparison.Ordinal));
        File.SetUnixFileMode(_folder["www"], PublicFolder | UnixFileMode.OtherWrite);
        Assert.Contains(WebRoot.ProblemsOf(_folder["www"]), problem => problem.Message.Contains("www", StringComparison.Ordinal));
    }

    /// <summary>Debian's package of xpra links to a library of another package. Its connection page is replaced by ours.</summary>
    [Fact]
    public async Task The_client_of_Debians_package_is_complete()
    {
        Assert.SkipUnless(File.Exists("/usr/share/xpra/www/index.html"), "xpra's browser client is not installed.");
        await using var loopback = Start(options => options with { WebRoot = "/usr/share/xpra/www" });
        using var http = Client(loopback);
        foreach (var file in Directory.GetFiles("/usr/share/xpra/www", "*", SearchOption.AllDirectories).Where(file => File.Exists(file) && Path.GetFileName(file) != "connect.html"))
            Assert.Equal(File.ReadAllBytes(file), await http.GetByteArrayAsync(file["/usr/share/xpra/www".Length..]));
        Assert.Equal(await http.GetByteArrayAsync("/"), await http.GetByteArrayAsync("/connect.html"));
    }

    private Loopback Start(Func<ListenerOptions, ListenerOptions>? configure = null)
        => Loopback.Start(options =>
        {
            options = options with { WebRoot = _folder["www"] };
            return configure?.Invoke(options) ?? options;
        });

    private static HttpClient Client(Loopback loopback) => new() { BaseAddress = new Uri($"http://localhost:{loopback.Listener.Port}") };

    private static async Task<string> AskAsync(Loopback loopback, string request, bool isUpgrade = false)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        if (!isUpgrade)
            return await new StreamReader(client.GetStream()).ReadToEndAsync().WaitAsync(Loopback.HelloTimeout);
        return (await new StreamReader(client.GetStream()).ReadLineAsync().WaitAsync(Loopback.HelloTimeout))!;
    }
}
