using System.Globalization;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Transports;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>A gateway in its own process, so that its processor time and memory can be measured: <c>gateway --target PORT [--key TEXT] [--target-key TEXT] [--mode CTR] [--iterations N] [--transport TlsPsk] [--target-transport TlsPsk] [--suite 128] [--certificate PEM --pages FOLDER]</c>.</summary>
internal static class GatewayHost
{
    public static async Task RunAsync(Dictionary<string, string> arguments)
    {
        var iterations = int.Parse(arguments.GetValueOrDefault("iterations", "10000"), CultureInfo.InvariantCulture);
        using var key = arguments.TryGetValue("key", out var text) ? XpraKey.FromText(text) : null;
        using var targetKey = arguments.TryGetValue("target-key", out text) ? XpraKey.FromText(text) : null;
        using var certificate = arguments.TryGetValue("certificate", out text) ? ServerCertificate.FromFile(text) : null;
        // The suite of stunnel's pre-shared keys first, instead of ours.
        if (arguments.GetValueOrDefault("suite") == "128")
            Array.Reverse(TlsPskRules.Suites);
        var limits = Limits.Default with { MaxIterations = ProtocolDefaults.MaxIterations };
        await using var listener = AesListener.Start(new ListenerOptions
        {
            Modes = Enum.GetValues<AesMode>(),
            Key = key,
            Iterations = iterations,
            Transports = arguments.TryGetValue("transport", out text) ? [Enum.Parse<TransportKind>(text)] : [],
            // The whole load comes from one address.
            TrustedSources = [IPNetwork.Parse("127.0.0.0/8")],
            Certificate = certificate,
            WebRoot = arguments.GetValueOrDefault("pages"),
            // What one address may ask for of pages is counted anew all the time.
            Limits = certificate is null ? limits : limits with { FailureWindow = TimeSpan.FromMilliseconds(1) },
            Target = new TargetOptions
            {
                Endpoint = new XpraEndpoint(Enum.Parse<TransportKind>(arguments.GetValueOrDefault("target-transport", "Tcp")), "127.0.0.1", int.Parse(arguments["target"], CultureInfo.InvariantCulture)),
                Keys = targetKey is null ? [] : [targetKey],
                Mode = Enum.Parse<AesMode>(arguments.GetValueOrDefault("mode", "CTR")),
                Iterations = iterations,
            },
        });
        HostConsole.Serve(listener.Port, () => listener.PacketsIn + listener.PacketsOut);
    }
}
