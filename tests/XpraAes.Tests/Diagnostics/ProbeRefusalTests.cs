using XpraAes.Ciphers;
using XpraAes.Diagnostics;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using Peer = XpraAes.Tests.Commands.FakePeer;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Refusals because of passwords, user names, the first packet and others.</summary>
public sealed class ProbeRefusalTests : ProbeTests
{
    [Theory]
    [InlineData("3.1.3")]
    [InlineData("5.1.6")]
    [InlineData("6.6")]
    public async Task A_server_asks_for_a_password_and_none_is_given(string version)
    {
        await using var server = Serve(Named(version) with { Password = "pw" });
        var found = await ProbeAsync(server);
        AssertCause(found, DiagnosisFinding.AuthenticationRequired);
        Assert.Contains(found, diagnosis => diagnosis.Finding == DiagnosisFinding.KeyRight);
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("5.1.6")]
    [InlineData("6.6")]
    public async Task A_server_refuses_the_password(string version)
    {
        await using var server = Serve(Named(version) with { Password = "pw" });
        using var wrong = SecretBuffer.FromUtf8("wp");
        AssertCause(await ProbeAsync(server, options => options with { Password = wrong }), DiagnosisFinding.AuthenticationFailed);
    }

    [Theory]
    [InlineData("6.1.3", "bob")]
    [InlineData("6.1.3", null)]
    [InlineData("6.6", "bob")]
    [InlineData("6.6", null)]
    public async Task A_server_refuses_the_user_name(string version, string? userName)
    {
        await using var server = Serve(Named(version) with { Password = "pw", UserName = "ada" });
        using var password = SecretBuffer.FromUtf8("pw");
        AssertCause(await ProbeAsync(server, options => options with { UserName = userName, Password = password }), DiagnosisFinding.UserNameRefused);
    }

    [Fact]
    public async Task A_server_asks_for_an_unsupported_authentication()
    {
        await using var server = Serve(ServerTraits.V62 with { Password = "pw", Digest = "kerberos:xpra" });
        using var password = SecretBuffer.FromUtf8("pw");
        AssertCause(await ProbeAsync(server, options => options with { Password = password }), DiagnosisFinding.AuthenticationUnsupported);
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("6.2.5")]
    public async Task A_server_wants_the_first_packet_encrypted(string version)
    {
        await using var server = Serve(Named(version) with { EncryptsFirstPacket = true });
        Assert.Contains("got an unencrypted one", AssertCause(await ProbeAsync(server), DiagnosisFinding.FirstPacketDisagrees).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4.4.6")]
    [InlineData("6.2.5")]
    public async Task A_server_wants_the_first_packet_unencrypted(string version)
    {
        await using var server = Serve(version);
        Assert.Contains("got an encrypted one", AssertCause(await ProbeAsync(server, options => options with { EncryptFirstPacket = true }), DiagnosisFinding.FirstPacketDisagrees).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_key_for_the_first_packet_is_recognised()
    {
        await using var server = Serve(ServerTraits.V62 with { EncryptsFirstPacket = true });
        using var wrong = XpraKey.FromText("another key altogether");
        AssertCause(await ProbeAsync(server, options => options with { Key = wrong, EncryptFirstPacket = true }), DiagnosisFinding.KeyMismatch);
    }

    [Theory]
    [InlineData("version error", DiagnosisFinding.VersionRejected)]
    [InlineData("server exit", DiagnosisFinding.Refused)]
    public async Task A_server_refuses_for_a_reason_of_its_own(string reason, DiagnosisFinding finding)
    {
        await using var server = Serve(ServerTraits.V62 with { AlwaysRefuses = reason });
        Assert.Contains(reason, AssertCause(await ProbeAsync(server), finding).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_refuses_plaintext_and_ignores_everything_else_times_out()
    {
        await using var server = Serve(ServerTraits.V62 with { AlwaysRefuses = "x", Silent = true });
        AssertCause(await ProbeAsync(server), DiagnosisFinding.HandshakeTimeout);
    }

    [Fact]
    public async Task A_gateway_whose_target_has_another_key_points_at_the_target()
    {
        using var wrong = XpraKey.FromText("another key altogether");
        await using var target = Serve("6.2.5");
        await using var gateway = AesListener.Start(new ListenerOptions { Key = Key, Modes = Enum.GetValues<AesMode>(), Target = new TargetOptions { Endpoint = target.Endpoint, Keys = [wrong] } });
        var cause = AssertCause(await ProbeAsync(gateway.Port), DiagnosisFinding.Refused);
        Assert.Contains("the gateway's target", cause.Message, StringComparison.Ordinal);
        Assert.Contains("Test-XpraAes", cause.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_can_be_cancelled()
    {
        using var peer = Peer.Silent();
        using var ending = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => EndpointProbe.RunAsync(Options(peer.Port) with { Timeout = TimeSpan.FromMinutes(5) }, null, ending.Token));
    }

    [Fact]
    public async Task Options_out_of_their_range_are_refused()
    {
        var refusal = await Assert.ThrowsAsync<XpraAesException>(() => EndpointProbe.RunAsync(Options(1) with { Iterations = 99 }, null, default));
        Assert.Equal(XpraErrorId.IterationsRejected, refusal.Id);
    }
}
