using System.Net;
using BenchmarkDotNet.Attributes;
using XpraAes.Benchmarks.Traffic;
using XpraAes.Ciphers;
using XpraAes.Listening;

namespace XpraAes.Benchmarks;

/// <summary>A handshake with a listener over loopback, and for comparison one of its two key derivations.</summary>
[MemoryDiagnoser]
public class HandshakeBenchmarks
{
    private readonly XpraKey _key = XpraKey.Generate();
    private readonly byte[] _derived = new byte[ProtocolDefaults.KeySize];
    private AesListener _listener = null!;
    private HandshakeClient _client = null!;
    private CipherParameters _parameters = null!;

    [Params(1000, 10_000)]
    public int Iterations { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _listener = AesListener.Start(new ListenerOptions { Key = _key, Modes = Enum.GetValues<AesMode>(), Iterations = Iterations, TrustedSources = [IPNetwork.Parse("127.0.0.0/8")] });
        _client = new HandshakeClient(Iterations);
        _parameters = CipherSpeed.Parameters(AesMode.CTR) with { Iterations = Iterations };
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _listener.StopAsync(TimeSpan.Zero).GetAwaiter().GetResult();
        _key.Dispose();
    }

    [Benchmark]
    public void Handshake() => _client.Run(_listener.Port);

    [Benchmark]
    public void Derivation() => KeyStretching.Derive(_key.Data, _parameters, _derived);
}
