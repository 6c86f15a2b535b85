using Xunit;

namespace XpraAes.Tests.Listening;

/// <summary>Tests that look at the clock, or at what lives in the whole process: one after the other, and beside no others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class LoopbackCollection
{
    public const string Name = "Loopback";
}
