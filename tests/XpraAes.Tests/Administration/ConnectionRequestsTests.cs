using System.Text;
using XpraAes.Administration;
using XpraAes.Encodings;
using XpraAes.Keys;
using XpraAes.Tests.Diagnostics;

namespace XpraAes.Tests.Administration;

/// <summary>Requests on connections of their own, to servers of every generation.</summary>
public sealed class ConnectionRequestsTests : ProbeTests
{
    private const string Secret = "-pSECRET";

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_control_command_is_answered_without_a_session(string version)
    {
        await using var server = Serve(Generation.Of(version));
        var result = await Requests(server).ControlAsync(["help"], default);
        Assert.Equal((0, Generation.Help, "help", $"{server.Endpoint}"), (result.Code, result.Text, result.Command, result.Server));
        Assert.Equal(["session", "command"], server.Requests.TakeLast(2)); // the first hello asks for nothing
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Neither_the_request_nor_its_arguments_are_readable_on_the_way(string version)
    {
        await using var server = Serve(Generation.Of(version));
        await Requests(server).StartAsync("mysqldump", ["mysqldump", Secret], asChild: false, default);
        var sent = Encoding.Latin1.GetString(server.Received);
        Assert.Contains("key_salt", sent, StringComparison.Ordinal); // it does record the hellos
        Assert.All([Secret, "mysqldump", "command_request"], hidden => Assert.DoesNotContain(hidden, sent, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task An_unknown_command_has_an_error_of_its_own(string version)
    {
        await using var server = Serve(Generation.Of(version));
        await AssertFails(XpraErrorId.RequestUnsupported, "nonsense", server, Requests(server).ControlAsync(["nonsense", Secret], default));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_failed_command_shows_the_servers_words(string version)
    {
        await using var server = Serve(Generation.Of(version));
        await AssertFails(XpraErrorId.ControlFailed, "invalid literal for int()", server, Requests(server).ControlAsync(["quality", "abc"], default));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_program_is_started_in_the_form_that_the_generation_takes(string version)
    {
        var taken = new List<IReadOnlyList<string>>();
        var traits = Generation.Of(version);
        await using var server = Serve(traits with { Answer = (request, arguments) => { taken.Add(arguments); return traits.Answer!(request, arguments); } });
        var started = await Requests(server).StartAsync("xterm", ["xterm", "-T", "it's $HOME; reboot"], asChild: true, default);
        Assert.Equal(("xterm", true, 4712), (started.Program, started.IsChild, started.ProcessId));
        Assert.Equal(Generation.UsesShell(traits) ? ["start-child", "exec xterm -T 'it'\\''s $HOME; reboot'"] : ["start-child", "xterm", "-T", "it's $HOME; reboot"], Assert.Single(taken));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_server_that_starts_nothing_says_so(string version)
    {
        await using var server = Serve(Generation.Of(version, startsPrograms: false));
        await AssertFails(XpraErrorId.StartDisabled, "does not start programs", server, Requests(server).StartAsync("xterm", ["xterm"], asChild: false, default));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_screenshot_is_a_picture_or_nothing(string version)
    {
        await using var server = Serve(Generation.Of(version));
        var picture = await Requests(server).TakeScreenshotAsync(default);
        Assert.Equal((484, 316, "png"), (picture!.Width, picture.Height, picture.Format));
        Assert.Equal(Generation.Png, picture.Data);
        await using var bare = Serve(Generation.Of(version, showsWindow: false));
        Assert.Null(await Requests(bare).TakeScreenshotAsync(default));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Detaching_tells_how_many(string version)
    {
        await using var server = Serve(Generation.Of(version));
        Assert.StartsWith("1 ", (await Requests(server).DetachAsync(default)).Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Stopping_uses_a_request_or_a_packet(string version)
    {
        await using var server = Serve(Generation.Of(version));
        Assert.Contains("server shutdown", (await Requests(server).StopAsync(keepApplications: false, default)).Text, StringComparison.Ordinal);
        Assert.Contains("server exit", (await Requests(server).StopAsync(keepApplications: true, default)).Text, StringComparison.Ordinal);
        Assert.Equal(Generation.UsesPackets(Named(version)) ? ["shutdown-server", "exit-server"] : [], server.Packets);
    }

    [Fact]
    public async Task A_server_that_clients_may_not_stop_is_asked_for_nothing()
    {
        var traits = Generation.Of("3.1.3");
        await using var server = Serve(traits with { Features = new() { ["client-shutdown"] = false } });
        await AssertFails(XpraErrorId.RequestRefused, "may not stop", server, Requests(server).StopAsync(keepApplications: false, default));
        Assert.DoesNotContain("shutdown-server", server.Packets);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Information_is_the_same_for_every_generation(string version)
    {
        await using var server = Serve(Generation.Of(version));
        var info = ServerInformation.Normalize(await Requests(server).GetInfoAsync(default));
        var endpoint = $"{server.Endpoint}";
        var summary = ServerInformation.Summarize(info, endpoint);
        Assert.Equal((endpoint, version, TimeSpan.FromSeconds(200), ":1715", "xterm", 1, 1, TimeSpan.FromSeconds(48)),
            (summary.Server, summary.Version, summary.Uptime, summary.Display, summary.SessionName, summary.Clients, summary.Windows, summary.Idle));
        var window = Assert.Single(ServerInformation.ReadWindows(info, endpoint));
        Assert.Equal(("xterm", "XTerm", 484, 316, true, false, 773), (window.Title, window.Class, window.Width, window.Height, window.Shown, window.Focused, window.ProcessId));
        Assert.Equal(version == "6.6" ? (4194316, null, null) : (1, 20, -7), (window.Id, window.X, window.Y));
        var client = Assert.Single(ServerInformation.ReadClients(info, endpoint));
        Assert.Equal((0, "127.0.0.1:53416", version, "AES-CBC", TimeSpan.FromMilliseconds(3), "44deee9b"), (client.Number, client.Address, client.Version, client.Cipher, client.Latency, client.Uuid));
        Assert.InRange(DateTime.Now - client.Since!.Value, TimeSpan.FromSeconds(48), TimeSpan.FromSeconds(108));
        Assert.True(ServerInformation.TryFind(info, "client.0.connection.input.cipher", out _));
    }

    [Theory]
    [InlineData("permission error", "`command` requests are not enabled for this connection")]
    [InlineData("error", "invalid request, 'command' is not supported by the proxy server")]
    [InlineData("client request", "stop is not served here")]
    [InlineData("session busy", "this session is locked")]
    public async Task A_refusal_has_an_error_of_its_own(string reason, string details)
    {
        await using var server = Serve(Generation.Of("6.2.5") with { Answer = (_, _) => ["disconnect", reason, details] });
        await AssertFails(XpraErrorId.RequestRefused, details, server, Requests(server).ControlAsync(["help"], default));
        await AssertFails(XpraErrorId.RequestRefused, details, server, Requests(server).TakeScreenshotAsync(default));
        await AssertFails(XpraErrorId.RequestRefused, details, server, Requests(server).DetachAsync(default));
        await AssertFails(XpraErrorId.RequestRefused, details, server, Requests(server).StopAsync(keepApplications: false, default));
    }

    [Fact]
    public async Task Readonly_servers_refuse()
    {
        await using var server = Serve(Generation.Of("6.6"));
        await AssertFails(XpraErrorId.RequestRefused, "readonly mode", server, Requests(server).ControlAsync(["readonly", "off"], default));
    }

    [Theory]
    [InlineData(6L, "control commands are not enabled on this connection")] // 6.1 and 6.2 with control=no
    [InlineData(1L, "the control channel is disabled")] // up to 6.2 with --control=no
    public async Task Servers_whose_control_is_turned_off_refuse(long code, string words)
    {
        await using var server = Serve(Generation.Of("6.2.5") with { Answer = (_, _) => ["hello", new XpraDictionary { ["command_response"] = new object?[] { code, words } }] });
        await AssertFails(XpraErrorId.RequestRefused, words, server, Requests(server).ControlAsync(["help"], default));
    }

    [Fact]
    public async Task A_proxy_server_is_asked_for_information_within_a_session()
    {
        await using var server = Serve(Generation.Of("6.2.5") with { RefusesRequests = true });
        Assert.True((await Requests(server).GetInfoAsync(default)).ContainsKey("windows"));
        Assert.Contains(server.Packets, packet => packet.StartsWith("info-request", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Information_that_is_turned_off_is_a_refusal()
    {
        await using var server = Serve(Generation.Of("6.2.5") with { Info = new() { ["error"] = "`info` requests are not enabled for this connection" }, SessionInfo = _ => new() { ["error"] = "`info` requests are not enabled for this connection" } });
        await AssertFails(XpraErrorId.RequestRefused, "not enabled", server, Requests(server).GetInfoAsync(default));
    }

    [Fact]
    public async Task A_password_is_asked_for_where_it_is_needed()
    {
        await using var server = Serve(Generation.Of("6.2.5") with { Password = "opensesame" });
        await AssertFails(XpraErrorId.AuthenticationRequired, "password", server, Requests(server).ControlAsync(["help"], default));
        using var password = SecretBuffer.FromUtf8("opensesame");
        var result = await new ConnectionRequests(Options(server.Endpoint.Port) with { Password = password }).ControlAsync(["help"], default);
        Assert.Equal(0, result.Code);
    }

    [Fact]
    public async Task Where_no_challenge_comes_the_command_goes_into_the_session_and_nowhere_else()
    {
        await using var server = Serve(Generation.Of("6.2.5") with { NeverChallenges = true });
        var result = await Requests(server).ControlAsync(["name", Secret], default);
        Assert.Null(result.Code);
        Assert.Equal($"command_request name {Secret}", server.Packets.First());
        Assert.DoesNotContain(Secret, Encoding.Latin1.GetString(server.Received), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_with_another_key_gets_nothing()
    {
        using var other = XpraKey.Generate();
        await using var server = Serve(Generation.Of("6.2.5"));
        await AssertFails(XpraErrorId.KeyMismatch, "different key", server, new ConnectionRequests(Options(server.Endpoint.Port) with { Key = other }).ControlAsync(["name", "x"], default));
        Assert.DoesNotContain("command", server.Requests);
    }

    private ConnectionRequests Requests(FakeServer server) => new(Options(server.Endpoint.Port));

    private static async Task AssertFails(XpraErrorId id, string words, FakeServer server, Task asking)
    {
        var failure = await Assert.ThrowsAnyAsync<XpraAesException>(() => asking);
        Assert.Equal((id, $"{server.Endpoint}"), (failure.Id, failure.Target));
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, failure.ToString(), StringComparison.Ordinal);
    }
}
