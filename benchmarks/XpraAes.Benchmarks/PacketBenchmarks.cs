using BenchmarkDotNet.Attributes;
using XpraAes.Ciphers;
using XpraAes.Packets;

namespace XpraAes.Benchmarks;

/// <summary>Reads and writes packets on a stream, including header, padding and cipher. One packet per operation.</summary>
[MemoryDiagnoser]
public class PacketBenchmarks : IDisposable
{
    /// <summary>As many as fit in a read of 64 KB.</summary>
    private const int ReadSize = 64 * 1024;

    private PacketReader _reader = null!;
    private PacketWriter _writer = null!;
    private byte[] _data = null!;

    [Params(AesMode.CBC, AesMode.CTR)]
    public AesMode Mode { get; set; }

    [Params(64, 1408, 64 * 1024)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _data = new byte[Size];
        using var packets = new MemoryStream();
        using var recorder = new PacketWriter(packets);
        _writer = new PacketWriter(Stream.Null);
        recorder.Arm(PacketCipher.CreateEncryptor(CipherSpeed.Parameters(Mode), new byte[32]));
        _writer.Arm(PacketCipher.CreateEncryptor(CipherSpeed.Parameters(Mode), new byte[32]));
        for (var i = 0; i < Math.Max(1, ReadSize / Size); i++)
            recorder.Append(0x10, 0, 0, _data);
        recorder.FlushAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
        // When repeated, a packet's first block decrypts wrongly, which does not matter; CBC's padding is in the last one.
        _reader = new PacketReader(new RepeatingStream(packets.ToArray()), ProtocolDefaults.MaxPacketSize);
        _reader.Arm(PacketCipher.CreateDecryptor(CipherSpeed.Parameters(Mode), new byte[32]));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _reader.Dispose();
        _writer.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public ValueTask<bool> Read() => _reader.ReadAsync(CancellationToken.None);

    [Benchmark]
    public ValueTask Write()
    {
        _writer.Append(0x10, 0, 0, _data);
        return _writer.FlushAsync(CancellationToken.None);
    }
}
