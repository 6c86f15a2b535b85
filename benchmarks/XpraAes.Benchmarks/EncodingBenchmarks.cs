using BenchmarkDotNet.Attributes;
using XpraAes.Encodings;
using XpraAes.Handshake;

namespace XpraAes.Benchmarks;

/// <summary>Encodes and decodes whole packets in each encoding, as handshakes and translating gateways do.</summary>
[MemoryDiagnoser]
public class EncodingBenchmarks
{
    private static readonly DecodeLimits s_limits = new(32, 500_000);

    private object?[] _packet = null!;
    private byte[] _encoded = null!;

    [Params(PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode)]
    public PacketEncoding Encoding { get; set; }

    [Params("hello", "ping", "draw")]
    public string Type { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _packet = Type switch
        {
            "hello" => [Type, Hello.ForClient(Hello.NewUuid(), "user", allowXor: true)],
            "draw" => [Type, 1L, 0L, 0L, 640L, 480L, "webp", new byte[40_000], 1234L, 0L, new XpraDictionary { ["quality"] = 80L }],
            _ => [Type, 123_456_789L, 1_700_000_000_000L],
        };
        _encoded = PacketCodec.Encode(Encoding, _packet);
    }

    [Benchmark]
    public byte[] Encode() => PacketCodec.Encode(Encoding, _packet);

    [Benchmark]
    public object? Decode() => PacketCodec.Decode(Encoding, _encoded, s_limits);
}
