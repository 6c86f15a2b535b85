using System.Text;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Base of tests that probe servers on local ports.</summary>
public abstract class ProbeTests : IDisposable
{
    /// <summary>Timeout for servers that answer; generous, for loaded machines.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    /// <summary>Timeout for servers that do not answer, which is always waited for in full.</summary>
    private static readonly TimeSpan s_shortTimeout = TimeSpan.FromSeconds(2);

    private protected const string KeyText = "8f3a61d0c5b94e2793d1f0a4b86c7e25";

    private protected XpraKey Key { get; } = XpraKey.FromText(KeyText);

    /// <summary>The versions whose answers are known.</summary>
    public static TheoryData<string> Versions => new(ServerTraits.All.Select(traits => traits.Version));

    public static TheoryData<string, AesMode> GenerationsAndModes => new(ServerTraits.All.SelectMany(traits => traits.Modes.Select(mode => (traits.Version, mode))));

    public void Dispose()
    {
        Key.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static string Hex(string text) => Hex(Encoding.UTF8.GetBytes(text));

    private protected static string Hex(byte[] bytes) => Convert.ToHexString(bytes).ToLowerInvariant();

    private protected static string Base64(string hex) => Convert.ToBase64String(Convert.FromHexString(hex));

    private protected static ServerTraits Named(string version) => ServerTraits.All.Single(traits => traits.Version == version);

    private protected FakeServer Serve(string version) => Serve(Named(version));

    private protected FakeServer Serve(ServerTraits traits, bool withKey = true) => new(traits, withKey ? Key : null);

    private protected ConnectOptions Options(int port) => new()
    {
        Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", port),
        Key = Key,
        Timeout = s_timeout,
    };

    /// <summary>Probes a server that answers, and waits for that: on a loaded machine the search for the cause of its silence would begin, with connections of its own.</summary>
    private protected Task<IReadOnlyList<Diagnosis>> ProbeAsync(int port, Func<ConnectOptions, ConnectOptions>? change = null)
        => EndpointProbe.RunAsync(change?.Invoke(Options(port)) ?? Options(port), null, default, silence: s_timeout);

    /// <summary>Probes a server that does not answer.</summary>
    private protected Task<IReadOnlyList<Diagnosis>> ProbeSilentAsync(int port)
        => EndpointProbe.RunAsync(Options(port) with { Timeout = s_shortTimeout }, null, default);

    /// <summary>Probes, and asserts that no session was opened.</summary>
    private protected Task<IReadOnlyList<Diagnosis>> ProbeAsync(FakeServer server, Func<ConnectOptions, ConnectOptions>? change = null) => ProbeAsync(server, server.IsSilent, change);

    /// <summary>Probes a server that answers this time, even if it is one that leaves some requests unanswered, and asserts that no session was opened.</summary>
    private protected Task<IReadOnlyList<Diagnosis>> ProbeAnsweringAsync(FakeServer server, Func<ConnectOptions, ConnectOptions>? change = null) => ProbeAsync(server, isSilent: false, change);

    private async Task<IReadOnlyList<Diagnosis>> ProbeAsync(FakeServer server, bool isSilent, Func<ConnectOptions, ConnectOptions>? change)
    {
        var options = Options(server.Endpoint.Port) with { Timeout = isSilent ? s_shortTimeout : s_timeout };
        var found = await EndpointProbe.RunAsync(change?.Invoke(options) ?? options, null, default, isSilent ? null : s_timeout);
        Assert.Equal(0, server.Sessions);
        Assert.All(found, diagnosis => Assert.Equal(server.Endpoint.ToString(), diagnosis.Endpoint));
        return found;
    }

    private protected static Diagnosis AssertCause(IReadOnlyList<Diagnosis> found, DiagnosisFinding finding)
    {
        var cause = Assert.Single(found, diagnosis => diagnosis.IsCause);
        Assert.Equal((finding, DiagnosisResult.Failed), (cause.Finding, cause.Result));
        Assert.NotEmpty(cause.RecommendedAction ?? "");
        Assert.Single(found, diagnosis => diagnosis.Result == DiagnosisResult.Failed);
        Assert.Equal(Enum.GetValues<DiagnosisCheck>().Where(check => check != DiagnosisCheck.Tls), found.Select(diagnosis => diagnosis.Check));
        Assert.Equal($"What to do: {cause.RecommendedAction}", found[^1].Conclusion);
        Assert.All(found.SkipLast(1), diagnosis => Assert.Null(diagnosis.Conclusion));
        return cause;
    }
}
