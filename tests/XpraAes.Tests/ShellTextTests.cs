using System.Management.Automation.Language;

namespace XpraAes.Tests;

/// <summary>Paths in commands that messages tell a user to run: somebody else may have named them.</summary>
public sealed class ShellTextTests
{
    [Theory]
    [InlineData(@"C:\keys\key.txt")]
    [InlineData(@"C:\a b\key.txt")]
    [InlineData("C:\\it's; Remove-Item x\\key.txt")]
    [InlineData("C:\\\u2019; Remove-Item x; \u2018\\key.txt")]
    [InlineData("C:\\$(Remove-Item x)\\`key.txt")]
    [InlineData("-Recurse")]
    [InlineData("a,b")]
    [InlineData("@x")]
    [InlineData("")]
    public void PowerShell_reads_one_literal_word(string path)
    {
        var script = Parser.ParseInput($"icacls {ShellText.QuoteForPowerShell(path)} /x", out _, out var errors);
        Assert.Empty(errors);
        var command = Assert.IsType<CommandAst>(Assert.IsType<PipelineAst>(Assert.Single(script.EndBlock.Statements)).PipelineElements[0]);
        Assert.Equal(3, command.CommandElements.Count);
        Assert.Equal(path, Assert.IsType<StringConstantExpressionAst>(command.CommandElements[1]).Value);
    }
}
