using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

public sealed class InlineCompletionsTests
{
    [Fact]
    public void The_runtime_still_has_the_switch_that_pings_are_fast_by()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix has it.");
        Assert.True(InlineCompletions.IsSupported);
    }
}
