using System.Management.Automation;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>An engine with the module, in a folder with key files.</summary>
public abstract class ListenerCommandTests : IDisposable
{
    protected ListenerCommandTests()
    {
        Folder.Write("key.txt", "0123456789abcdef0123456789abcdef"u8);
        Folder.Write("server.txt", "fedcba9876543210fedcba9876543210"u8);
        Folder.Write("new.txt", "00112233445566778899aabbccddeeff"u8);
        Folder.Write("p.txt", "correct horse"u8);
        Host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{Folder.Root}')");
    }

    private protected EngineHost Host { get; } = EngineHost.WithModule();

    private protected TempFolder Folder { get; } = new();

    public void Dispose()
    {
        Host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        Host.Dispose();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected void Succeed(string script)
    {
        var result = Host.Run(script);
        Assert.Empty(result.Errors);
    }

    /// <summary>Asserts that a script fails with this id, and returns what is shown.</summary>
    private protected string AssertFails(string script, XpraErrorId id)
    {
        ErrorRecord? error = null;
        try
        {
            error = Host.Run(script).Errors is [var first, ..] ? first : null;
        }
        catch (RuntimeException e)
        {
            error = e.ErrorRecord;
        }
        Assert.StartsWith($"{id},", error?.FullyQualifiedErrorId, StringComparison.Ordinal);
        return $"{error}";
    }
}
