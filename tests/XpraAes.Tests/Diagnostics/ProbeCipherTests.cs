using XpraAes.Ciphers;
using XpraAes.Listening;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Modes, streams, key sizes, iterations and padding on which the two sides disagree.</summary>
public sealed class ProbeCipherTests : ProbeTests
{
    [Theory]
    [InlineData("4.4.6")]
    [InlineData("6.1.3")]
    [InlineData("6.2.5")]
    public async Task A_server_that_is_configured_for_another_mode_says_so(string version)
    {
        await using var server = Serve(Named(version) with { Mode = AesMode.CTR });
        Assert.Contains("AES-CTR", AssertCause(await ProbeAsync(server), DiagnosisFinding.ModeRejected).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_silent_server_that_is_configured_for_another_mode_is_asked_in_that_mode(bool rightKey)
    {
        using var other = XpraKey.FromText("another key altogether");
        await using var server = Serve(ServerTraits.Master with { Mode = AesMode.CTR });
        var found = await ProbeAsync(server, options => rightKey ? options : options with { Key = other });
        Assert.Contains("AES-CTR", AssertCause(found, DiagnosisFinding.ModeRejected).Message, StringComparison.Ordinal);
        Assert.Equal(rightKey ? DiagnosisFinding.KeyRight : DiagnosisFinding.NotChecked, found.Single(diagnosis => diagnosis.Check == DiagnosisCheck.Key).Finding);
    }

    [Fact]
    public async Task An_XpraAes_listener_that_does_not_accept_the_mode_is_recognised()
    {
        await using var listener = AesListener.Start(new ListenerOptions { Key = Key, Modes = [AesMode.CTR] });
        var found = await ProbeAsync(listener.Port);
        AssertCause(found, DiagnosisFinding.ModeRejected);
        Assert.Contains(found, diagnosis => diagnosis.Finding == DiagnosisFinding.KeyRight);
    }

    [Theory]
    [InlineData("6.2.5", AesMode.GCM)]
    [InlineData("6.5.3", AesMode.GCM)]
    [InlineData("6.5.3", AesMode.CFB)]
    [InlineData("6.6", AesMode.CFB)]
    public async Task A_mode_that_the_servers_version_has_dropped_is_reported_as_unsupported(string version, AesMode mode)
    {
        await using var server = Serve(version);
        AssertCause(await ProbeAsync(server, options => options with { Mode = mode }), DiagnosisFinding.ModeUnsupported);
    }

    [Theory]
    [InlineData(AesMode.CTR)]
    [InlineData(AesMode.GCM)]
    [InlineData(AesMode.CFB)]
    public async Task A_server_that_speaks_CBC_whatever_it_is_asked_for_is_recognised(AesMode mode)
    {
        await using var server = Serve("3.1.3");
        var found = await ProbeAsync(server, options => options with { Mode = mode });
        Assert.Contains("AES-CBC", AssertCause(found, DiagnosisFinding.ModeIgnored).Message, StringComparison.Ordinal);
        Assert.Contains(found, diagnosis => diagnosis.Finding == DiagnosisFinding.KeyRight);
    }

    [Theory]
    [InlineData("3.1.3", AesMode.CBC)]
    [InlineData("4.4.6", AesMode.GCM)]
    [InlineData("6.1.3", AesMode.CTR)]
    public async Task A_server_that_streams_although_asked_for_an_IV_in_every_packet_is_recognised(string version, AesMode mode)
    {
        await using var server = Serve(version);
        AssertCause(await ProbeAsync(server, options => options with { Mode = mode, Stream = false }), DiagnosisFinding.StreamIgnored);
    }

    [Fact]
    public async Task A_server_that_derives_a_key_of_its_own_size_is_recognised()
    {
        await using var server = Serve("3.1.3");
        AssertCause(await ProbeAsync(server, options => options with { KeySize = 16, KeyHash = KeyHash.SHA256 }), DiagnosisFinding.KeySizeIgnored);
    }

    [Fact]
    public async Task A_server_that_rejects_the_iterations_says_so()
    {
        await using var server = Serve("6.2.5");
        Assert.Contains("range is 1000", AssertCause(await ProbeAsync(server, options => options with { Iterations = 100 }), DiagnosisFinding.IterationsRejected).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("6.6", 100)]
    [InlineData("6.1.3", 20_000)]
    public async Task A_silent_server_that_rejects_the_iterations_is_asked_with_others(string version, int iterations)
    {
        await using var server = Serve(Named(version) with { Silent = true });
        AssertCause(await ProbeAsync(server, options => options with { Iterations = iterations }), DiagnosisFinding.IterationsRejected);
    }

    [Fact]
    public async Task An_XpraAes_listener_that_rejects_the_iterations_is_recognised()
    {
        await using var listener = AesListener.Start(new ListenerOptions { Key = Key, Modes = Enum.GetValues<AesMode>() });
        AssertCause(await ProbeAsync(listener.Port, options => options with { Iterations = 200_000 }), DiagnosisFinding.IterationsRejected);
    }

    [Theory]
    [InlineData("4.4.6")]
    [InlineData("6.1.3")]
    public async Task A_server_that_pads_with_spaces_is_recognised(string version)
    {
        await using var server = Serve(Named(version) with { Padding = PaddingScheme.Legacy });
        var found = await ProbeAsync(server);
        Assert.Contains("legacy", AssertCause(found, DiagnosisFinding.PaddingDisagrees).Message, StringComparison.Ordinal);
        Assert.Contains(found, diagnosis => diagnosis.Finding == DiagnosisFinding.KeyRight);
    }

    [Fact]
    public async Task A_server_that_lacks_the_padding_says_so()
    {
        await using var server = Serve(ServerTraits.V62 with { AlwaysRefuses = "unsupported padding 'PKCS#7'" });
        AssertCause(await ProbeAsync(server), DiagnosisFinding.PaddingRejected);
    }
}
