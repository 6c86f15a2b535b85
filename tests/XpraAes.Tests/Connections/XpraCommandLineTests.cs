using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Connections;

public sealed class XpraCommandLineTests
{
    private const string KeyFile = "/etc/xpra/key.txt";

    private static readonly XpraEndpoint Tcp = new(TransportKind.Tcp, "example", 10000);
    private static readonly XpraEndpoint WebSocket = new(TransportKind.WebSocket, "example", 8080);
    [Fact]
    public void No_version_speaks_tls_psk()
        => Assert.Equal(XpraErrorId.VersionRejected, Assert.Throws<XpraAesException>(() => XpraCommandLine.Create(XpraRole.Client, "master", Tcp with { Transport = TransportKind.TlsPsk }, [], "key.txt", null)).Id);

    private static readonly XpraEndpoint Unix = new(TransportKind.Unix, "", 0, "/run/xpra/s");

    [Theory]
    [InlineData("3.1", "", "start --bind-tcp=example:10000 --tcp-encryption=AES --tcp-encryption-keyfile=/etc/xpra/key.txt")]
    [InlineData("3.1", "CBC", "start --bind-tcp=example:10000 --tcp-encryption=AES --tcp-encryption-keyfile=/etc/xpra/key.txt")]
    [InlineData("4.0.6", "CBC", "start --bind-tcp=example:10000 --tcp-encryption=AES --tcp-encryption-keyfile=/etc/xpra/key.txt")]
    [InlineData("4.1", "CBC", "start --bind-tcp=example:10000,encryption=AES,keyfile=/etc/xpra/key.txt")]
    [InlineData("4.2.3", "", "start --bind-tcp=example:10000,encryption=AES,keyfile=/etc/xpra/key.txt")]
    [InlineData("4.4", "", "start --bind-tcp=example:10000,encryption=AES,keyfile=/etc/xpra/key.txt")]
    [InlineData("4.4", "CBC", "start --bind-tcp=example:10000,encryption=AES-CBC,keyfile=/etc/xpra/key.txt")]
    [InlineData("5.1", "GCM", "start --bind-tcp=example:10000,encryption=AES-GCM,keyfile=/etc/xpra/key.txt")]
    [InlineData("6.1", "CFB", "start --bind-tcp=example:10000,encryption=AES-CFB,keyfile=/etc/xpra/key.txt")]
    [InlineData("6.2", "CTR", "start --bind-tcp=example:10000,encryption=AES-CTR,keyfile=/etc/xpra/key.txt")]
    [InlineData("6.2", "CBC CTR GCM CFB", "start --bind-tcp=example:10000,encryption=AES,keyfile=/etc/xpra/key.txt")]
    [InlineData("6.2", "GCM CTR", "start --bind-tcp=example:10000,encryption=AES-CTR,keyfile=/etc/xpra/key.txt")]
    [InlineData("6.3.6", "CFB", "start --bind-tcp=example:10000,encryption=AES-CFB,keyfile=/etc/xpra/key.txt")]
    [InlineData("master", "CTR", "start --bind-tcp=example:10000,encryption=AES-CTR,keyfile=/etc/xpra/key.txt")]
    [InlineData("master", "CBC CTR", "start --bind-tcp=example:10000,encryption=AES,keyfile=/etc/xpra/key.txt")]
    public void A_server_gets_socket_options_or_before_4_1_global_ones(string version, string modes, string arguments)
        => Assert.Equal(arguments, Arguments(XpraRole.Server, version, modes));

    [Theory]
    [InlineData("3.1", "", "attach tcp://example:10000/ --tcp-encryption=AES --tcp-encryption-keyfile=/etc/xpra/key.txt")]
    [InlineData("3.1", "CBC GCM", "attach tcp://example:10000/ --tcp-encryption=AES --tcp-encryption-keyfile=/etc/xpra/key.txt")]
    [InlineData("4.1", "CBC", "attach tcp://example:10000/?encryption=AES&keyfile=/etc/xpra/key.txt")]
    [InlineData("4.4", "", "attach tcp://example:10000/?encryption=AES&keyfile=/etc/xpra/key.txt")]
    [InlineData("4.4", "CBC", "attach tcp://example:10000/?encryption=AES-CBC&keyfile=/etc/xpra/key.txt")]
    [InlineData("4.4", "CFB", "attach tcp://example:10000/?encryption=AES-CFB&keyfile=/etc/xpra/key.txt")]
    [InlineData("5.1", "GCM", "attach tcp://example:10000/?encryption=AES-GCM&keyfile=/etc/xpra/key.txt")]
    [InlineData("6.1", "CTR", "attach tcp://example:10000/?encryption=AES-CTR&keyfile=/etc/xpra/key.txt")]
    [InlineData("6.2", "GCM CTR", "attach tcp://example:10000/?encryption=AES-CTR&keyfile=/etc/xpra/key.txt")]
    [InlineData("6.4", "CTR", "attach tcp://example:10000/?encryption=AES-CTR&keyfile=/etc/xpra/key.txt")]
    [InlineData("6.5.2", "CFB", "attach tcp://example:10000/ --encryption=AES-CFB --encryption-keyfile=/etc/xpra/key.txt")]
    [InlineData("6.5", "CTR", "attach tcp://example:10000/ --encryption=AES-CTR --encryption-keyfile=/etc/xpra/key.txt")]
    [InlineData("master", "", "attach tcp://example:10000/ --encryption=AES --encryption-keyfile=/etc/xpra/key.txt")]
    public void A_client_gets_a_URI_or_options_where_it_ignores_encryption_in_URIs(string version, string modes, string arguments)
        => Assert.Equal(arguments, Arguments(XpraRole.Client, version, modes));

