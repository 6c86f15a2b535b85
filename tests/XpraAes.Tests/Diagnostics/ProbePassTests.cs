using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Diagnostics;

/// <summary>The diagnoses of a working endpoint.</summary>
public sealed class ProbePassTests : ProbeTests
{
    [Theory]
    [MemberData(nameof(GenerationsAndModes))]
    public async Task A_server_of_each_generation_passes_in_each_of_its_modes(string version, AesMode mode)
    {
        await using var server = Serve(version);
        var found = await ProbeAnsweringAsync(server, options => options with { Mode = mode });
        Assert.DoesNotContain(found, diagnosis => diagnosis.Result is DiagnosisResult.Failed or DiagnosisResult.Skipped);
        Assert.Equal(Enum.GetValues<DiagnosisCheck>().Where(check => check != DiagnosisCheck.Tls), found.Select(diagnosis => diagnosis.Check).Distinct().Order());
        Assert.All(found, diagnosis => Assert.Equal(version, diagnosis.PeerVersion));
        var padding = found.Single(diagnosis => diagnosis.Check == DiagnosisCheck.Padding);
        var unit = Named(version).PaddingUnit == 32 ? DiagnosisFinding.PaddingUnit32 : DiagnosisFinding.PaddingUnit16;
        Assert.Equal(mode == AesMode.CBC ? unit : DiagnosisFinding.NoPadding, padding.Finding);
        if (mode == AesMode.CBC)
        {
            Assert.Contains("a gateway: Start-XpraAesListener -Target", padding.RecommendedAction, StringComparison.Ordinal);
            // Clients of xpra 6 and servers before 5.0 have no mode in common that works (PROTOCOL section 8).
            Assert.Equal(version is not ("3.1.3" or "4.4.6"), padding.RecommendedAction!.Contains("AES-CTR", StringComparison.Ordinal));
        }
        // Two connections for the check Enforcement.
        Assert.Equal(version == "3.1.3" ? 4 : 3, server.Connections);
    }

    [Theory]
    [InlineData("6.2.5")]
    [InlineData("6.6")]
    public async Task A_server_passes_with_an_IV_in_every_packet(string version)
    {
        await using var server = Serve(version);
        Assert.DoesNotContain(await ProbeAnsweringAsync(server, options => options with { Stream = false }), diagnosis => diagnosis.Result == DiagnosisResult.Failed);
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("6.1.3")]
    [InlineData("6.5.3")]
    public async Task A_server_that_asks_for_a_password_passes_with_it(string version)
    {
        await using var server = Serve(Named(version) with { Password = "pw", UserName = "ada" });
        using var password = SecretBuffer.FromUtf8("pw");
        var found = await ProbeAnsweringAsync(server, options => options with { UserName = "ada", Password = password });
        Assert.DoesNotContain(found, diagnosis => diagnosis.Result == DiagnosisResult.Failed);
        Assert.Equal(DiagnosisFinding.Authenticated, found.Single(diagnosis => diagnosis.Check == DiagnosisCheck.Authentication).Finding);
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("6.1.3")]
    [InlineData("6.2.5")]
    public async Task A_server_that_wants_an_encrypted_first_packet_passes_with_one(string version)
    {
        await using var server = Serve(Named(version) with { EncryptsFirstPacket = true });
        Assert.DoesNotContain(await ProbeAnsweringAsync(server, options => options with { EncryptFirstPacket = true }), diagnosis => diagnosis.Result == DiagnosisResult.Failed);
    }

    [Fact]
    public async Task A_proxy_server_without_information_passes()
    {
        await using var server = Serve(ServerTraits.V61 with { RefusesRequests = true });
        Assert.DoesNotContain(await ProbeAnsweringAsync(server), diagnosis => diagnosis.Result == DiagnosisResult.Failed);
    }

    [Theory]
    [InlineData(AesMode.CBC, DiagnosisFinding.PaddingAdapts)]
    [InlineData(AesMode.CTR, DiagnosisFinding.NoPadding)]
    [InlineData(AesMode.GCM, DiagnosisFinding.NoPadding)]
    [InlineData(AesMode.CFB, DiagnosisFinding.NoPadding)]
    public async Task An_XpraAes_listener_passes_and_adapts_its_padding_to_each_client(AesMode mode, DiagnosisFinding padding)
    {
        await using var listener = AesListener.Start(new ListenerOptions { Key = Key, Modes = Enum.GetValues<AesMode>() });
        var found = await ProbeAsync(listener.Port, options => options with { Mode = mode });
        Assert.All(found, diagnosis => Assert.Equal(DiagnosisResult.Passed, diagnosis.Result));
        Assert.Contains(found, diagnosis => diagnosis.Finding == padding);
        Assert.Empty(listener.Connections);
        Assert.Contains(found, diagnosis => diagnosis.Finding == DiagnosisFinding.StrangersKeptOut);
        // The unauthenticated requests of the check Enforcement.
        await Loopback.Eventually(() => listener.Rejected == 1);
        Assert.Equal([XpraErrorId.RequestRefused], listener.Refusals.Keys);
    }

    [Fact]
    public async Task Probing_an_XpraAes_listener_repeatedly_counts_no_failure()
    {
        await using var listener = AesListener.Start(new ListenerOptions { Key = Key, Limits = new Limits { FailuresBeforeBlock = 1 } });
        for (var i = 0; i < 3; i++)
            Assert.All(await ProbeAsync(listener.Port), diagnosis => Assert.Equal(DiagnosisResult.Passed, diagnosis.Result));
    }
}
