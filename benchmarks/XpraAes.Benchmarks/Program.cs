using BenchmarkDotNet.Running;
using XpraAes.Benchmarks;
using XpraAes.Benchmarks.Hosts;
using XpraAes.Benchmarks.SideBySide;

switch (args)
{
    case ["speed", .. var modes]:
        CipherSpeed.Run(modes);
        return 0;
    case ["requests"]:
        await RequestSpeed.RunAsync().ConfigureAwait(false);
        return 0;
    case ["scale", "sessions"]:
        ScaleSpeed.RunSessions();
        return 0;
    case ["scale", "routes", var module]:
        ScaleSpeed.RunRoutes(module);
        return 0;
    case ["side-by-side", .. var options]:
        return Comparison.Run(options);
    case ["gateway", .. var options]:
        await GatewayHost.RunAsync(Pairs(options)).ConfigureAwait(false);
        return 0;
    case ["relay", .. var options]:
        PlainRelayHost.Run(Pairs(options));
        return 0;
    case ["bare-handshakes", .. var options]:
        BareHandshakeHost.Run(Pairs(options));
        return 0;
    case ["bare-relay", .. var options]:
        BareRelayHost.Run(Pairs(options));
        return 0;
    case ["hellos", .. var options]:
        HelloFloodHost.Run(Pairs(options));
        return 0;
    case ["derivations", .. var options]:
        DerivationHost.Run(Pairs(options));
        return 0;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(CipherBenchmarks).Assembly).Run(args);
        return 0;
}

static Dictionary<string, string> Pairs(string[] options)
    => options.Chunk(2).ToDictionary(pair => pair[0].TrimStart('-'), pair => pair[1]);
