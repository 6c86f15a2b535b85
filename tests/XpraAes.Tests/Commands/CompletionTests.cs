using XpraAes.Ciphers;
using XpraAes.Tests.Engine;

namespace XpraAes.Tests.Commands;

/// <summary>Tab completion.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class CompletionTests : IDisposable
{
    private readonly EngineHost _host = EngineHost.WithModule();

    public void Dispose()
    {
        _host.Run("Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
    }

    [Theory]
    [InlineData("Start-XpraAesListener -Mode ", "CBC CFB CTR GCM")]
    [InlineData("Start-XpraAesListener -Mode CBC, CT", "CTR")]
    [InlineData("Connect-XpraAes -Mode c", "CBC CFB CTR")]
    [InlineData("Connect-XpraAes -KeyHash SHA2", "SHA224 SHA256")]
    [InlineData("Connect-XpraAes -KeySize ", "128 192 256")]
    [InlineData("New-XpraAesKey -Format ", "Base64 Hex Uuid")]
    [InlineData("Start-XpraAesListener -BindAddress ", "Any IPv6Any IPv6Loopback Loopback")]
    [InlineData("Start-XpraAesListener -BindAddress ipv6a", "IPv6Any")]
    public void Words_are_offered(string line, string expected) => Assert.Equal(expected, Complete(line));

    [Fact]
    public void Live_ids_are_offered_with_a_description()
    {
        _host.Run("$listener = Start-XpraAesListener -Port 0 -KeyData 0x00112233445566778899aabbccddeeff");
        _host.Run("$connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData 0x00112233445566778899aabbccddeeff");
        var listener = _host.Run("$listener.Id").Text;
        var connection = _host.Run("$connection.Id").Text;
        Assert.Equal(listener, Complete("Get-XpraAesListener -Id "));
        Assert.Equal(listener, Complete("Stop-XpraAesListener -Id "));
        Assert.Contains(connection, Complete("Get-XpraAesConnection ").Split(' '));
        Assert.Equal(connection, Complete($"Disconnect-XpraAes -Id {connection}"));
        Assert.Equal(_host.Run("\"$connection\"").Text, Complete($"Disconnect-XpraAes -Id {connection}", "ToolTip"));
    }

    private string Complete(string line, string what = "CompletionText")
    {
        var result = _host.Run($"[System.Management.Automation.CommandCompletion]::CompleteInput('{line}', {line.Length}, $null).CompletionMatches.{what}");
        return string.Join(' ', result.Output.Select(match => $"{match}").Order(StringComparer.Ordinal));
    }
}
