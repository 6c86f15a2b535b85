using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;

namespace XpraAes.Tests.Diagnostics;

/// <summary>The check Enforcement: whether a server acts for clients that have not proven the key.</summary>
public sealed class ProbeEnforcementTests : ProbeTests
{
    [Theory]
    [InlineData("3.1.3", false)] // CBC is all that it has
    [InlineData("4.4.6", true)]
    [InlineData("5.1.6", true)]
    [InlineData("6.1.3", true)]
    [InlineData("6.2.5", true)]
    [InlineData("6.5.3", true)]
    [InlineData("6.6", true)]
    public async Task A_server_that_accepts_commands_and_salts_from_anyone_gets_both_warnings(string version, bool hasStreams)
    {
        await using var server = Serve(Named(version) with { TakesCommands = true });
        var found = await ProbeAsync(server);
        Assert.Equal(
            hasStreams ? [DiagnosisFinding.ActsForStrangers, DiagnosisFinding.EncryptsUnderAnySalt] : [DiagnosisFinding.ActsForStrangers],
            Enforcement(found));
        Assert.All(found.Where(diagnosis => diagnosis.Check == DiagnosisCheck.Enforcement), diagnosis =>
        {
            Assert.Equal(DiagnosisResult.Warning, diagnosis.Result);
            Assert.Contains("Start-XpraAesListener -Target", diagnosis.RecommendedAction, StringComparison.Ordinal);
        });
        Assert.Equal(["command", "info"], server.Requests.TakeLast(2));
        Assert.Equal(0, server.Sessions);
    }

    [Fact]
    public async Task With_commands_off_an_answered_info_is_evidence_too()
    {
        await using var server = Serve("6.2.5");
        Assert.Contains(DiagnosisFinding.ActsForStrangers, Enforcement(await ProbeAsync(server)));
    }

    [Theory]
    [InlineData("6.1.3")]
    [InlineData("6.2.5")]
    [InlineData("6.6")]
    public async Task A_server_with_CBC_only_gets_no_warning_about_salts(string version)
    {
        await using var server = Serve(Named(version) with { Mode = AesMode.CBC });
        Assert.Equal([DiagnosisFinding.ActsForStrangers], Enforcement(await ProbeAsync(server)));
    }

    [Fact]
    public async Task A_password_stops_unauthenticated_requests_but_not_their_salts()
    {
        await using var server = Serve(Named("6.2.5") with { Password = "pw", TakesCommands = true });
        using var password = SecretBuffer.FromUtf8("pw");
        Assert.Equal([DiagnosisFinding.EncryptsUnderAnySalt], Enforcement(await ProbeAsync(server, options => options with { Password = password })));
    }

    [Fact]
    public async Task A_server_with_AES_off_is_not_asked()
    {
        await using var server = Serve(Named("6.5.3"), withKey: false);
        Assert.Equal([DiagnosisFinding.NotChecked], Enforcement(await ProbeSilentAsync(server.Endpoint.Port)));
        Assert.DoesNotContain("command", server.Requests);
    }

    [Theory]
    [InlineData(AesMode.CBC)]
    [InlineData(AesMode.CTR)]
    public async Task A_gateway_keeps_unauthenticated_clients_out_for_any_target(AesMode mode)
    {
        await using var target = Serve(Named("6.2.5") with { TakesCommands = true });
        await using var gateway = AesListener.Start(new ListenerOptions { Key = Key, Modes = [mode], Target = new TargetOptions { Endpoint = target.Endpoint, Keys = [Key] } });
        var found = await ProbeAsync(gateway.Port, options => options with { Mode = mode });
        Assert.Equal([DiagnosisFinding.StrangersKeptOut], Enforcement(found));
        Assert.DoesNotContain("command", target.Requests);
    }

    [Fact]
    public async Task An_XpraAes_listener_that_refuses_the_clients_clock_is_distinguished_from_one_that_refuses_the_mode()
    {
        var ahead = new FakeClock { Date = DateTimeOffset.UtcNow.AddHours(3) };
        await using var listener = AesListener.Start(new ListenerOptions { Key = Key, Clock = ahead });
        Assert.Equal(DiagnosisFinding.HelloExpired, Assert.Single(await ProbeAsync(listener.Port), diagnosis => diagnosis.Result == DiagnosisResult.Failed).Finding);

        await using var other = AesListener.Start(new ListenerOptions { Key = Key, Modes = [AesMode.GCM] });
        Assert.Equal(DiagnosisFinding.ModeRejected, Assert.Single(await ProbeAsync(other.Port), diagnosis => diagnosis.Result == DiagnosisResult.Failed).Finding);
    }

    private static IEnumerable<DiagnosisFinding> Enforcement(IEnumerable<Diagnosis> found)
        => found.Where(diagnosis => diagnosis.Check == DiagnosisCheck.Enforcement).Select(diagnosis => diagnosis.Finding);
}
