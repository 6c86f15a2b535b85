using System.Diagnostics.CodeAnalysis;
using Xunit;

namespace XpraAes.Tests.Listening;

/// <summary>Tests that depend on timing or on process-wide state: they run one at a time and not in parallel with others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
[SuppressMessage("Naming", "CA1711", Justification = "A collection is what xunit calls it.")]
public static class LoopbackCollection
{
    public const string Name = "Loopback";
}
