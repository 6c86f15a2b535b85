using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Sessions with servers of each generation, with their peculiarities and their refusals.</summary>
public sealed class GenerationsOfServersTests : ProbeTests
{
    [Theory]
    [MemberData(nameof(GenerationsAndModes))]
    public async Task A_session_is_established_with_a_server_of_each_generation_in_each_of_its_modes(string version, AesMode mode)
    {
        await using var server = Serve(version);
        await AssertStandsAsync(server, options => options with { Mode = mode });
        Assert.Equal(1, server.Sessions);
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("4.4.6")]
    [InlineData("5.1.6")]
    [InlineData("6.1.3")]
    [InlineData("6.2.5")]
    [InlineData("6.6")]
    public async Task A_session_is_established_with_a_password(string version)
    {
        await using var server = Serve(Named(version) with { Password = "pw" });
        using var password = SecretBuffer.FromUtf8("pw");
        await AssertStandsAsync(server, options => options with { Password = password });
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("4.4.6")]
    [InlineData("6.1.3")]
    [InlineData("6.2.5")]
    public async Task A_session_is_established_with_an_encrypted_first_packet(string version)
    {
        await using var server = Serve(Named(version) with { EncryptsFirstPacket = true });
        foreach (var userName in new[] { "a", "a-name-that-makes-the-hello-longer" }) // so that both paddings are met
            await AssertStandsAsync(server, options => options with { EncryptFirstPacket = true, UserName = userName });
    }

    [Theory]
    [InlineData("6.2.5")]
    [InlineData("6.6")]
    public async Task A_session_is_established_with_an_IV_in_every_packet(string version)
    {
        await using var server = Serve(version);
        await AssertStandsAsync(server, options => options with { Stream = false });
    }

    [Theory]
    [InlineData("4.4.6")]
    [InlineData("5.1.6")]
    [InlineData("6.1.3")]
    [InlineData("6.2.5")]
    public async Task A_server_up_to_6_3_says_why_it_refuses(string version)
    {
        await using var server = Serve(Named(version) with { Mode = AesMode.CTR });
        var failure = await FailureAsync(server, options => options);
        Assert.Equal(XpraErrorId.ModeRejected, failure.Id);
        Assert.Contains("AES-CTR", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("6.5.3")]
    [InlineData("6.6")]
    public async Task A_server_from_6_4_on_refuses_in_silence(string version)
    {
        await using var server = Serve(Named(version) with { Mode = AesMode.CTR });
        var failure = await FailureAsync(server, options => options);
        Assert.Equal(XpraErrorId.HandshakeTimeout, failure.Id);
        Assert.Contains("Test-XpraAes", failure.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("5.1.6")]
    [InlineData("6.2.5")]
    public async Task A_server_that_answers_in_bare_text_is_quoted(string version)
    {
        await using var server = Serve(Named(version) with { EncryptsFirstPacket = true });
        var failure = await FailureAsync(server, options => options);
        Assert.Equal(XpraErrorId.PeerSentText, failure.Id);
        Assert.Contains("unencrypted packet dropped", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4.4.6")]
    [InlineData("6.1.3")]
    public async Task A_server_that_pads_with_spaces_against_the_request_is_refused(string version)
    {
        await using var server = Serve(Named(version) with { Padding = PaddingScheme.Legacy });
        Assert.Equal(XpraErrorId.KeyMismatch, (await FailureAsync(server, options => options)).Id);
    }

    [Fact]
    public async Task A_server_that_speaks_CBC_whatever_it_is_asked_for_is_not_understood()
    {
        await using var server = Serve("3.1.3");
        var failure = await FailureAsync(server, options => options with { Mode = AesMode.CTR });
        Assert.Equal(XpraErrorId.KeyMismatch, failure.Id);
        Assert.Contains("3.1", failure.RecommendedAction, StringComparison.Ordinal);
    }

    private Task<XpraAesException> FailureAsync(FakeServer server, Func<ConnectOptions, ConnectOptions> change)
    {
        var options = Options(server.Endpoint.Port);
        return Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(change(server.IsSilent ? options with { Timeout = TimeSpan.FromSeconds(1) } : options)));
    }

    private async Task AssertStandsAsync(FakeServer server, Func<ConnectOptions, ConnectOptions> change)
    {
        var connection = await XpraConnector.ConnectAsync(change(Options(server.Endpoint.Port)));
        for (var i = 0; i < 3; i++)
            await connection.PingAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(ConnectionState.Open, connection.State);
        await connection.CloseAsync();
        Assert.Null(connection.CloseCause);
    }
}
