using BenchmarkDotNet.Attributes;
using XpraAes.Administration;
using XpraAes.Encodings;

namespace XpraAes.Benchmarks;

/// <summary>The information of a server with 10,000 windows, 12 MB where it is nested and 20 MB where it is flat, from the packet to what the cmdlets show.</summary>
[MemoryDiagnoser]
public class InformationBenchmarks
{
    private const int Windows = 10_000, Depth = 32;

    private byte[] _packet = null!;

    [Params(PacketEncoding.RencodePlus, PacketEncoding.Rencode)]
    public PacketEncoding Encoding { get; set; }

    /// <summary>Whether the tree comes as one dictionary with dotted keys, as from 3.1.</summary>
    [Params(false, true)]
    public bool IsFlat { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var info = new XpraDictionary { ["version"] = "6.2.5" };
        var windows = new XpraDictionary();
        for (var i = 1; i <= Windows; i++)
        {
            var window = new XpraDictionary
            {
                ["title"] = $"window {i}", ["class-instance"] = new object?[] { "xterm", "XTerm" }, ["pid"] = 1000L + i, ["shown"] = true,
                ["geometry"] = new object?[] { 20L, 20L, 484L, 316L },
            };
            for (var j = 0; j < 58; j++)
                window[$"property-{j}"] = j % 3 == 0 ? (object)(long)(i * j) : $"value {j}";
            if (IsFlat)
            {
                foreach (var (key, value) in window)
                    info[$"windows.{i}.{key}"] = value;
            }
            else
                windows.Set((long)i, window);
        }
        if (!IsFlat)
            info["windows"] = windows;
        _packet = PacketCodec.Encode(Encoding, new object?[] { "hello", info });
        Console.WriteLine($"{_packet.Length:N0} bytes");
    }

    [Benchmark]
    public int Read()
    {
        var packet = (object?[])PacketCodec.Decode(Encoding, _packet, new DecodeLimits(Depth, Limits.InformationItems))!;
        var info = ServerInformation.Normalize((XpraDictionary)packet[1]!);
        var count = ServerInformation.ReadWindows(info, "").Count;
        return count == Windows && ServerInformation.Summarize(info, "").Windows == Windows ? ServerInformation.Flatten(info).Count() : throw new InvalidOperationException("Windows are missing.");
    }
}
