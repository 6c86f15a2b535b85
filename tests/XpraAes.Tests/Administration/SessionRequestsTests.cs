using XpraAes.Administration;
using XpraAes.Connections;
using XpraAes.Tests.Diagnostics;

namespace XpraAes.Tests.Administration;

/// <summary>Requests within an open session, to servers of every generation.</summary>
public sealed class SessionRequestsTests : ProbeTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task One_session_does_many_things(string version)
    {
        await using var server = Serve(Generation.Of(version));
        await using var connection = await XpraConnector.ConnectAsync(Options(server.Endpoint.Port));
        var requests = new SessionRequests(connection, s_timeout);
        Assert.Single(ServerInformation.ReadWindows(ServerInformation.Normalize(await requests.GetInfoAsync(default)), requests.Server));
        Assert.Equal(484, (await requests.TakeScreenshotAsync(default))!.Width);
        var started = await requests.StartAsync("xterm", ["xterm", "-T", "two words"], asChild: true, default);
        Assert.Equal(("xterm", true, null), (started.Program, started.IsChild, started.ProcessId));
        Assert.Contains("start-command xterm [xterm -T two words] False True", server.Packets);
        Assert.Equal("exit", (await requests.StopAsync(keepApplications: true, default)).Command);
        Assert.Equal("exit-server", server.Packets.Last());
        Assert.Equal(ConnectionState.Closed, connection.State);
        Assert.Equal(1, server.Connections - (version == "3.1.3" ? 1 : 0)); // 3.1 needs a second, in its encoding
    }

    [Fact]
    public async Task Commands_have_no_answer_in_a_session()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        await using var connection = await XpraConnector.ConnectAsync(Options(server.Endpoint.Port));
        var result = await new SessionRequests(connection, s_timeout).ControlAsync(["name", "two words"], default);
        Assert.Equal(("name", null, null), (result.Command, result.Code, result.Text));
        Assert.Contains("command_request name two words", server.Packets);
    }

    /// <summary>It looks the name up as text, but what arrives is bytes (tried with Debian's 3.1.3).</summary>
    [Fact]
    public async Task Servers_of_3_1_do_not_understand_commands_in_a_session()
    {
        await using var server = Serve(Generation.Of("3.1.3"));
        await using var connection = await XpraConnector.ConnectAsync(Options(server.Endpoint.Port));
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => new SessionRequests(connection, s_timeout).ControlAsync(["name", "x"], default));
        Assert.Equal(XpraErrorId.RequestUnsupported, failure.Id);
        Assert.DoesNotContain(server.Packets, packet => packet.StartsWith("command_request", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Several_questions_at_a_time_get_an_answer_each()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        await using var connection = await XpraConnector.ConnectAsync(Options(server.Endpoint.Port));
        var requests = new SessionRequests(connection, s_timeout);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => requests.GetInfoAsync(default)));
        Assert.All(answers, answer => Assert.True(answer.ContainsKey("windows")));
    }

    [Fact]
    public async Task A_late_answer_does_not_go_to_the_next_question()
    {
        var asked = 0;
        using var late = new ManualResetEventSlim();
        await using var server = Serve(Generation.Of("6.2.5") with
        {
            SessionInfo = _ =>
            {
                var number = Interlocked.Increment(ref asked);
                if (number == 1)
                    late.Wait(s_timeout);
                return new() { ["number"] = (long)number };
            },
        });
        await using var connection = await XpraConnector.ConnectAsync(Options(server.Endpoint.Port));
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => new SessionRequests(connection, TimeSpan.FromMilliseconds(100)).GetInfoAsync(default));
        Assert.Equal((XpraErrorId.HandshakeTimeout, connection.Endpoint), (failure.Id, failure.Target));
        late.Set();
        Assert.Equal(2, (await new SessionRequests(connection, s_timeout).GetInfoAsync(default)).GetInteger("number"));
    }

    [Fact]
    public async Task A_closed_connection_says_so()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        var connection = await XpraConnector.ConnectAsync(Options(server.Endpoint.Port));
        await connection.CloseAsync();
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => new SessionRequests(connection, s_timeout).GetInfoAsync(default));
        Assert.Equal((XpraErrorId.Closed, connection.Endpoint), (failure.Id, failure.Target));
    }

    [Fact]
    public async Task The_other_clients_cannot_be_disconnected_from_within()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        await using var connection = await XpraConnector.ConnectAsync(Options(server.Endpoint.Port));
        Assert.Equal(XpraErrorId.RequestUnsupported, (await Assert.ThrowsAsync<XpraAesException>(() => new SessionRequests(connection, s_timeout).DetachAsync(default))).Id);
    }
}
