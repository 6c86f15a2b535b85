using XpraAes.Fuzz;

namespace XpraAes.Tests.Reliability;

/// <summary>A short run of every fuzz target, the same each time. The long one is guided by coverage, and run by hand: docs/reliability.md.</summary>
[Trait("Category", "Reliability")]
public sealed class FuzzTests
{
    private const int Executions = 15_000, Seed = 20261123;

    public static TheoryData<string> Targets => [.. FuzzTarget.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Changed_input_does_nothing_that_it_must_not_do(string name)
    {
        var target = FuzzTarget.All.Single(target => target.Name == name);
        var loop = new FuzzLoop(target, Seed);
        loop.Run(target.IsSlow ? Executions / 20 : Executions);
        Assert.True(loop.Findings.Count == 0, string.Join('\n', loop.Findings.Values.Select(finding =>
            $"seed {Seed}: {finding.Failure}\ninput: {Convert.ToHexString(finding.Input)}")));
    }

    [Fact]
    public void Every_target_begins_with_input_of_its_own()
        => Assert.All(FuzzTarget.All, target => Assert.NotEmpty(target.Seeds()));

    [Fact]
    public void A_target_that_fails_is_found()
    {
        var broken = new FuzzTarget("header", input => Expect.That(input.Length < 8 || input[3] != 0x7f, "the fault"));
        var loop = new FuzzLoop(broken, Seed);
        loop.Run(20_000);
        Assert.Contains(loop.Findings.Values, finding => finding.Failure == "the fault" && finding.Input[3] == 0x7f);
    }
}
