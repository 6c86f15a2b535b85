using System.Text;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Connections;

public sealed class XpraUriTests
{
    // The forms of PROTOCOL section 10 first. Each result matches that of a real xpra parser, 4.4 to 6.5.
    [Theory]
    [InlineData("tcp://H:10000/?encryption=AES&keyfile=KEYFILE", "tcp://h:10000/", AesMode.CBC, "KEYFILE")]
    [InlineData("tcp://H:10000/?encryption=AES-CBC&keyfile=KEYFILE", "tcp://h:10000/", AesMode.CBC, "KEYFILE")]
    [InlineData("tcp://H:10000?encryption=AES-CBC&keyfile=KEYFILE", "tcp://h:10000/", AesMode.CBC, "KEYFILE")]
    [InlineData("tcp://H:10000/?keyfile=KEYFILE", "tcp://h:10000/", AesMode.CBC, "KEYFILE")]
    [InlineData("tcp://H:10000/?encryption=AES-CTR&encryption-keyfile=KEYFILE", "tcp://h:10000/", AesMode.CTR, "KEYFILE")]
    [InlineData("tcp:H:10000", "tcp://h:10000/")]
    [InlineData("tcp/H:10000/", "tcp://h:10000/")]
    [InlineData("tcp://H:10000/,encryption=AES-GCM,keyfile=KEYFILE", "tcp://h:10000/", AesMode.GCM, "KEYFILE")]
    [InlineData("xpra://H:10000/?encryption=AES-CFB&keyfile=KEYFILE", "tcp://h:10000/", AesMode.CFB, "KEYFILE")]
    [InlineData("ws://H:8080/?encryption=AES", "ws://h:8080/", AesMode.CBC)]
    [InlineData("tcp://H", "tcp://h:14500/")]
    [InlineData("tcp://H/", "tcp://h:14500/")]
    [InlineData("tcp://H:/", "tcp://h:14500/")]
    [InlineData("tcp://H:0/", "tcp://h:14500/")]
    [InlineData("tcp://", "tcp://127.0.0.1:14500/")]
    [InlineData("tcp://:10000/", "tcp://127.0.0.1:10000/")]
    [InlineData("tcp:host", "tcp://host:14500/")]
    [InlineData("TCP://H:1/", "tcp://h:1/")]
    [InlineData(" tcp://H:1/\r\n", "tcp://h:1/")]
    [InlineData("xpra+tcp://H:1/", "tcp://h:1/")]
    [InlineData("xpratcp://H:1/", "tcp://h:1/")]
    [InlineData("xpra+ws://H:1/", "ws://h:1/")]
    [InlineData("xpraws://H/", "ws://h:80/")]
    [InlineData("ws://H/proxy/path", "ws://h:80/proxy/path")]
    [InlineData("tcp://[::1]:10000/", "tcp://[::1]:10000/")]
    [InlineData("tcp://[::1]/", "tcp://[::1]:14500/")]
    [InlineData("tcp://[FE80::1]:10/", "tcp://[fe80::1]:10/")]
    [InlineData("tcp://[fe80::1%eth0]:10/", "tcp://[fe80::1%eth0]:10/")]
    [InlineData("tcp://::1:10000/", "tcp://[::1]:10000/")]
    [InlineData("tcp://fe80::1:10000/", "tcp://[fe80::1]:10000/")]
    [InlineData("tcp://::1/", "tcp://[::1]:14500/")]
    [InlineData("tcp://H:1/100,encryption=AES", "tcp://h:1/", AesMode.CBC)]
    [InlineData("tcp://H:1/100,encryption=AES&keyfile=a%20b", "tcp://h:1/", AesMode.CBC, "a b")]
    [InlineData("tcp://H:1/encryption=AES", "tcp://h:1/", AesMode.CBC)]
    [InlineData("tcp://H:1/,keyfile=a%20b+c", "tcp://h:1/", AesMode.CBC, "a%20b+c")]
    [InlineData("tcp://H:1/?keyfile=a%20b", "tcp://h:1/", AesMode.CBC, "a b")]
    [InlineData("tcp://H:1/?keyfile=a+b", "tcp://h:1/", AesMode.CBC, "a b")]
    [InlineData("tcp://H:1/?keyfile=a%2Bb", "tcp://h:1/", AesMode.CBC, "a+b")]
    [InlineData("tcp://H:1/?keyfile=%2Fetc%2Fk%26%C3%A9.txt", "tcp://h:1/", AesMode.CBC, "/etc/k&\u00e9.txt")]
    [InlineData("tcp://H:1/?keyfile=a=b", "tcp://h:1/", AesMode.CBC, "a=b")]
    [InlineData("tcp://H:1/?keyfile=a%zz", "tcp://h:1/", AesMode.CBC, "a%zz")]
    [InlineData("tcp://H:1/?%6beyfile=k", "tcp://h:1/", AesMode.CBC, "k")]
    [InlineData("tcp://H:1/?keyfile=k#fragment", "tcp://h:1/", AesMode.CBC, "k")]
    [InlineData("tcp://H:1/?keyfile=a&encryption-keyfile=b", "tcp://h:1/", AesMode.CBC, "b")]
    [InlineData("tcp://H:1/?encryption=&keyfile=k", "tcp://h:1/", AesMode.CBC, "k")]
    [InlineData("tcp://H:1/?encryption=aes-ctr", "tcp://h:1/", AesMode.CTR)]
    [InlineData("tcp://H:1/?keyfile=", "tcp://h:1/")]
    [InlineData("tcp://H:1/?keyfile", "tcp://h:1/")]
    [InlineData("socket:///run/x", "socket:///run/x")]
    [InlineData("socket:/run/x", "socket:///run/x")]
    [InlineData("/run/x", "socket:///run/x")]
    [InlineData("unix:///run/x", "socket:///run/x")]
    [InlineData("unix-domain:/run/x", "socket:///run/x")]
    [InlineData("socket:///run/x?encryption=AES-CTR&keyfile=k", "socket:///run/x", AesMode.CTR, "k")]
    [InlineData("socket:///run/x ?encryption=AES-CTR&keyfile=k", "socket:///run/x", AesMode.CTR, "k")]
    [InlineData("ws://H:1/x ,encryption=AES-CTR&keyfile=k", "ws://h:1/x", AesMode.CTR, "k")]
    [InlineData("/run/x?keyfile=k", "socket:///run/x", AesMode.CBC, "k")]
    [InlineData("named-pipe://office", "named-pipe://office")]
    [InlineData("named-pipe://office/", "named-pipe://office")]
    [InlineData("named-pipe:office", "named-pipe://office")]
    [InlineData(@"named-pipe://Xpra\Office-1.2", "named-pipe://Office-1.2")]
    [InlineData(@"named-pipe://office?encryption=AES-CTR&keyfile=C:\k", "named-pipe://office", AesMode.CTR, @"C:\k")]
    public void Every_form_gives_its_endpoint_mode_and_key_file(string text, string endpoint, AesMode? mode = null, string? keyFile = null)
    {
        using var uri = XpraUri.Parse(text);

        Assert.Equal((endpoint, mode, keyFile), (uri.Endpoint.ToString(), uri.Encryption, uri.KeyFile));
        Assert.Null(uri.Key);
        Assert.Empty(uri.Warnings);
    }

