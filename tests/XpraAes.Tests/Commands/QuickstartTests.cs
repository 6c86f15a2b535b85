using XpraAes.Keys;
using XpraAes.Tests.Engine;

namespace XpraAes.Tests.Commands;

/// <summary>The README's first command, and the formatted views.</summary>
[Trait("Category", "Engine")]
public sealed class QuickstartTests
{
    [Fact]
    public async Task It_shows_every_mode_at_both_ends_and_leaves_nothing_behind()
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync(Path.Combine(SharedFiles.Repository, "samples", "quickstart.ps1"));
        Assert.Equal((0, ""), (exitCode, errors));
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Single(lines, line => line.StartsWith("Connection Direction Peer ", StringComparison.Ordinal));
        foreach (var mode in (string[])["CBC", "CTR", "GCM", "CFB"])
        {
            Assert.Matches($"Connected in AES-{mode}, a ping took [0-9.]+ ms.", output);
            Assert.Equal(4, lines.Count(line => line.Contains($" AES-{mode} ", StringComparison.Ordinal) && line.EndsWith(" True      False", StringComparison.Ordinal)));
        }
        Assert.Equal("Disconnected, stopped, and deleted the key.", lines[^1]);
    }

    [Theory]
    [InlineData("New-XpraAesKey", "Format Bits Fingerprint         KeySource   Problems         Path")]
    [InlineData("$listener", " Id Endpoint              Mode       State     Connections KeyFingerprint")]
    [InlineData("$connection", " Id Endpoint                     Peer                  Mode State     Latency")]
    [InlineData("$connection | Get-XpraCipherInfo", "Connection Direction Peer                  Cipher-Mode KeySize KeyProven Sealed")]
    [InlineData("Get-XpraCipherInfo -Supported", "Cipher Mode KeySize       XpraVersions   Recommended")]
    public async Task Each_type_has_a_table_that_fits_eighty_columns(string command, string header)
    {
        var (_, output, errors) = await ShellProcess.RunAsync("-Command", $$"""
            Import-Module XpraAes
            $key = New-XpraAesKey
            $listener = Start-XpraAesListener -Port 0 -Key $key
            $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Key $key
            {{command}}
            """);
        Assert.Equal("", errors);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(header, lines[0].TrimEnd());
        Assert.True(lines.Length > 2);
        Assert.All(lines, line => Assert.True(line.TrimEnd().Length <= 80, line));
    }
}
