using System.Management.Automation.Runspaces;
using XpraAes.PowerShell;
using XpraAes.Tests.Gateway;

namespace XpraAes.Tests.Engine;

/// <summary>Listeners and connections end when the last runspace removes the module, and not before.</summary>
[Trait("Category", "Engine")]
[Collection(nameof(ModuleLifetimeTests))]
[CollectionDefinition(nameof(ModuleLifetimeTests), DisableParallelization = true)] // it ends whatever runs in this process
public sealed class ModuleLifetimeTests
{
    [Fact]
    public void Only_the_last_runspace_to_remove_the_module_ends_what_runs()
    {
        int ended = 0;
        Action count = () => ended++;
        using EngineHost first = new();
        using EngineHost second = new();
        using EngineHost closed = new();
        ModuleLifetime.Ended += count;
        try
        {
            In(first, ModuleLifetime.Enter);
            In(first, ModuleLifetime.Enter);
            In(second, ModuleLifetime.Enter);
            In(closed, ModuleLifetime.Enter);
            closed.Dispose();
            Assert.Equal(0, ended);
            In(first, ModuleLifetime.Leave);
            Assert.Equal(0, ended);
            In(second, ModuleLifetime.Leave);
            Assert.Equal(1, ended);
        }
        finally
        {
            ModuleLifetime.Ended -= count;
        }
    }

    [Fact]
    public async Task The_module_itself_counts_its_runspaces()
    {
        const string Script = """
            Import-Module XpraAes
            $lifetime = (Get-Command New-XpraAesKey).ImplementingType.Assembly.GetType('XpraAes.PowerShell.ModuleLifetime')
            $ended = $lifetime.GetEvent('Ended', [System.Reflection.BindingFlags]'Static, NonPublic')
            $null = $ended.GetAddMethod($true).Invoke($null, @(, [System.Action]{ 'ended' | Set-Content "$PSScriptRoot/ended" }))

            $other = [powershell]::Create([initialsessionstate]::CreateDefault2())
            $null = $other.AddScript('Import-Module XpraAes').Invoke()
            Remove-Module XpraAes
            "removed here: $([System.IO.File]::Exists("$PSScriptRoot/ended"))"
            Import-Module XpraAes
            $other.Commands.Clear()
            $null = $other.AddScript('Remove-Module XpraAes').Invoke()
            "removed there: $([System.IO.File]::Exists("$PSScriptRoot/ended"))"
            Remove-Module XpraAes
            "removed everywhere: $([System.IO.File]::Exists("$PSScriptRoot/ended"))"
            """;
        var (_, output, errors) = await ShellProcess.RunScriptAsync(Script);
        Assert.Equal("", errors);
        Assert.Equal("removed here: False\nremoved there: False\nremoved everywhere: True\n", output);
    }

    /// <summary>SIGHUP is what a closed terminal sends.</summary>
    [Theory]
    [InlineData("TERM", 15)]
    [InlineData("HUP", 1)]
    public async Task A_signal_ends_the_process_and_clients_read_why(string signal, int number)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send to one process.");
        using var key = XpraKey.FromText("0123456789abcdef0123456789abcdef");
        using var process = ShellProcess.Start("-Command", "(Start-XpraAesListener -Port 0 -KeyData 0123456789abcdef0123456789abcdef -Mode CTR -WarningAction Ignore).Endpoint; Start-Sleep 300");
        await using var client = await TestClient.ConnectAsync((await process.StandardOutput.ReadLineAsync())!, key);
        await client.SendHelloAsync();
        var session = await client.EstablishAsync();
        await ShellProcess.SignalAsync(process, signal);
        Assert.Equal("server exit", await session.ExpectDisconnectAsync());
        await client.DisposeAsync();
        Assert.Equal(128 + number, (await ShellProcess.FinishAsync(process)).ExitCode);
    }

    private static void In(EngineHost host, Action action)
    {
        Runspace? before = Runspace.DefaultRunspace;
        Runspace.DefaultRunspace = host.Runspace;
        try
        {
            action();
        }
        finally
        {
            Runspace.DefaultRunspace = before;
        }
    }
}