    [Theory]
    [InlineData("tcp://H:1/?encryption=AES-CBC&keydata=0xdeadbeef", AesMode.CBC, "deadbeef")]
    [InlineData("tcp://H:1/?encryption=AES-CTR&keydata=base64:YWJjZA==", AesMode.CTR, "61626364")]
    [InlineData("tcp://H:1/?keydata=deadbeef", AesMode.CBC, "deadbeef")]
    [InlineData("tcp://H:1/?keydata=YWJjZA%3D%3D", AesMode.CBC, "61626364")]
    [InlineData("tcp://H:1/?keydata=b64:a%2Bb/", AesMode.CBC, "6be6ff")]
    [InlineData("tcp://H:1/?encryption-keydata=0x00&keydata=0x01", AesMode.CBC, "00")]
    [InlineData("tcp://H:1/,keydata=base64:a+b/", AesMode.CBC, "6be6ff")]
    public void A_key_in_the_URI_is_read_as_xpra_reads_it(string text, AesMode mode, string hex)
    {
        using var uri = XpraUri.Parse(text);

        Assert.Equal((mode, hex), (uri.Encryption, Convert.ToHexStringLower(uri.Key!.Data)));
        Assert.Equal(KeySource.Uri, uri.Key.KeySource);
        Assert.Empty(uri.Options);
    }

