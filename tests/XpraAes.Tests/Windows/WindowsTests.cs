using System.Reflection;
using System.Text.Json;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Tests.Gateway;
using XpraAes.Transports;

namespace XpraAes.Tests.Windows;

/// <summary>What a user of Windows does, in Wine: docs/interop.md says what Wine cannot show.</summary>
[Trait("Category", "Windows")]
public sealed class WindowsTests(WineHost wine) : IClassFixture<WineHost>
{
    private const string Key = "0123456789abcdef0123456789abcdef";

    /// <summary>The rows of samples/check.ps1 that do not pass in Wine 8, and why.</summary>
    private static readonly Dictionary<string, string> NotInWine = new()
    {
        ["Keys: nor one in an open folder"] = "Folders pass no rights on there.",
        ["Keys: the warning about an open one, and its repair"] = "It has no icacls.",
        ["Keys: a file that Windows PowerShell wrote"] = "It has no Windows PowerShell.",
        ["Paths: UNC"] = "It has no shares of its drives.",
        ["Gateway: its pipe cannot be taken over"] = "It ignores FILE_FLAG_FIRST_PIPE_INSTANCE.",
    };

    [Fact]
    public async Task The_quick_start_runs()
    {
        Assert.SkipWhen(wine.Missing is not null, wine.Missing ?? "");
        var (exitCode, output, errors) = await wine.RunAsync("samples/quickstart.ps1");
        Assert.Equal((0, ""), (exitCode, errors));
        foreach (var mode in Enum.GetNames<AesMode>())
            Assert.Contains($"Connected in AES-{mode}, a ping took", output, StringComparison.Ordinal);
        Assert.EndsWith("Disconnected, stopped, and deleted the key.", output.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_that_the_sample_checks_works()
    {
        Assert.SkipWhen(wine.Missing is not null, wine.Missing ?? "");
        var (_, output, errors) = await wine.RunAsync(@"-Command ""C:\xpra\samples\check.ps1 | ConvertTo-Json""");
        Assert.Equal("", errors);
        var rows = JsonSerializer.Deserialize<CheckRow[]>(output)!;
        Assert.True(rows.Length > 20);
        Assert.DoesNotContain(rows, row => row.Result != "Passed" && !NotInWine.ContainsKey(row.Check));
        Assert.Empty(NotInWine.Keys.Except(rows.Select(row => row.Check)));
    }

    [Fact]
    public async Task Every_Pester_test_passes()
    {
        Assert.SkipWhen(wine.Missing is not null, wine.Missing ?? "");
        const string Version = "5.9.1";
        var packages = typeof(WindowsTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "Packages").Value!;
        var from = Path.Combine(packages, "pester", Version, "tools");
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(wine.Drive, "Program Files", "PowerShell", "Modules", "Pester", Version, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
        var (_, console, errors) = await wine.RunAsync(@"-NonInteractive -File C:\xpra\tests\pester\Invoke-Suite.ps1 -ResultPath C:\pester.json");
        var result = Path.Combine(wine.Drive, "pester.json");
        Assert.True(File.Exists(result), $"Pester did not come to an end:\n{console}{errors}");
        // .ci/run counts what is there.
        File.Copy(result, Path.Combine(SharedFiles.Repository, "out", "pester-windows.json"), overwrite: true);
        using var run = JsonDocument.Parse(await File.ReadAllTextAsync(result));
        Assert.True(run.RootElement.GetProperty("Failed").GetInt32() == 0, run.RootElement.GetProperty("Failures").ToString());
        Assert.True(run.RootElement.GetProperty("Passed").GetInt32() > 200, console);
    }

    [Theory]
    [InlineData(AesMode.CBC)]
    [InlineData(AesMode.GCM)]
    public async Task A_client_and_a_listener_there_talk_to_those_of_this_system(AesMode mode)
    {
        Assert.SkipWhen(wine.Missing is not null, wine.Missing ?? "");
        using var key = XpraKey.FromText(Key);
        await using var server = AesListener.Start(new() { Key = key, Modes = [mode] });
        // Two packets: its hello, and the echo of the ping with which our client ends connecting.
        await using var run = wine.Begin($"-Command \"$l = Start-XpraAesListener -Port 0 -KeyData {Key} -Mode {mode} -WarningAction Ignore; $l.Port; $c = Connect-XpraAes -ComputerName 127.0.0.1 -Port {server.Port} -Mode {mode} -KeyData {Key} -WarningAction Ignore; $c.Mode; while (-not ($l.Connections.PacketsOut -ge 2)) {{ Start-Sleep -Milliseconds 100 }}; $c | Disconnect-XpraAes; $l | Stop-XpraAesListener\"");
        var port = int.Parse(await run.ReadLineAsync(), System.Globalization.CultureInfo.InvariantCulture);
        await using var connection = await XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", port), Key = key, Mode = mode });
        Assert.Equal((true, mode), (connection.KeyProven, connection.Mode));
        Assert.Equal((0, $"{port}\n{mode}\n", ""), await run.FinishAsync());
        Assert.Equal(1, server.Accepted);
    }

    [Theory]
    [InlineData("Ctrl+C")]
    [InlineData("the console is closed")]
    public async Task Its_sessions_end_properly(string how)
    {
        Assert.SkipWhen(wine.Missing is not null, wine.Missing ?? "");
        using var key = XpraKey.FromText(Key);
        await using var run = wine.BeginOnTerminal($$"""
            (Start-XpraAesListener -Port 0 -KeyData {{Key}} -Mode CTR -WarningAction Ignore).Endpoint | Set-Content $out
            while (-not (Test-Path $signal)) { Start-Sleep -Milliseconds 100 }
            # What Windows runs in each program of a console that is closed, with CTRL_CLOSE_EVENT. There is no window here to close.
            Add-Type -Namespace Test -Name Native -MemberDefinition @'
            [DllImport("kernel32")] public static extern IntPtr GetModuleHandleW([MarshalAs(UnmanagedType.LPWStr)] string name);
            [DllImport("kernel32")] public static extern IntPtr GetProcAddress(IntPtr module, [MarshalAs(UnmanagedType.LPStr)] string name);
            [DllImport("kernel32")] public static extern IntPtr CreateThread(IntPtr attributes, IntPtr size, IntPtr start, IntPtr argument, int flags, out int id);
            '@
            $routine = [Test.Native]::GetProcAddress([Test.Native]::GetModuleHandleW('kernelbase.dll'), 'CtrlRoutine')
            $null = [Test.Native]::CreateThread(0, 0, $routine, 2, 0, [ref]0)
            Start-Sleep 300
            """);
        await using var client = await TestClient.ConnectAsync(await run.ReadLineAsync(), key);
        await client.SendHelloAsync();
        var session = await client.EstablishAsync();
        await (how == "Ctrl+C" ? run.InterruptAsync() : run.SignalAsync());
        Assert.Equal("server exit", await session.ExpectDisconnectAsync());
    }

    /// <summary>The default is pwsh's; -ExecutionPolicy, the user's own setting and the administrator's policy come before it.</summary>
    [Fact]
    public async Task The_execution_policy_is_as_in_pwsh()
    {
        Assert.SkipWhen(wine.Missing is not null, wine.Missing ?? "");
        await File.WriteAllTextAsync(Path.Combine(wine.Drive, "a script.ps1"), "param($Path) \"ran $Path with $(Get-ExecutionPolicy)\"");
        const string Script = "\"C:\\a script.ps1\" -Path \"C:\\some where\\x\"";
        const string Refusal = "running scripts is disabled on this system";
        Assert.Equal((0, "ran C:\\some where\\x with RemoteSigned\n", ""), await wine.RunAsync($"-File {Script}"));
        Assert.Contains(Refusal, (await wine.RunAsync($"-ExecutionPolicy Restricted -File {Script}")).Errors, StringComparison.Ordinal);

        var settings = Path.Combine(Directory.EnumerateDirectories(Path.Combine(wine.Drive, "users")).Single(user => Path.GetFileName(user) != "Public"), "Documents", "PowerShell", "powershell.config.json");
        Directory.CreateDirectory(Path.GetDirectoryName(settings)!);
        await File.WriteAllTextAsync(settings, """{ "Microsoft.PowerShell:ExecutionPolicy": "Restricted" }""");
        Assert.Contains(Refusal, (await wine.RunAsync($"-File {Script}")).Errors, StringComparison.Ordinal);
        File.Delete(settings);

        const string Policies = @"HKLM\Software\Policies\Microsoft\PowerShellCore";
        await wine.RunProgramAsync("reg", "add", Policies, "/v", "EnableScripts", "/t", "REG_DWORD", "/d", "0", "/f");
        Assert.Contains(Refusal, (await wine.RunAsync($"-ExecutionPolicy Bypass -File {Script}")).Errors, StringComparison.Ordinal);
        await wine.RunProgramAsync("reg", "delete", Policies, "/f");
        Assert.Equal(0, (await wine.RunAsync($"-File {Script}")).ExitCode);
    }

    private sealed record CheckRow(string Result, string Check, string Detail);
}
