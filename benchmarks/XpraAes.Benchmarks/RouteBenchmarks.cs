using BenchmarkDotNet.Attributes;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Transports;

namespace XpraAes.Benchmarks;

/// <summary>A gateway's routes: finding one of many, and taking up a whole table. Half are exact names, a quarter are users' and a quarter patterns of ten lengths.</summary>
[MemoryDiagnoser]
public class RouteBenchmarks
{
    private RouteOptions[] _options = [];
    private RouteTable _table = null!;
    private RouteRequest _exact, _user, _pattern, _none;

    [Params(1, 100, 10_000, 100_000)]
    public int Routes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        TargetOptions[] target = [new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", 14500) }];
        _options = [.. Enumerable.Range(0, Routes).Select(i => new RouteOptions
        {
            Name = (i % 4) switch { 0 or 1 => $"session-{i}", 2 => $"user-{i}/*", _ => $"{new string('p', i / 4 % 10)}-{i}-*" },
            Targets = target,
        })];
        _table = new RouteTable(_options);
        var last = (Routes - 1) / 4 * 4;
        _exact = Request("someone", $"session-{last}");
        _user = Request($"user-{last - 2}", "anything");
        _pattern = Request("someone", $"{new string('p', (last - 1) / 4 % 10)}-{last - 1}-anything");
        _none = Request("nobody", "nothing");
    }

    [Benchmark]
    public object? Exact() => _table.Find(_exact);

    [Benchmark]
    public object? User() => _table.Find(_user);

    [Benchmark]
    public object? Pattern() => _table.Find(_pattern);

    [Benchmark]
    public object? None() => _table.Find(_none);

    /// <summary>What a change of the listener's options takes; new sessions wait for it, open ones do not.</summary>
    [Benchmark]
    public object Build() => new RouteTable(_options);

    private static RouteRequest Request(string user, string session)
        => RouteRequest.Read(new XpraDictionary { ["username"] = user, ["display"] = session }, null, "0123-4567-89ab-cdef", "0.0.0.0:10000")!.Value;
}
