using System.Diagnostics;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Tests.Keys;
using XpraAes.Transports;

namespace XpraAes.Tests.Connections;

public sealed class SessionFileTests : IDisposable
{
    private const string Minimal = "host=h\n";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tcp://h.example:10000/", AesMode.CBC)]
    [InlineData("tcp://[2001:db8::1]:10000/", AesMode.GCM)]
    [InlineData("ws://h:8080/", AesMode.CTR)]
    [InlineData("wss://h:8443/some/path", AesMode.CBC)]
    [InlineData("ssl://h:10443/?ssl-ca-certs=/etc/ca.pem&ssl-server-hostname=other", AesMode.CFB)]
    public void What_is_written_is_read_back(string text, AesMode mode)
    {
        using var wanted = XpraUri.Parse(text);
        using var uri = Read(SessionFile.Write(wanted.Endpoint, mode, "/home/ada/k e=y.txt", "/home/ada/pw", asksPassword: true, "ada lovelace")).Uri;
        Assert.Equal(wanted.Endpoint, uri.Endpoint);
        Assert.Equal((mode, "/home/ada/k e=y.txt", "ada lovelace"), (uri.Encryption, uri.KeyFile, uri.UserName));
        Assert.Null(uri.Password);
        Assert.Null(uri.Key);
    }

    [Fact]
    public void It_connects_by_itself_unless_a_password_has_to_be_typed()
    {
        var endpoint = new XpraEndpoint(TransportKind.Tcp, "h", 1);
        Assert.EndsWith("autoconnect=yes\n", SessionFile.Write(endpoint, AesMode.CBC, "/k", null, asksPassword: false, null), StringComparison.Ordinal);
        Assert.EndsWith("autoconnect=yes\n", SessionFile.Write(endpoint, AesMode.CBC, "/k", "/p", asksPassword: true, null), StringComparison.Ordinal);
        Assert.EndsWith("autoconnect=no\n", SessionFile.Write(endpoint, AesMode.CBC, "/k", null, asksPassword: true, null), StringComparison.Ordinal);
        // There, pressing Connect omits AES.
        AssertInvalid(() => SessionFile.Write(endpoint with { Transport = TransportKind.WebSocket }, AesMode.CBC, "/k", null, asksPassword: true, null));
    }

