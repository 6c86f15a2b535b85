using XpraAes.Ciphers;
namespace XpraAes.Tests.Diagnostics;

/// <summary>xpra servers with AES off, and those that only seem so.</summary>
public sealed class ProbeClearTests : ProbeTests
{
    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_server_that_has_AES_off_is_not_encrypted(string version)
    {
        await using var server = Serve(Named(version), withKey: false);
        var cause = AssertCause(await ProbeAsync(server), DiagnosisFinding.NotEncrypted);
        Assert.Contains("information in plaintext", cause.Message, StringComparison.Ordinal);
        Assert.Equal(version == "6.5.3", cause.Message.Contains("silently ignores its AES options", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(AesMode.CBC, false, DiagnosisFinding.NotEncrypted)]
    [InlineData(AesMode.GCM, true, DiagnosisFinding.ModeUnsupported)]
    public async Task The_plaintext_answers_of_a_silent_server_end_the_wait_for_its_encrypted_one(AesMode mode, bool withKey, DiagnosisFinding cause)
    {
        await using var server = Serve(Named("6.5.3"), withKey);
        var found = await ProbeAsync(server, options => options with { Mode = mode, Timeout = TimeSpan.FromMinutes(10) }).WaitAsync(TimeSpan.FromMinutes(2));
        AssertCause(found, cause);
        Assert.Single(server.Requests, request => request == "version");
    }

    [Theory]
    [InlineData("6.3.9", false)]
    [InlineData("6.4", true)]
    [InlineData("6.4.0-r12", true)]
    [InlineData("6.5.3", true)]
    [InlineData("6.6", false)]
    public async Task Only_versions_6_4_and_6_5_are_reported_to_ignore_AES(string version, bool ignores)
    {
        await using var server = Serve(ServerTraits.V65 with { ToldVersion = version }, withKey: false);
        var cause = AssertCause(await ProbeAsync(server), DiagnosisFinding.NotEncrypted);
        Assert.Equal(ignores, cause.Message.Contains("AES may be configured there, but is off", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("4.4.6")]
    [InlineData("6.5.3")]
    public async Task A_server_that_asks_for_its_password_in_plaintext_is_not_encrypted(string version)
    {
        await using var server = Serve(Named(version) with { Password = "pw" }, withKey: false);
        Assert.Contains("password in plaintext", AssertCause(await ProbeAsync(server), DiagnosisFinding.NotEncrypted).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_answers_an_AES_client_in_plaintext_is_not_encrypted()
    {
        await using var server = Serve(ServerTraits.V62 with { AnswersAnyone = true }, withKey: false);
        AssertCause(await ProbeAsync(server), DiagnosisFinding.NotEncrypted);
    }

    [Fact]
    public async Task Reporting_the_version_in_plaintext_alone_does_not_mean_that_AES_is_off()
    {
        await using var server = Serve(ServerTraits.V65 with { AlwaysRefuses = "the key has to be bytes" });
        var found = await ProbeAsync(server);
        Assert.Contains("has AES on", AssertCause(found, DiagnosisFinding.HandshakeTimeout).Message, StringComparison.Ordinal);
        Assert.Equal("6.5.3-r0", found[0].PeerVersion);
        Assert.Single(server.Requests, request => request == "version");
    }
}
