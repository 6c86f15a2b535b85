using System.Diagnostics.CodeAnalysis;
using Xunit;

namespace XpraAes.Tests.Listening;

/// <summary>Tests that look at the clock, or at what lives in the whole process: one after the other, and beside no others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
[SuppressMessage("Naming", "CA1711", Justification = "A collection is what xunit calls it.")]
public static class LoopbackCollection
{
    public const string Name = "Loopback";
}