    [Theory]
    [InlineData("3.1", "CTR", "came with xpra 4.3")]
    [InlineData("4.2", "GCM", "came with xpra 4.3")]
    [InlineData("6.2", "GCM", "was removed in xpra 6.2")]
    [InlineData("6.5", "GCM", "was removed in xpra 6.2")]
    [InlineData("6.5", "CFB", "was removed in xpra 6.5.3")]
    [InlineData("6.5.3", "CFB GCM", "AES-CFB was removed in xpra 6.5.3, AES-GCM was removed in xpra 6.2")]
    [InlineData("master", "CFB", "was removed in xpra 6.5.3")]
    public void An_unsupported_mode_is_refused_with_the_reason(string version, string modes, string reason)
    {
        var error = Fails(XpraErrorId.ModeRejected, () => Arguments(XpraRole.Client, version, modes));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("AES-CBC", error.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("6.4")]
    [InlineData("6.4.0")]
    [InlineData("6.5")]
    [InlineData("6.5.3")]
    public void A_server_that_ignores_AES_is_refused(string version)
        => Assert.Contains("silently ignore", Fails(XpraErrorId.VersionRejected, () => Arguments(XpraRole.Server, version, "CBC")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_server_cannot_accept_two_modes_of_four()
        => Fails(XpraErrorId.InvalidOption, () => Arguments(XpraRole.Server, "5.1", "CBC CTR"));

    [Theory]
    [InlineData("2.5")]
    [InlineData("6")]
    [InlineData("6.5.3.1")]
    [InlineData("newest")]
    [InlineData("")]
    public void An_invalid_version_is_refused(string version)
        => Fails(XpraErrorId.InvalidOption, () => Arguments(XpraRole.Client, version, ""));

    [Theory]
    [InlineData("v6.2.5", "6.2.5")]
    [InlineData("MASTER", "master")]
    [InlineData("6.2", "6.2")]
    public void The_version_is_shown_as_xpra_writes_it(string given, string shown)
        => Assert.Equal(shown, XpraCommandLine.Create(XpraRole.Client, given, Tcp, [], KeyFile, null).XpraVersion);

    [Theory]
    [InlineData(XpraRole.Server, "4.4", "start --bind-tcp=example:10000,encryption=AES,keydata=0x6b2d")]
    [InlineData(XpraRole.Client, "4.4", "attach tcp://example:10000/?encryption=AES&keydata=0x6b2d")]
    [InlineData(XpraRole.Client, "6.2", "attach tcp://example:10000/?encryption=AES&keydata=0x6b2d")]
    [InlineData(XpraRole.Server, "master", "start --bind-tcp=example:10000,encryption=AES,keydata=0x6b2d")]
    public void A_key_without_a_file_is_written_as_hexadecimal(XpraRole role, string version, string arguments)
    {
        using var key = XpraKey.FromText("k-");

        Assert.Equal(arguments, string.Join(' ', XpraCommandLine.Create(role, version, Tcp, [], null, key).Arguments));
    }

    [Theory]
    [InlineData(XpraRole.Server, "3.1")]
    [InlineData(XpraRole.Client, "3.1")]
    [InlineData(XpraRole.Client, "6.5")]
    [InlineData(XpraRole.Client, "master")]
    public void Key_data_is_refused_where_only_a_key_file_is_accepted(XpraRole role, string version)
    {
        using var key = XpraKey.FromText("k-");

        Fails(XpraErrorId.KeyMissing, () => XpraCommandLine.Create(role, version, Tcp, [], null, key));
    }

    [Fact]
    public void Without_a_key_there_is_no_command_line()
        => Fails(XpraErrorId.KeyMissing, () => XpraCommandLine.Create(XpraRole.Client, "6.2", Tcp, [], null, null));

    [Fact]
    public void Other_transports_have_their_own_options()
    {
        Assert.Equal("start --bind-ws=example:8080,encryption=AES,keyfile=/etc/xpra/key.txt", Arguments(XpraRole.Server, "6.2", "", WebSocket));
        Assert.Equal("start --bind-ws=example:8080 --tcp-encryption=AES --tcp-encryption-keyfile=/etc/xpra/key.txt", Arguments(XpraRole.Server, "3.1", "", WebSocket));
        Assert.Equal("attach ws://example:8080/?encryption=AES&keyfile=/etc/xpra/key.txt", Arguments(XpraRole.Client, "5.1", "", WebSocket));
        Assert.Equal("start --bind=/run/xpra/s,encryption=AES,keyfile=/etc/xpra/key.txt", Arguments(XpraRole.Server, "5.1", "", Unix));
        Assert.Equal("attach socket:///run/xpra/s --encryption=AES --encryption-keyfile=/etc/xpra/key.txt", Arguments(XpraRole.Client, "5.1", "", Unix));
        XpraEndpoint pipe = new(TransportKind.NamedPipe, "", 0, "office");
        Assert.Equal("attach named-pipe://office --encryption=AES --encryption-keyfile=/etc/xpra/key.txt", Arguments(XpraRole.Client, "5.1", "", pipe));
        Assert.StartsWith("start --bind=office,encryption=AES", Arguments(XpraRole.Server, "5.1", "", pipe), StringComparison.Ordinal);
        Fails(XpraErrorId.VersionRejected, () => Arguments(XpraRole.Client, "4.4", "", Unix));
    }

    [Fact]
    public void Both_ends_get_the_password_file()
    {
        Assert.Equal("--password-file=/p", XpraCommandLine.Create(XpraRole.Client, "3.1", Tcp, [], KeyFile, null, "/p").Arguments[^1]);
        Assert.Equal("--tcp-auth=file:filename=/p", XpraCommandLine.Create(XpraRole.Server, "6.2", Tcp, [], KeyFile, null, "/p").Arguments[^1]);
        Assert.Equal("--ws-auth=file:filename=/p", XpraCommandLine.Create(XpraRole.Server, "6.2", WebSocket, [], KeyFile, null, "/p").Arguments[^1]);
        Assert.Equal("--auth=file:filename=/p", XpraCommandLine.Create(XpraRole.Server, "6.2", Unix, [], KeyFile, null, "/p").Arguments[^1]);
    }

    [Fact]
    public void A_user_name_is_put_in_the_clients_URI_only()
    {
        Assert.Equal("tcp://ada@example:10000/?encryption=AES&keyfile=/etc/xpra/key.txt", XpraCommandLine.Create(XpraRole.Client, "6.2", Tcp, [], KeyFile, null, null, "ada").Arguments[1]);
        Assert.Equal("ws://ada@example:8080/", XpraCommandLine.Create(XpraRole.Client, "6.5", WebSocket, [], KeyFile, null, null, "ada").Arguments[1]);
        Assert.Equal("start --bind-tcp=example:10000,encryption=AES,keyfile=/etc/xpra/key.txt", string.Join(' ', XpraCommandLine.Create(XpraRole.Server, "6.2", Tcp, [], KeyFile, null, null, "ada").Arguments));
        Fails(XpraErrorId.InvalidOption, () => XpraCommandLine.Create(XpraRole.Client, "6.2", Tcp, [], KeyFile, null, null, "a@b"));
    }

    [Theory]
    [InlineData(XpraRole.Server, "6.2", "/k,1")]
    [InlineData(XpraRole.Server, "4.4", "/k(1")]
    [InlineData(XpraRole.Server, "6.2", "/k=1")]
    [InlineData(XpraRole.Server, "6.2", "/k ")]
    [InlineData(XpraRole.Client, "4.4", "/my key")]
    public void A_path_that_the_version_would_misread_is_refused(XpraRole role, string version, string path)
    {
        var error = Fails(XpraErrorId.InvalidOption, () => XpraCommandLine.Create(role, version, Tcp, [], path, null));

        Assert.Equal(path, error.Target);
    }

    [Theory]
    [InlineData(XpraRole.Client, "6.2", "/my key", "xpra attach 'tcp://example:10000/?encryption=AES&keyfile=/my%20key'")]
    [InlineData(XpraRole.Client, "6.5", "/my key", "xpra attach tcp://example:10000/ --encryption=AES '--encryption-keyfile=/my key'")]
    [InlineData(XpraRole.Client, "3.1", "/it's", "xpra attach tcp://example:10000/ --tcp-encryption=AES '--tcp-encryption-keyfile=/it'\\''s'")]
    [InlineData(XpraRole.Server, "6.2", "/my key", "xpra start '--bind-tcp=example:10000,encryption=AES,keyfile=/my key'")]
    [InlineData(XpraRole.Server, "3.1", "/k", "xpra start --bind-tcp=example:10000 --tcp-encryption=AES --tcp-encryption-keyfile=/k")]
    public void The_line_is_quoted_for_a_shell(XpraRole role, string version, string path, string line)
    {
        var result = XpraCommandLine.Create(role, version, Tcp, [], path, null);

        Assert.Equal(line, result.CommandLine);
        Assert.Equal(line, $"{result}");
        Assert.Equal(role, result.Role);
    }

    private static string Arguments(XpraRole role, string version, string modes, XpraEndpoint? endpoint = null)
        => string.Join(' ', XpraCommandLine.Create(role, version, endpoint ?? Tcp, [.. modes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Enum.Parse<AesMode>)], KeyFile, null).Arguments);

    private static XpraAesException Fails(XpraErrorId id, Func<object> action)
    {
        var error = Assert.Throws<XpraAesException>(action);
        Assert.Equal(id, error.Id);
        Assert.NotNull(error.RecommendedAction);
        return error;
    }
}
