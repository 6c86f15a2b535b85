using XpraAes.Tests.Diagnostics;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>An engine with the module, in a folder with the key of servers with the answers of real ones.</summary>
public abstract class ServerCommandTests : ProbeTests, IDisposable
{
    protected ServerCommandTests()
    {
        Folder.Write("key.txt", System.Text.Encoding.ASCII.GetBytes(KeyText));
        Host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{Folder.Root}')");
    }

    private protected EngineHost Host { get; } = EngineHost.WithModule();

    private protected TempFolder Folder { get; } = new();

    void IDisposable.Dispose()
    {
        Host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        Host.Dispose();
        Folder.Dispose();
        base.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected string Run(string script)
    {
        var result = Host.Run(script);
        Assert.Empty(result.Errors);
        return result.Text;
    }

    private protected void AssertFails(string script, XpraErrorId id)
        => Assert.Contains(Host.Run(script).Errors, error => error.FullyQualifiedErrorId.StartsWith($"{id},", StringComparison.Ordinal));
}
