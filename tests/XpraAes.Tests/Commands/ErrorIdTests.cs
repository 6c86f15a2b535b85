using System.Management.Automation;
using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>Each cause of failure has its own stable error id, with a target and a recommended action.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class ErrorIdTests : IDisposable
{
    private const string Key = "0x00112233445566778899aabbccddeeff";
    private const string OtherKey = "0xffeeddccbbaa99887766554433221100";

    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public static TheoryData<XpraErrorId, string> Greetings => new()
    {
        { XpraErrorId.PeerIsHttp, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" },
        { XpraErrorId.PeerIsTls, "\x15\x03\x03\x00\x02\x02\x46" },
        { XpraErrorId.PeerIsSsh, "SSH-2.0-OpenSSH_9.2\r\n" },
        { XpraErrorId.PeerIsRfb, "RFB 003.008\n" },
        { XpraErrorId.PeerSentText, "disconnect: too many connections\n" },
        { XpraErrorId.NotXpra, "\x00\x01\x02\x03\x04\x05\x06\x07" },
    };

    public void Dispose()
    {
        _host.Run("Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Nobody_listens() => AssertConnectFails(XpraErrorId.ConnectionRefused, ErrorCategory.ConnectionError, RealXpra.FreePort());

    [Fact]
    public void The_host_name_does_not_resolve()
    {
        var error = Fail($"Connect-XpraAes -ComputerName no-such-host.invalid -KeyData {Key}");
        AssertError(error, XpraErrorId.HostUnreachable, ErrorCategory.ConnectionError, "tcp://no-such-host.invalid:14500/");
    }

    [Fact]
    public void No_connection_is_established_in_time()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A full queue of connections drops packets on Linux; elsewhere it refuses them.");
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        var endPoint = (IPEndPoint)listener.LocalEndPoint!;
        using var first = new TcpClient();
        first.Connect(endPoint);
        AssertConnectFails(XpraErrorId.ConnectTimeout, ErrorCategory.OperationTimeout, endPoint.Port, "-Timeout 0.3");
    }

    [Fact]
    public void The_server_stays_silent()
    {
        using var peer = FakePeer.Silent();
        AssertConnectFails(XpraErrorId.HandshakeTimeout, ErrorCategory.OperationTimeout, peer.Port, "-Timeout 00:00:00.3");
    }

    [Fact]
    public void The_server_hangs_up()
    {
        using var peer = FakePeer.ThatHangsUp();
        AssertConnectFails(XpraErrorId.ConnectionLost, ErrorCategory.ConnectionError, peer.Port);
    }

    [Theory]
    [MemberData(nameof(Greetings))]
    public void It_is_no_xpra_server(XpraErrorId id, string greeting)
    {
        using var peer = FakePeer.Saying(Encoding.Latin1.GetBytes(greeting));
        AssertConnectFails(id, ErrorCategory.ProtocolError, peer.Port);
    }

    [Theory]
    [InlineData("CBC")]
    [InlineData("CTR")]
    [InlineData("GCM")]
    [InlineData("CFB")]
    public void The_two_sides_hold_different_keys(string mode)
    {
        var port = StartListener($"-KeyData {OtherKey} -Mode {mode}");
        AssertConnectFails(XpraErrorId.KeyMismatch, ErrorCategory.SecurityError, port, $"-Mode {mode}");
    }

    [Fact]
    public void The_listener_rejects_the_mode_and_the_action_says_where_to_look()
    {
        var port = StartListener($"-KeyData {Key} -Mode CTR, CFB");
        var error = AssertConnectFails(XpraErrorId.PeerDisconnected, ErrorCategory.ConnectionError, port, "-Mode GCM");
        Assert.Contains("another -Mode", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void The_server_answers_in_plaintext()
    {
        using var peer = FakePeer.Answering(key: null, Hello.PacketType, new XpraDictionary { ["version"] = "6.5.3" });
        AssertConnectFails(XpraErrorId.PlaintextPacket, ErrorCategory.SecurityError, peer.Port);
    }

    [Theory]
    [InlineData("the server does not support encryption on this connection", XpraErrorId.CipherCapabilitiesMissing)]
    [InlineData("the server is configured for AES-CBC not AES-CTR", XpraErrorId.ModeRejected)]
    [InlineData("unsupported padding 'legacy'", XpraErrorId.PaddingRejected)]
    [InlineData("invalid username ''", XpraErrorId.AuthenticationFailed)]
    [InlineData("session busy", XpraErrorId.PeerDisconnected)]
    public void The_server_refuses_in_plaintext(string reason, XpraErrorId id)
    {
        using var peer = FakePeer.Answering(key: null, Hello.DisconnectType, reason);
        var error = Fail(Connect(peer.Port));
        AssertId(error, id);
        Assert.Contains(reason, error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_servers_hello_does_not_say_how_to_encrypt()
    {
        using var key = XpraKey.FromText(Key);
        using var peer = FakePeer.Answering(key, Hello.PacketType, new XpraDictionary { ["version"] = "6.2.5" });
        AssertConnectFails(XpraErrorId.CipherCapabilitiesMissing, ErrorCategory.ProtocolError, peer.Port);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(2_000_000)]
    public void The_server_asks_for_iterations_that_no_xpra_has(int iterations)
    {
        using var key = XpraKey.FromText(Key);
        var hello = new XpraDictionary { ["version"] = "6.2.5" };
        CipherCapabilities.Write(hello, new CipherParameters { Mode = AesMode.CTR, IV = new byte[16], Salt = new byte[64], Iterations = iterations }, stream: null);
        using var peer = FakePeer.Answering(key, Hello.PacketType, hello);
        AssertConnectFails(XpraErrorId.IterationsRejected, ErrorCategory.SecurityError, peer.Port, "-Mode CTR");
    }

    [Theory]
    [InlineData(99)]
    [InlineData(1_000_001)]
    public void We_ask_for_iterations_that_no_xpra_has(int iterations)
    {
        AssertId(Fail($"'tcp://a/', 'tcp://b/' | Connect-XpraAes -KeyData {Key} -Iterations {iterations}"), XpraErrorId.IterationsRejected);
        AssertId(Fail($"Start-XpraAesListener -Port 0 -KeyData {Key} -Iterations {iterations}"), XpraErrorId.IterationsRejected);
    }

    [Fact]
    public async Task The_server_asks_for_a_password_and_accepts_only_the_right_one()
    {
        using var key = XpraKey.FromText(Key);
        using var password = SecretBuffer.FromUtf8("correct horse");
        await using var server = AesListener.Start(new ListenerOptions { Key = key, Modes = Enum.GetValues<AesMode>(), Password = password, UserName = "ada" });
        AssertConnectFails(XpraErrorId.AuthenticationRequired, ErrorCategory.AuthenticationError, server.Port);
        AssertConnectFails(XpraErrorId.AuthenticationFailed, ErrorCategory.AuthenticationError, server.Port, $"-Credential {Credential("ada", "wrong")}");
        AssertConnectFails(XpraErrorId.AuthenticationFailed, ErrorCategory.AuthenticationError, server.Port, $"-PasswordFile {_folder.Write("password", "correct horse"u8)}");
        Assert.Equal("Open", _host.Run($"{Connect(server.Port)} -Credential {Credential("ada", "correct horse")} | ForEach-Object State").Text);
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes");
    }

    [Fact]
    public void A_key_file_is_missing_empty_a_folder_or_not_readable()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A socket in the file system stands for what cannot be read.");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_folder["socket"]));
        _folder.Write("empty", "\r\n"u8);
        foreach (var (file, id, category) in new[]
        {
            ("none", XpraErrorId.KeyFileNotFound, ErrorCategory.ObjectNotFound),
            ("empty", XpraErrorId.KeyFileEmpty, ErrorCategory.InvalidData),
            ("", XpraErrorId.KeyFileIsFolder, ErrorCategory.ReadError),
            ("socket", XpraErrorId.KeyFileUnreadable, ErrorCategory.ReadError),
        })
        {
            var path = Path.Combine(_folder.Root, file).TrimEnd('/');
            AssertError(Fail($"Start-XpraAesListener -Port 0 -KeyFile {path}"), id, category, path);
            var error = Fail($"Connect-XpraAes -ComputerName a-host -KeyFile {path}");
            AssertError(error, id, category, "tcp://a-host:14500/");
            Assert.StartsWith("tcp://a-host:14500/: ", error.Exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_key_file_is_not_overwritten_or_not_writable()
    {
        var path = _folder.Write("key", "there"u8);
        AssertError(Fail($"New-XpraAesKey {path}"), XpraErrorId.KeyFileExists, ErrorCategory.ResourceExists, path);
        Assert.Equal("there", File.ReadAllText(path));
        AssertError(Fail($"New-XpraAesKey {_folder["none/key"]}"), XpraErrorId.KeyFileUnwritable, ErrorCategory.WriteError, _folder["none/key"]);
    }

    [Fact]
    public void The_password_file_is_missing_or_empty()
    {
        foreach (var path in new[] { _folder["none"], _folder.Write("empty", ""u8) })
            AssertError(Fail($"{Connect(RealXpra.FreePort())} -PasswordFile {path}"), XpraErrorId.PasswordFileUnreadable, ErrorCategory.ReadError, path);
    }

    [Fact]
    public void There_is_no_key_or_its_text_is_not_what_its_prefix_says()
    {
        var environment = Environment.GetEnvironmentVariable("XPRA_ENCRYPTION_KEY");
        Assert.SkipUnless(string.IsNullOrEmpty(environment), "XPRA_ENCRYPTION_KEY is set here.");
        AssertId(Fail("Start-XpraAesListener -Port 0"), XpraErrorId.KeyMissing);
        AssertId(Fail("Start-XpraAesListener -Port 0 -KeyData 0xZZ"), XpraErrorId.KeyTextInvalid);
        AssertId(Fail("Get-XpraAesKey -KeyData base64:=a"), XpraErrorId.KeyTextInvalid);
    }

    [Fact]
    public void Another_program_has_the_port()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        AssertError(Fail($"Start-XpraAesListener -Port {((IPEndPoint)other.LocalEndpoint).Port} -KeyData {Key}"), XpraErrorId.PortInUse, ErrorCategory.ResourceBusy, other.LocalEndpoint.ToString()!);
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1:0")]
    [InlineData("elsewhere", "elsewhere")]
    public void The_address_is_not_one_of_this_machine(string address, string target)
        => AssertError(Fail($"Start-XpraAesListener -Port 0 -BindAddress {address} -KeyData {Key}"), XpraErrorId.AddressUnavailable, ErrorCategory.ResourceUnavailable, target);

    [Theory]
    [InlineData("nonsense")]
    [InlineData("ftp://host/")]
    [InlineData("ssh://host:10000/")]
    [InlineData("tcp://host:notaport/")]
    [InlineData("tcp://host/?encryption=DES")]
    public void The_URI_is_none(string uri)
    {
        var error = Fail($"Connect-XpraAes '{uri}' -KeyData {Key}");
        AssertId(error, XpraErrorId.InvalidUri);
        Assert.Equal(ErrorCategory.InvalidArgument, error.CategoryInfo.Category);
    }

    [Theory]
    [InlineData("'tcp://host/?encryption=AES-GCM' -Mode CTR")]
    [InlineData("'tcp://host/?keydata=00112233445566778899aabbccddeeff'")]
    [InlineData("'tcp://ada:secret@host/' -Credential (CREDENTIAL)")]
    public void The_URI_and_the_parameters_contradict_each_other(string arguments)
    {
        var script = $"Connect-XpraAes {arguments} -KeyData {Key}".Replace("(CREDENTIAL)", Credential("ada", "other"), StringComparison.Ordinal);
        AssertError(Fail(script), XpraErrorId.InvalidOption, ErrorCategory.InvalidArgument, "tcp://host:14500/");
    }

    [Theory]
    [InlineData("Get-XpraAesListener -Id 987654")]
    [InlineData("Get-XpraAesListener -Port 1")]
    [InlineData("Stop-XpraAesListener -Id 987654")]
    [InlineData("Get-XpraAesConnection -Id 987654")]
    [InlineData("Disconnect-XpraAes -Id 987654")]
    public void There_is_nothing_live_of_that_number(string command)
    {
        var error = Fail(command);
        AssertId(error, XpraErrorId.NotFound);
        Assert.Equal(ErrorCategory.ObjectNotFound, error.CategoryInfo.Category);
    }

    private static string Connect(int port) => $"Connect-XpraAes -ComputerName 127.0.0.1 -Port {port} -KeyData {Key}";

    private static string Credential(string user, string password)
        => $"([pscredential]::new('{user}', [System.Net.NetworkCredential]::new('', '{password}').SecurePassword))";

    private static void AssertId(ErrorRecord error, XpraErrorId id)
    {
        var parts = error.FullyQualifiedErrorId.Split(',');
        Assert.Equal($"{id}", parts[0]);
        Assert.StartsWith("XpraAes.PowerShell.Commands.", parts[1], StringComparison.Ordinal);
    }

    private static void AssertError(ErrorRecord error, XpraErrorId id, ErrorCategory category, string target)
    {
        AssertId(error, id);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.Equal(target, error.TargetObject);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
    }

    private int StartListener(string arguments) => (int)Assert.Single(_host.Run($"(Start-XpraAesListener -Port 0 {arguments}).Port").Output).BaseObject;

    private ErrorRecord AssertConnectFails(XpraErrorId id, ErrorCategory category, int port, string arguments = "")
    {
        var error = Fail($"{Connect(port)} {arguments}");
        AssertError(error, id, category, $"tcp://127.0.0.1:{port}/");
        Assert.StartsWith($"tcp://127.0.0.1:{port}/: ", error.Exception.Message, StringComparison.Ordinal);
        return error;
    }

    private ErrorRecord Fail(string script)
    {
        var result = _host.Run(script);
        Assert.Empty(result.Output);
        return Assert.Single(result.Errors);
    }
}