    [Theory]
    [InlineData("socket:///run/x")]
    [InlineData("named-pipe://x")]
    [InlineData("tls-psk://h:1/")]
    [InlineData("ssl://h:1/?ssl-server-verify-mode=none")]
    [InlineData("ssl://h:1/?ssl-fingerprint=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    public void What_the_launcher_cannot_do_safely_is_not_written(string text)
    {
        using var uri = XpraUri.Parse(text);
        AssertInvalid(() => SessionFile.Write(uri.Endpoint, AesMode.CBC, "/k", null, asksPassword: false, null));
    }

    [Theory]
    [InlineData("a\nstart=xterm")]
    [InlineData("a\rb")]
    [InlineData("a\0b")]
    [InlineData("a\\")]
    [InlineData(" a")]
    [InlineData("a ")]
    [InlineData("")]
    public void A_value_cannot_become_another_option(string value)
    {
        var endpoint = new XpraEndpoint(TransportKind.Tcp, "h", 1);
        AssertInvalid(() => SessionFile.Write(endpoint, AesMode.CBC, value, null, asksPassword: false, null));
        AssertInvalid(() => SessionFile.Write(endpoint, AesMode.CBC, "/k", value, asksPassword: false, null));
        AssertInvalid(() => SessionFile.Write(endpoint, AesMode.CBC, "/k", null, asksPassword: false, value));
        AssertInvalid(() => SessionFile.Write(endpoint with { Host = value }, AesMode.CBC, "/k", null, asksPassword: false, null));
    }

    [Fact]
    public void What_the_launcher_saves_is_read()
    {
        // 3.1.3's, with the fields that it saves.
        var file = Read("""
            username=ada
            password=
            host=Devbox
            port=10000
            mode=tcp + aes
            ssh_port=22
            encoding=rgb
            quality=0
            min-quality=30
            speed=0
            min-speed=30
            proxy_port=22
            proxy_username=ada
            proxy_key=
            proxy_password=
            proxy_host=
            """);
        using var uri = file.Uri;
        Assert.Empty(file.Warnings);
        Assert.Equal(("tcp://devbox:10000/", AesMode.CBC, "ada"), ($"{uri.Endpoint}", uri.Encryption, uri.UserName));
        Assert.Null(uri.KeyFile);
    }

    [Theory]
    [InlineData("\uFEFF# comment\r\n! another\r\n\r\n host = h \r\nport=\\\r\n10000\r\nno pair\r\n=x", "tcp://h:10000/", null)]
    [InlineData("host=h\nport=-1\nmode=wss\npath=a/b", "wss://h:443/a/b", null)]
    [InlineData("host=[::1]\nport=0\nencryption=", "tcp://[::1]:14500/", null)]
    [InlineData("host=h\nport=1\nmode=tcp + aes-gcm", "tcp://h:1/", AesMode.GCM)]
    [InlineData("host=h\nport=1\ntcp-encryption=AES-CTR", "tcp://h:1/", AesMode.CTR)]
    [InlineData("host=h\nport=1\ntcp-encryption-keyfile=/k", "tcp://h:1/", AesMode.CBC)]
    [InlineData("host=h\nport=1\nssl-ca-certs=/ignored/on/tcp", "tcp://h:1/", null)]
    public void Lines_are_read_as_the_launcher_reads_them(string text, string endpoint, AesMode? mode)
    {
        using var uri = Read(text).Uri;
        Assert.Equal((endpoint, mode), ($"{uri.Endpoint}", uri.Encryption));
    }

    [Theory]
    [InlineData("port=1")]
    [InlineData("host=")]
    [InlineData("host=ada@h")]
    [InlineData("host=h/?keydata=0x00")]
    [InlineData("host=h\nhost=other")]
    [InlineData("host=h\nport=65536")]
    [InlineData("host=h\nport=+1")]
    [InlineData("host=h\nmode=ssh")]
    [InlineData("host=h\nmode=ssh -> ssh")]
    [InlineData("host=h\nmode=quic")]
    [InlineData("host=h\nmode=socket")]
    [InlineData("host=h\nmode=tls-psk")]
    [InlineData("host=h\nmode=ws\npath=a HTTP/1.1")]
    [InlineData("host=h\nencryption-keyfile=/k\u001b[2J")]
    [InlineData("host=h\nencryption-keyfile=/k\u202etxt.yek")]
    [InlineData("host=h\nmode=ssl\nssl-ca-certs=/k\u0007")]
    [InlineData("host=h\nencryption=ROT13")]
    [InlineData("host=h\nencryption-keyfile=/a\nencryption-keyfile=/b")]
    [InlineData("host=h\nmode=ssl\nssl-server-verify-mode=none")]
    [InlineData("host=h\nmode=wss\nssl-server-verify-mode=maybe")]
    public void What_a_file_may_not_ask_for_is_an_error(string text)
        => Assert.Contains("session file", AssertUnusable(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_is_not_followed_is_named_without_its_value()
    {
        var file = Read($"{Minimal}password=SECRET\npassword-file=/SECRET\nstart=SECRET\nssh=SECRET\nevil\u001b[2J=SECRET\nenv=\n{string.Concat(Enumerable.Range(0, 20).Select(i => $"x{i}=SECRET\n"))}");
        file.Uri.Dispose();
        Assert.Null(file.Uri.Password);
        Assert.Equal(2, file.Warnings.Count);
        Assert.Contains("-Credential", file.Warnings[0], StringComparison.Ordinal);
        Assert.StartsWith("also has password-file, start, ssh, another, x0, ", file.Warnings[1], StringComparison.Ordinal);
        Assert.Contains("and more", file.Warnings[1], StringComparison.Ordinal);
        Assert.All(file.Warnings, warning => Assert.False(warning.Contains("SECRET", StringComparison.Ordinal) || warning.Contains("env", StringComparison.Ordinal) || warning.Any(char.IsControl)));
    }

    [Fact]
    public void Only_a_small_regular_file_of_text_is_read()
    {
        AssertUnusable(() => SessionFile.Read(_folder["none.xpra"]));
        AssertUnusable(() => SessionFile.Read(_folder.Root));
        AssertUnusable(() => SessionFile.Read(_folder.Write("binary.xpra", [.. "host=h\nport=1\n"u8, 0xff, 0xfe])));
        AssertUnusable(() => SessionFile.Read(_folder.Write("large.xpra", new byte[Limits.KeyFileSize + 1])));
        if (OperatingSystem.IsWindows())
            return;
        AssertUnusable(() => SessionFile.Read("/dev/zero"));
        Process.Start("mkfifo", [_folder["pipe.xpra"]]).WaitForExit();
        AssertUnusable(() => SessionFile.Read(_folder["pipe.xpra"]));
    }

    [Theory]
    [InlineData(@"\\evil\share\key")] // Windows would send the user's credentials there
    [InlineData(@"//evil/share/key")]
    [InlineData(@"\\?\UNC\evil\share\key")]
    public void A_file_on_another_machine_is_not_opened(string path)
    {
        AssertUnusable(() => SessionFile.RequireLocal("a.xpra", path));
        Assert.Equal("/etc/key", SessionFile.RequireLocal("a.xpra", "/etc/key"));
        Assert.Equal(@"C:\key", SessionFile.RequireLocal("a.xpra", @"C:\key"));
    }

    private SessionFile Read(string text) => SessionFile.Read(_folder.Write("ada.xpra", Encoding.UTF8.GetBytes(text)));

    private static XpraAesException AssertUnusable(Action read)
    {
        var e = Assert.Throws<XpraAesException>(read);
        Assert.Equal(XpraErrorId.SessionFileUnusable, e.Id);
        Assert.NotNull(e.RecommendedAction);
        Assert.NotNull(e.Target);
        return e;
    }

    private static void AssertInvalid(Action write) => Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(write).Id);
}
