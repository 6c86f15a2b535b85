using System.Net;
using System.Text.RegularExpressions;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Interop;

/// <summary>Real clients and servers that reach us through stunnel, with the configuration in docs/sealed.md.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed partial class StunnelTests : IClassFixture<RealXpra>, IDisposable
{
    private const string ClientHeading = "### A stock client", ServerHeading = "### A stock server";

    private static readonly string s_page = File.ReadAllText(Path.Combine(SharedFiles.Repository, "docs", "sealed.md"));

    private readonly RealXpra _xpra;

    /// <summary>What is /home/ME/.config/stunnel/ and ~/.config/stunnel/ in the page.</summary>
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xpra-stunnel-");

    public StunnelTests(RealXpra xpra)
    {
        _xpra = xpra;
        _xpra.Require();
        RealXpra.RequireProgram("stunnel4", "stunnel4");
        RealXpra.RequireProgram("openssl", "openssl");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stock_client_gets_through_to_a_stock_server_behind_a_sealed_listener(bool onSocket)
    {
        await RealXpra.RequireGraphicsAsync();
        RealXpra.RequireProgram("xterm", "xterm");
        RealXpra.RequireProgram("xdotool", "xdotool");
        var (server, socket) = await _xpra.StartClearServerAsync("xterm -T SEALED -e cat");
        await using var closingServer = server;
        await using var gateway = StartGateway(socket);
        Export(_xpra.Key);
        await using var stunnel = await StartClientAsync(gateway.Port, onSocket);
        await using var display = await _xpra.StartDisplayAsync();
        await using var client = _xpra.AttachInClear(stunnel.Uri, display.Name);

        Assert.NotNull(await display.WaitForWindowAsync("SEALED", client).WaitAsync(Loopback.HelloTimeout));
        var session = Assert.Single(gateway.Connections);
        Assert.Equal((true, ConnectionState.Open, RealXpra.Version), (session.KeyProven, session.State, session.PeerVersion));
        Assert.StartsWith("tls-psk://", session.Endpoint, StringComparison.Ordinal);
        var rows = session.GetCipherInfo();
        Assert.All(rows.Take(2), row => Assert.Equal(
            ("AES", AesMode.GCM, 128, true, "TLS 1.3", true, true, _xpra.Key.Fingerprint),
            (row.Cipher, row.Mode, row.KeySize, row.Authenticated, row.Protocol, row.ForwardSecrecy, row.KeyProven, row.KeyFingerprint)));
        Assert.All(rows.Skip(2), row => Assert.Equal("none", row.Cipher));
        Assert.DoesNotContain("Insecure file permissions", stunnel.Program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stock_client_with_another_key_does_not_get_through()
    {
        using var other = XpraKey.Generate();
        await using var gateway = StartGateway("/nowhere");
        Export(other);
        await using var stunnel = await StartClientAsync(gateway.Port);
        await using var client = XpraProgram.Start(_folder.FullName, "xpra", ["info", stunnel.Uri]);
        Assert.NotEqual(0, await client.WaitForExitAsync());
        await Loopback.Eventually(() => gateway.Refusals.GetValueOrDefault(XpraErrorId.KeyMismatch) > 0);
        Assert.Contains("decrypt error", stunnel.Program.Output, StringComparison.Ordinal);
        Assert.Equal(0, gateway.Accepted);
    }

    /// <summary>TLS 1.3 allows it, and stunnel accepts any certificate if not told otherwise.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_with_a_certificate_instead_of_the_key_is_refused_by_the_last_two_lines(bool without)
    {
        Export(_xpra.Key);
        await RunAsync("openssl req -x509 -newkey rsa:2048 -nodes -keyout evil.key -out evil.pem -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1");
        var port = RealXpra.FreePort();
        await using var attacker = XpraProgram.Start(_folder.FullName, "openssl", ["s_server", "-accept", $"127.0.0.1:{port}", "-tls1_3", "-cert", "evil.pem", "-key", "evil.key", "-rev"]);
        await attacker.WaitForAsync("ACCEPT");
        await using var stunnel = await StartClientAsync(port, edit: without ? text => VerificationPattern().Replace(text, "") : null);
        await using var client = XpraProgram.Start(_folder.FullName, "xpra", ["info", stunnel.Uri]);
        await Loopback.Eventually(() => stunnel.Program.Output.Contains(without ? "connected remote server" : "certificate verify failed", StringComparison.Ordinal));
        if (without)
            await Loopback.Eventually(() => attacker.Output.Contains("CONNECTION ESTABLISHED", StringComparison.Ordinal));
        else
            Assert.NotEqual(0, await client.WaitForExitAsync());

        await using var openssl = StartOpenssl(port);
        Assert.NotEqual(0, await openssl.WaitForExitAsync());
        Assert.Contains("certificate verify failed", openssl.Output, StringComparison.Ordinal);

        // And XpraAes needs no such lines.
        var options = _xpra.OptionsFor(port);
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options with { Endpoint = options.Endpoint with { Transport = TransportKind.TlsPsk } }));
        Assert.Equal(XpraErrorId.KeyMismatch, failure.Id);
    }

    [Fact]
    public async Task Openssl_gets_into_a_sealed_listener_with_a_line_of_the_file()
    {
        await MakeCertificateAsync();
        Export(_xpra.Key);
        await using var listener = AesListener.Start(new ListenerOptions { Key = _xpra.Key, Transports = [TransportKind.TlsPsk] });
        await using var openssl = StartOpenssl(listener.Port);
        Assert.Equal(0, await openssl.WaitForExitAsync());
        Assert.Contains("Cipher is TLS_AES_128_GCM_SHA256", openssl.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stock_server_behind_stunnel_is_reached_over_tls_psk_with_a_key_of_its_file_alone()
    {
        var (server, socket) = await _xpra.StartClearServerAsync("true");
        await using var closingServer = server;
        using var other = XpraKey.Generate();
        Export(other, _xpra.Key);
        var (stunnel, port) = await StartServerAsync(socket);
        await using var closing = stunnel;
        var options = _xpra.OptionsFor(port);
        options = options with { Endpoint = options.Endpoint with { Transport = TransportKind.TlsPsk } };
        foreach (var key in new[] { _xpra.Key, other })
        {
            await using var connection = await XpraConnector.ConnectAsync(options with { Key = key });
            Assert.Equal((RealXpra.Version, ConnectionState.Open, true, key.Fingerprint), (connection.PeerVersion, connection.State, connection.KeyProven, connection.KeyFingerprint));
            Assert.True(await connection.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
            Assert.All(connection.GetCipherInfo(), row => Assert.Equal(
                ("AES", AesMode.GCM, 128, true, "TLS 1.3", true), (row.Cipher, row.Mode, row.KeySize, row.Authenticated, row.Protocol, row.ForwardSecrecy)));
            await connection.CloseAsync();
        }
        using var third = XpraKey.Generate();
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options with { Key = third }));
        Assert.Equal(XpraErrorId.KeyMismatch, failure.Id);

        // Nor does one get in who has no pre-shared key, or speaks no TLS.
        await using var client = XpraProgram.Start(_folder.FullName, "openssl", ["s_client", "-connect", $"127.0.0.1:{port}", "-tls1_3"]);
        Assert.NotEqual(0, await client.WaitForExitAsync());
        await using var clear = XpraProgram.Start(_folder.FullName, "xpra", ["info", $"tcp://127.0.0.1:{port}/"]);
        Assert.NotEqual(0, await clear.WaitForExitAsync());
    }

    [Fact]
    public async Task Stunnel_warns_if_others_can_read_the_file()
    {
        Export(_xpra.Key);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(PskFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        await using var stunnel = await StartClientAsync(RealXpra.FreePort());
        Assert.Contains("Insecure file permissions", stunnel.Program.Output, StringComparison.Ordinal);
    }

    /// <summary>With two keys in the file, the first is used unless PSKidentity names another.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_several_keys_a_client_uses_the_first_or_the_one_that_is_named(bool named)
    {
        using var other = XpraKey.Generate();
        var entries = Export(other, _xpra.Key);
        await using var gateway = AesListener.Start(new ListenerOptions { Key = _xpra.Key, OtherKeys = [other], Transports = [TransportKind.TlsPsk] });
        await using var stunnel = await StartClientAsync(gateway.Port, edit: named ? text => $"{text}\nPSKidentity = {entries[1].Identity}\n" : null);
        await using var client = XpraProgram.Start(_folder.FullName, "xpra", ["_monitor", stunnel.Uri]);
        await Loopback.Eventually(() => gateway.Connections.Count == 1 || client.HasExited, state: () => $"{client.Output}\n{stunnel.Program.Output}");
        Assert.Equal(entries[named ? 1 : 0].KeyFingerprint, Assert.Single(gateway.Connections).KeyFingerprint);
    }

    /// <summary>What the page says of the key's removal: new connections are refused, the session that is there stays until it is ended.</summary>
    [Fact]
    public async Task Who_holds_the_file_is_out_when_the_key_is_replaced()
    {
        Export(_xpra.Key);
        await using var listener = AesListener.Start(new ListenerOptions { Key = _xpra.Key, Transports = [TransportKind.TlsPsk] });
        await using var stunnel = await StartClientAsync(listener.Port);
        await using var client = XpraProgram.Start(_folder.FullName, "xpra", ["_monitor", stunnel.Uri]);
        await Loopback.Eventually(() => listener.Connections.Count == 1 || client.HasExited, state: () => $"{client.Output}\n{stunnel.Program.Output}");
        var session = Assert.Single(listener.Connections);

        using var next = XpraKey.Generate();
        listener.Reconfigure(options => options with { Key = next });
        await using var refused = XpraProgram.Start(_folder.FullName, "xpra", ["info", stunnel.Uri]);
        Assert.NotEqual(0, await refused.WaitForExitAsync());
        await Loopback.Eventually(() => listener.Refusals.GetValueOrDefault(XpraErrorId.KeyMismatch) > 0);
        Assert.Equal((ConnectionState.Open, 1), (session.State, listener.Accepted));
        await session.CloseAsync();
        await client.WaitForExitAsync();
    }

    private string PskFile => Path.Combine(_folder.FullName, "psk.txt");

    private IReadOnlyList<TlsPskEntry> Export(params XpraKey[] keys) => TlsPskFile.Write(PskFile, keys, overwrite: false);

    private AesListener StartGateway(string socket) => AesListener.Start(new ListenerOptions
    {
        Key = _xpra.Key,
        Transports = [TransportKind.TlsPsk],
        Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Unix, "", 0, socket) },
    });

    /// <summary>Runs the page's configuration for a client's machine, once its certificate is made with the page's command.</summary>
    private async Task<ClientTunnel> StartClientAsync(int listener, bool onSocket = false, Func<string, string>? edit = null)
    {
        await MakeCertificateAsync();
        var (accept, uri) = ($"127.0.0.1:{RealXpra.FreePort()}", "");
        var text = Block("ini", ClientHeading);
        if (onSocket)
        {
            // As the page says for a machine with other users.
            var (from, to) = (Regex.Match(s_page, "`(accept = /[^`]+)`").Groups[1].Value, Path.Combine(_folder.FullName, "xpra.sock"));
            Assert.Contains($"xpra attach socket://{from["accept = ".Length..]}", s_page, StringComparison.Ordinal);
            text = text.Replace("accept = 127.0.0.1:10001", $"accept = {to}", StringComparison.Ordinal);
            uri = $"socket://{to}";
        }
        else
        {
            Assert.Contains("xpra attach tcp://127.0.0.1:10001/", Block("sh", ClientHeading), StringComparison.Ordinal);
            text = text.Replace("127.0.0.1:10001", accept, StringComparison.Ordinal);
            uri = $"tcp://{accept}/";
        }
        text = text.Replace("HOST:10000", $"127.0.0.1:{listener}", StringComparison.Ordinal);
        return new ClientTunnel(await StartStunnelAsync("client.conf", edit?.Invoke(text) ?? text), uri);
    }

    private async Task<(XpraProgram Stunnel, int Port)> StartServerAsync(string socket)
    {
        var port = RealXpra.FreePort();
        var text = Block("ini", ServerHeading)
            .Replace("accept = 10000", $"accept = 127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace("/run/user/1000/xpra/HOST-100", socket, StringComparison.Ordinal);
        return (await StartStunnelAsync("server.conf", text), port);
    }

    private async Task<XpraProgram> StartStunnelAsync(string name, string configuration)
    {
        configuration = configuration.Replace("/home/ME/.config/stunnel/", $"{_folder.FullName}/", StringComparison.Ordinal);
        Assert.DoesNotContain("HOST", configuration, StringComparison.Ordinal);
        Assert.DoesNotContain("ME/", configuration, StringComparison.Ordinal);
        var path = Path.Combine(_folder.FullName, name);
        await File.WriteAllTextAsync(path, configuration);
        var stunnel = XpraProgram.Start(_folder.FullName, "stunnel4", [path]);
        await stunnel.WaitForAsync("Configuration successful");
        return stunnel;
    }

    /// <summary>The certificate that nobody has the private key of.</summary>
    private Task MakeCertificateAsync()
        => RunAsync(Block("sh", "## xpra's own programs, through stunnel").Replace("~/.config/stunnel/", $"{_folder.FullName}/", StringComparison.Ordinal));

    /// <summary>Runs the page's openssl with the first line of the file.</summary>
    private XpraProgram StartOpenssl(int port)
    {
        var line = File.ReadLines(PskFile).First().Split(':');
        var command = Block("sh", "### Other programs").Trim()
            .Replace("HOST:10000", $"127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace("IDENTITY", line[0], StringComparison.Ordinal)
            .Replace("-psk KEY", $"-psk {line[1]}", StringComparison.Ordinal);
        return XpraProgram.Start(_folder.FullName, "sh", ["-c", command]);
    }

    private async Task RunAsync(string command)
    {
        await using var shell = XpraProgram.Start(_folder.FullName, "sh", ["-c", command]);
        Assert.True(await shell.WaitForExitAsync() == 0, shell.Output);
    }

    /// <summary>The first block of code in this language after this heading of docs/sealed.md.</summary>
    private static string Block(string language, string heading)
    {
        var section = s_page[s_page.IndexOf($"\n{heading}\n", StringComparison.Ordinal)..];
        return Regex.Match(section, $"(?s)^```{language}\n(.*?)^```", RegexOptions.Multiline).Groups[1].Value;
    }

    [GeneratedRegex("(?m)^(verifyPeer|CAfile) = .*\n")]
    private static partial Regex VerificationPattern();

    /// <summary>A stunnel in client mode, and the URI that xpra's client attaches to.</summary>
    private sealed record ClientTunnel(XpraProgram Program, string Uri) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Program.DisposeAsync();
    }
}
