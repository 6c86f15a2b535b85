namespace XpraAes.Tests.Engine;

/// <summary>Another module with another version of one of our dependencies, in the same process: neither disturbs the other.</summary>
[Trait("Category", "Engine")]
public sealed class IsolationTests
{
    private const string LoadTheirs = """
        $theirs = [System.Reflection.Assembly]::LoadFrom('FOREIGN')
        if (-not $theirs.GetType('Microsoft.Extensions.Logging.Abstractions.NullLogger')::Instance) { throw 'theirs does not work' }
        """;

    // The private context loads assemblies on first use: this is what the first use of a logger does.
    private const string LoadOurs = """
        Import-Module XpraAes -ErrorAction Stop
        $context = [System.Runtime.Loader.AssemblyLoadContext]::All | Where-Object Name -EQ XpraAes
        $ours = $context.LoadFromAssemblyName('Microsoft.Extensions.Logging.Abstractions')
        if (-not $ours.GetType('Microsoft.Extensions.Logging.Abstractions.NullLogger')::Instance) { throw 'ours does not work' }
        """;

    private const string Compare = """
        "$($theirs.GetName().Version.Major) $([System.Runtime.Loader.AssemblyLoadContext]::GetLoadContext($theirs).Name)"
        "$($ours.GetName().Version.Major) $([System.Runtime.Loader.AssemblyLoadContext]::GetLoadContext($ours).Name)"
        Remove-Module XpraAes
        Import-Module XpraAes -Force -ErrorAction Stop
        """;

    [Theory]
    [InlineData("6.0.0", true)]
    [InlineData("6.0.0", false)]
    [InlineData("10.0.3", true)]
    [InlineData("10.0.3", false)]
    public async Task Each_has_its_own(string version, bool theirsFirst)
    {
        string foreign = Path.Combine(AppContext.BaseDirectory, "foreign", version, "Microsoft.Extensions.Logging.Abstractions.dll");
        string loadTheirs = LoadTheirs.Replace("FOREIGN", foreign, StringComparison.Ordinal);
        string script = string.Join('\n', theirsFirst ? [loadTheirs, LoadOurs, Compare] : [LoadOurs, loadTheirs, Compare]);
        var (exitCode, output, errors) = await ShellProcess.RunScriptAsync(script);
        Assert.Equal("", errors);
        Assert.Equal($"{Version.Parse(version).Major} Default\n8 XpraAes\n", output);
        Assert.Equal(0, exitCode);
    }
}
