using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

public sealed class InlineCompletionsTests
{
    [Fact]
    public void The_runtime_still_has_the_property_for_inline_completions()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix has it.");
        Assert.True(InlineCompletions.IsSupported);
    }
}