    [Theory]
    [InlineData("tcp://u@H:1/", "u", null)]
    [InlineData("tcp://u:p@H:1/", "u", "p")]
    [InlineData("tcp://u:p@q@H:1/", "u", "p@q")]
    [InlineData("tcp://u:a:b@H:1/", "u", "a:b")]
    [InlineData("tcp://:p@H:1/", null, "p")]
    [InlineData("tcp://@H:1/", null, null)]
    [InlineData("tcp://xpra:p@H:1/", "xpra", "p")]
    [InlineData("tcp://u:p@[::1]:1/", "u", "p")]
    [InlineData("tcp:u:p@H:1", "u", "p")]
    [InlineData("ws://u:\u00e9@H:1/", "u", "\u00e9")]
    [InlineData("socket://u:p@/run/x", "u", "p")]
    [InlineData("socket://u:p/run/x", "u", "p")]
    [InlineData("tcp://H:1/?username=u&password=a%20b", "u", "a b")]
    [InlineData("tcp://u:p@H:1/?username=v&password=q", "u", "p")]
    public void User_name_and_password_are_parsed_and_not_listed_in_the_options(string text, string? user, string? password)
    {
        using var uri = XpraUri.Parse(text);

        Assert.Equal(user, uri.UserName);
        Assert.Equal(password, uri.Password is null ? null : Encoding.UTF8.GetString(uri.Password.Span));
        Assert.Empty(uri.Options);
    }

