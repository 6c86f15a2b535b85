using System.Net;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Listening;

/// <summary>Bind options as the options of a listener, whoever reads them: a cmdlet or a file.</summary>
public sealed class BindReaderTests : IDisposable
{
    private readonly List<IDisposable> _secrets = [];
    private readonly List<(string, string?, string?)> _certificates = [];
    private readonly List<string> _warnings = [];
    private readonly SecretBuffer _password = new("the caller's"u8);

    public void Dispose()
    {
        _secrets.ForEach(secret => secret.Dispose());
        _password.Dispose();
    }

    [Theory]
    [InlineData("0.0.0.0:1,encryption=AES,keydata=abcdef0123", "0.0.0.0", AesMode.CBC)]
    [InlineData("localhost:1,encryption=AES-CTR,keydata=abcdef0123", "127.0.0.1", AesMode.CTR)]
    [InlineData("[::1]:1,encryption=aes-gcm,keydata=abcdef0123", "::1", AesMode.GCM)]
    public void Address_mode_and_key_are_taken(string text, string address, AesMode mode)
    {
        var options = NewReader().Read(text);
        Assert.Equal(IPAddress.Parse(address), options.Address);
        Assert.Equal([mode], options.Modes);
        Assert.Equal("abcdef0123", Convert.ToHexStringLower(options.Key!.Data));
        Assert.Null(options.Password);
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData("auth=password:value=secret", "secret")]
    [InlineData("auth=file:filename=p.txt", "of p.txt")]
    [InlineData("auth=env:name=XPRA_AES_TEST_BIND_READER", "from the environment")]
    public void Passwords_come_from_xpras_modules(string auth, string password)
    {
        Environment.SetEnvironmentVariable("XPRA_AES_TEST_BIND_READER", "from the environment");
        var options = NewReader().Read($"h:1,encryption=AES,keydata=abcdef0123,{auth}".Replace("h:", "127.0.0.1:", StringComparison.Ordinal));
        Assert.Equal(System.Text.Encoding.UTF8.GetBytes(password), options.Password!.Span.ToArray());
    }

    [Fact]
    public void What_the_caller_gives_for_all_binds_stays()
    {
        var options = NewReader(_password).Read(":1,encryption=AES,keydata=abcdef0123");
        Assert.Same(_password, options.Password);
        Assert.Equal(3_000, options.Iterations);
        Assert.Equal(1, options.Port);
    }

    [Theory]
    [InlineData(":1,keydata=abcdef0123", XpraErrorId.InvalidBind)]
    [InlineData("example.org:1,encryption=AES,keydata=abcdef0123", XpraErrorId.InvalidBind)]
    [InlineData(":1,encryption=AES,keydata=abcdef0123,auth=pam", XpraErrorId.InvalidBind)]
    [InlineData(":1,encryption=AES,keydata=abcdef0123,auth=password:value=", XpraErrorId.InvalidBind)]
    [InlineData(":1,encryption=AES,keydata=abcdef0123,auth=env:name=XPRA_AES_NO_SUCH_VARIABLE", XpraErrorId.InvalidBind)]
    [InlineData(":1,encryption=AES,keydata=abcdef0123,auth=env,auth=env", XpraErrorId.InvalidBind)]
    public void What_no_listener_can_be_made_of_is_an_error_without_a_secret(string text, XpraErrorId id)
    {
        var error = Assert.Throws<XpraAesException>(() => NewReader().Read(text));
        Assert.Equal(id, error.Id);
        Assert.DoesNotContain("abcdef0123", error.Message + error.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_or_a_password_from_both_sides_is_an_error()
    {
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => NewReader(hasKey: true).Read(":1,encryption=AES,keydata=abcdef0123")).Id);
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => NewReader(_password).Read(":1,encryption=AES,keydata=abcdef0123,auth=password:value=x")).Id);
    }

    [Fact]
    public void The_certificate_is_read_as_xpra_names_it()
    {
        var options = NewReader().Read(":1,encryption=AES,keydata=abcdef0123,ssl-cert=c.pem,ssl-key=k.pem,ssl-key-password=p");
        Assert.Equal(("c.pem", "k.pem", "p"), Assert.Single(_certificates));
        Assert.Equal(["host.example"], options.Certificate!.DnsName);
        Assert.Empty(_warnings);
        Assert.Equal(XpraErrorId.InvalidBind, Assert.Throws<XpraAesException>(() => NewReader().Read(":1,encryption=AES,keydata=abcdef0123,ssl-key=k.pem")).Id);
    }

    [Fact]
    public void What_means_nothing_here_is_warned_of()
    {
        NewReader().Read(":1,encryption=AES,keydata=abcdef0123,compression=9");
        Assert.Contains("compression=", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    private BindReader NewReader(SecretBuffer? password = null, bool hasKey = false) => new()
    {
        Common = new ListenerOptions { Key = null, Password = password, Iterations = 3_000 },
        HasKey = hasKey,
        ResolveKeys = (key, keyFile, _) => [(key ?? throw new InvalidOperationException($"no key, but {keyFile}")).Clone()],
        ReadPasswordFile = path => new SecretBuffer(System.Text.Encoding.UTF8.GetBytes($"of {path}")),
        ReadCertificate = (path, key, password) =>
        {
            _certificates.Add((path, key, password is null ? null : System.Text.Encoding.UTF8.GetString(password.Span)));
            return ServerCertificate.From(TestCertificates.Create("host.example"));
        },
        Warn = _warnings.Add,
        Secrets = _secrets,
    };
}
