using XpraAes.Handshake;

namespace XpraAes.Tests.Handshake;

/// <summary>The memory of salts, as large as it may get.</summary>
[CollectionDefinition(nameof(SaltTableTests), DisableParallelization = true)] // it measures the memory of this process
[Collection(nameof(SaltTableTests))]
public sealed class SaltTableTests
{
    [Fact]
    public void A_table_holds_each_trace_once_and_a_million_in_under_40_MB()
    {
        const int Count = 1_000_000;
        var table = new SaltTable();
        var random = new Random(1);
        UInt128 Next() => new((ulong)random.NextInt64(), (ulong)random.NextInt64());
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Count; i++)
            Assert.True(table.Add(Next()));
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, 16_000_000, 40_000_000);
        random = new Random(1);
        for (var i = 0; i < Count; i++)
        {
            var trace = Next();
            if (!table.Contains(trace) || i % 97 == 0 && table.Add(trace))
                Assert.Fail($"The trace {i} is not there.");
        }
        Assert.Equal(Count, table.Count);
        Assert.False(table.Contains(Next()));
        Assert.False(table.Contains(UInt128.Zero));
        Assert.True(table.Add(UInt128.Zero));
        Assert.True(table.Contains(UInt128.Zero));
        Assert.Equal(Count + 1, table.Traces.Distinct().Count());
    }
}