    [Fact]
    public void Percent_encoding_in_a_password_is_not_decoded_but_warned_about()
    {
        using var uri = XpraUri.Parse("tcp://u:p%40q@H:1/");

        Assert.Equal("p%40q"u8, uri.Password!.Span);
        Assert.DoesNotContain("p%40q", Assert.Single(uri.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_plus_in_key_data_is_a_space_with_a_warning()
    {
        using var uri = XpraUri.Parse("tcp://H:1/?keydata=base64:ab+cd");

        Assert.Contains("%2B", Assert.Single(uri.Warnings), StringComparison.Ordinal);
        Assert.Contains(uri.Key!.Problems, problem => problem.Id == KeyProblemId.CharactersSkipped);
    }

    [Theory]
    [InlineData("tcp://H:1/100", "100")]
    [InlineData("tcp://H:1//100?speed=1", "100")]
    [InlineData("tcp://H:1/100,speed=1", "100")]
    [InlineData("tcp://H:1/,speed=1", null)]
    [InlineData("tcp://H:1/", null)]
    public void The_display_follows_the_slash(string text, string? display)
    {
        using var uri = XpraUri.Parse(text);

        Assert.Equal(display, uri.Display);
    }

    [Fact]
    public void Other_options_are_kept_except_passwords()
    {
        using var uri = XpraUri.Parse("tcp://H:1/?speed=1&quality=2&proxy-password=p&empty=&speed=3");

        Assert.Equal(new Dictionary<string, string> { ["speed"] = "3", ["quality"] = "2" }, uri.Options);
    }

    [Theory]
    [InlineData("")]
    [InlineData("host")]
    [InlineData("host:10000")]
    [InlineData("10")]
    [InlineData(":10")]
    [InlineData("@abstract")]
    [InlineData("1.2.3.4:10000")]
    [InlineData("http://H:1/")]
    [InlineData("tcp:/H:1")]
    [InlineData("tcp//H:1")]
    [InlineData("tcp://H:65536/")]
    [InlineData("tcp://H:-1/")]
    [InlineData("tcp://H:+1/")]
    [InlineData("tcp://H:x/")]
    [InlineData("tcp://H:1,encryption=AES")]
    [InlineData("tcp://a b:1/")]
    [InlineData("tcp://a:b:1/")]
    [InlineData("tcp://[::1:1/")]
    [InlineData("tcp://[1.2.3.4]:1/")]
    [InlineData("tcp://[::1]1/")]
    [InlineData("tcp://[]:1/")]
    [InlineData("tcp://H:1/?encryption=AES-OFB")]
    [InlineData("tcp://H:1/?encryption=AES-1")]
    [InlineData("tcp://H:1/?encryption=no&keyfile=k")]
    [InlineData("tcp://H:1/?encryption=AES;keyfile=k")]
    [InlineData("tcp://H:1/?encryption=AES&encryption=AES-CTR")]
    [InlineData("tcp://H:1/?keyfile=a&keyfile=b")]
    [InlineData("tcp://H:1/100,a=b,c")]
    [InlineData("socket://")]
    [InlineData("socket:///")]
    [InlineData("named-pipe://")]
    [InlineData(@"named-pipe://..\lsass")]
    [InlineData(@"named-pipe://\\server\pipe\office")]
    [InlineData("named-pipe://two words")]
    [InlineData("socket://run/x")]
    public void A_URI_that_no_xpra_version_accepts_is_refused_with_advice(string text)
    {
        var error = Assert.Throws<XpraAesException>(() => XpraUri.Parse(text));

        Assert.Equal(XpraErrorId.InvalidUri, error.Id);
        Assert.NotNull(error.RecommendedAction);
    }

    [Theory]
    [InlineData("ssh://H/", "ssh", "ssh -L")]
    [InlineData("xpra+ssh://H/", "ssh", "ssh -L")]
    [InlineData("quic://H:1/", "not supported", "tcp://")]
    [InlineData("vsock://10:1/", "not supported", "tcp://")]
    public void Unsupported_xpra_transports_are_refused_with_an_alternative(string text, string message, string action)
    {
        var error = Assert.Throws<XpraAesException>(() => XpraUri.Parse(text));

        Assert.Equal(XpraErrorId.InvalidUri, error.Id);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(action, error.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ssl://H:1/", TransportKind.Tls, 1, null)]
    [InlineData("xpras://H/", TransportKind.Tls, 14500, null)]
    [InlineData("wss://H/a/b", TransportKind.WebSocketTls, 443, "/a/b")]
    public void TLS_with_a_certificate_verifies_the_server_unless_told_otherwise(string text, TransportKind kind, int port, string? path)
    {
        using var uri = XpraUri.Parse(text);
        Assert.Equal(new XpraEndpoint(kind, "h", port, path), uri.Endpoint);
        Assert.Null(uri.Endpoint.Trust);
        Assert.True(TlsTrust.Default.VerifiesServer);
    }

    [Fact]
    public void How_to_verify_the_server_is_told_in_xpras_words()
    {
        using var uri = XpraUri.Parse("ssl://H:1/?ssl-ca-certs=/a/ca.pem&ssl-server-hostname=host.example&encryption=AES&keydata=0xdeadbeef");
        Assert.Equal(new TlsTrust { AuthorityFile = "/a/ca.pem", HostName = "host.example" }, uri.Endpoint.Trust);
        Assert.Empty(uri.Options);
        Assert.Equal("ssl://h:1/?encryption=AES", uri.ToString());
        using var pinned = XpraUri.Parse($"wss://H/?ssl-fingerprint=SHA256:{string.Join(':', Enumerable.Repeat("0a", 32))}");
        Assert.Equal(new TlsTrust { Fingerprint = string.Concat(Enumerable.Repeat("0A", 32)) }, pinned.Endpoint.Trust);
        using var trusting = XpraUri.Parse("ssl://H/?ssl-server-verify-mode=none");
        Assert.Equal(new TlsTrust { VerifiesServer = false }, trusting.Endpoint.Trust);
    }

    [Theory]
    [InlineData("tcp://h:1/?send-proxy=v2", true)]
    [InlineData("socket:///run/s?send-proxy=v2", true)]
    [InlineData("tcp://h:1/?send-proxy=", false)]
    [InlineData("tcp://h:1/", false)]
    public void A_PROXY_header_is_sent_if_the_URI_says_so(string text, bool sends)
    {
        using var uri = XpraUri.Parse(text);
        Assert.Equal(sends, uri.Endpoint.SendsProxyHeader);
        Assert.Empty(uri.Options);
        Assert.DoesNotContain("send-proxy", uri.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tcp://h:1/?send-proxy=v1")]
    [InlineData("tcp://h:1/?send-proxy=yes")]
    [InlineData("named-pipe://h?send-proxy=v2")]
    public void There_is_one_PROXY_header_to_send(string text)
        => Assert.Equal(XpraErrorId.InvalidUri, Assert.Throws<XpraAesException>(() => XpraUri.Parse(text)).Id);

    [Theory]
    [InlineData("tcp://H/?ssl-fingerprint=00")]
    [InlineData("tls-psk://H/?ssl-ca-certs=ca.pem")]
    [InlineData("ssl://H/?ssl-fingerprint=00")]
    [InlineData("ssl://H/?ssl-server-verify-mode=off")]
    [InlineData("ssl://H/?ssl-server-verify-mode=none&ssl-ca-certs=ca.pem")]
    public void What_would_verify_the_server_less_than_it_says_is_refused(string text)
        => Assert.Equal(XpraErrorId.InvalidUri, Assert.Throws<XpraAesException>(() => XpraUri.Parse(text)).Id);

    [Theory]
    [InlineData("hunter2:10000")]
    [InlineData("hunter2")]
    [InlineData("u:hunter2@host:10000")]
    [InlineData("tcp://u:hunter2")]
    [InlineData("tcp://u:hunter2@H:x/")]
    [InlineData("tcp://u:hunter2@a b/")]
    [InlineData("tcp://u:hunter2/")]
    [InlineData("ssl://u:hunter2@H/?ssl-fingerprint=hunter2")]
    [InlineData("http://u:hunter2@H/")]
    [InlineData("socket://hunter2")]
    [InlineData("tcp://H:1/?keydata=hunter2hunter2!")]
    [InlineData("tcp://H:1/?keydata=0xhunter2")]
    [InlineData("tcp://H:1/?keydata=base64:hunter2hunter2=x")]
    [InlineData("tcp://H:1/?keydata=hunter2&keydata=hunter2")]
    [InlineData("tcp://H:1/?encryption=hunter2")]
    [InlineData("tcp://H:1/?password=hunter2&password=x")]
    [InlineData("tcp://H:1/,keydata=0x00,hunter2")]
    public void No_error_repeats_a_secret(string text)
    {
        var error = Assert.Throws<XpraAesException>(() => XpraUri.Parse(text));

        Assert.DoesNotContain("hunter2", error.ToString() + error.RecommendedAction + error.Target, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void The_text_of_a_parsed_URI_contains_no_secret()
    {
        using var uri = XpraUri.Parse("tcp://u:hunter2@H:1/?keydata=0xdeadbeef&keyfile=k&proxy-password=hunter2");

        Assert.Equal("tcp://h:1/?encryption=AES&keyfile=k", uri.ToString());
        Assert.DoesNotContain(uri.Options.Values.Concat(uri.Warnings), value => value.Contains("hunter2", StringComparison.Ordinal));
    }

    [Fact]
    public void Disposing_disposes_of_key_and_password()
    {
        var uri = XpraUri.Parse("tcp://u:p@H:1/?keydata=0xdeadbeef");
        uri.Dispose();

        Assert.Equal(XpraErrorId.KeyDisposed, Assert.Throws<XpraAesException>(() => uri.Key!.Data.Length).Id);
        Assert.Throws<ObjectDisposedException>(() => uri.Password!.Length);
    }

    [Theory]
    [InlineData(TransportKind.Tcp, "h", 10000, null, AesMode.CBC, "/home/u/key.txt", "tcp://h:10000/?encryption=AES&keyfile=/home/u/key.txt")]
    [InlineData(TransportKind.Tcp, "::1", 1, null, AesMode.GCM, "k", "tcp://[::1]:1/?encryption=AES-GCM&keyfile=k")]
    [InlineData(TransportKind.WebSocket, "h", 80, null, AesMode.CTR, null, "ws://h:80/?encryption=AES-CTR")]
    [InlineData(TransportKind.WebSocket, "h", 80, "/x", null, null, "ws://h:80/x")]
    [InlineData(TransportKind.Unix, "", 0, "/run/x", AesMode.CFB, "k", "socket:///run/x?encryption=AES-CFB&keyfile=k")]
    [InlineData(TransportKind.NamedPipe, "", 0, "office", AesMode.CBC, @"C:\a b\k", @"named-pipe://office?encryption=AES&keyfile=C:\a%20b\k")]
    [InlineData(TransportKind.Tcp, "h", 1, null, AesMode.CBC, "C:\\a b+c&d=e#f%41\u00e9.txt", "tcp://h:1/?encryption=AES&keyfile=C:\\a%20b%2Bc%26d%3De%23f%2541%C3%A9.txt")]
    public void A_built_URI_parses_back_to_its_parts(TransportKind transport, string host, int port, string? path, AesMode? mode, string? keyFile, string expected)
    {
        var endpoint = new XpraEndpoint(transport, host, port, path);
        var text = XpraUri.Build(endpoint, mode, keyFile);
        using var uri = XpraUri.Parse(text);

        Assert.Equal(expected, text);
        Assert.Equal((endpoint, mode, keyFile), (uri.Endpoint, uri.Encryption, uri.KeyFile));
    }

    [Fact]
    public void Random_text_is_parsed_or_refused_with_the_expected_exception()
    {
        string[] parts = ["tcp", "ws", "socket", ":", "/", "//", "://", "?", "&", "=", ",", "@", "[", "]", "::1", "%", "+", "#", "h", "1", "keydata=", "keyfile=", "encryption=AES", "0x", "base64:", "\uD800", "\u00e9", "\0", " ", "(", ")"];
        var random = new Random(2);
        for (var i = 0; i < 100_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]));
            try
            {
                XpraUri.Parse(text).Dispose();
            }
            catch (XpraAesException e) when (e.Id is XpraErrorId.InvalidUri or XpraErrorId.KeyTextInvalid)
            {
                Assert.NotNull(e.RecommendedAction);
            }
        }
    }
}
