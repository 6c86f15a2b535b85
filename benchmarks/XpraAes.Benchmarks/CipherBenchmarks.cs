using BenchmarkDotNet.Attributes;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks;

/// <summary>Every mode, direction and engine, with typical packet sizes. One packet per operation.</summary>
[MemoryDiagnoser]
public class CipherBenchmarks
{
    private BlockModeCipher _cipher = null!;
    private byte[] _packet = null!;

    [Params(AesMode.CBC, AesMode.CTR, AesMode.GCM, AesMode.CFB)]
    public AesMode Mode { get; set; }

    [Params(true, false)]
    public bool Encrypt { get; set; }

    [Params(false, true)]
    public bool Portable { get; set; }

    [Params(64, 256, 1408, 16 * 1024, 64 * 1024, 1024 * 1024)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _cipher = CipherSpeed.Create(Mode, Encrypt, Portable);
        _packet = new byte[Size];
    }

    [GlobalCleanup]
    public void Cleanup() => _cipher.Dispose();

    [Benchmark]
    public void Transform() => _cipher.Transform(_packet, _packet);
}
