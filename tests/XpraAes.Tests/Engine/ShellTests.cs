using System.Diagnostics;
using System.Text.Json;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Engine;

/// <summary>xpra-aes as a user runs it.</summary>
[Trait("Category", "Engine")]
public sealed class ShellTests
{
    [Fact]
    public async Task A_script_gets_its_arguments_and_its_own_path()
    {
        const string Script = """
            param([string] $Name, [int] $Count, [switch] $Loud, [switch] $Quiet)
            "$Name $($Count + 1) $Loud $Quiet $([System.IO.File]::Exists("$PSScriptRoot/script.ps1")) $($args.Count)"
            """;
        var (exitCode, output, errors) = await ShellProcess.RunScriptAsync(Script, "-Count", "41", "-Loud", "-Quiet:$false", "someone");
        Assert.Equal("someone 42 True False True 0\n", output);
        Assert.Equal("", errors);
        Assert.Equal(0, exitCode);
    }

    [Fact]
    public async Task Objects_are_rendered_as_tables()
    {
        var (_, output, _) = await ShellProcess.RunAsync("-Command", "[pscustomobject]@{ Mode = 'CBC'; Bits = 256 }, [pscustomobject]@{ Mode = 'GCM'; Bits = 128 }");
        Assert.Equal(["Mode Bits", "---- ----", "CBC   256", "GCM   128"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("exit 7", 7)]
    [InlineData("throw 'no'", 1)]
    [InlineData("$ErrorActionPreference = 'Stop'; No-Command", 1)]
    [InlineData("1/0; 2", 0)]
    [InlineData("if (", 1)]
    public async Task The_exit_code_shows_how_a_script_ended(string script, int expected)
    {
        Assert.Equal(expected, (await ShellProcess.RunScriptAsync(script)).ExitCode);
    }

    [Fact]
    public async Task The_exit_code_shows_how_a_command_ended()
    {
        Assert.Equal(7, (await ShellProcess.RunAsync("-Command", "exit", "7")).ExitCode);
        Assert.Equal(1, (await ShellProcess.RunAsync("-Command", "throw 'no'")).ExitCode);
    }

    [Fact]
    public async Task The_module_at_hand_goes_before_one_that_the_user_has_installed()
    {
        using TempFolder home = new();
        string folder = Directory.CreateDirectory(home["powershell/Modules/XpraAes"]).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "XpraAes.psm1"), "function New-XpraAesKey { 'not ours' }");
        var (_, output, errors) = await ShellProcess.RunAsync(new Dictionary<string, string> { ["XDG_DATA_HOME"] = home.Root }, "-Command", "(New-XpraAesKey).Bits; @(Get-Module XpraAes -ListAvailable).Count");
        Assert.Equal(("256\n2\n", ""), (output, errors));
    }

    [Fact]
    public async Task An_error_goes_to_standard_error_with_its_message_and_its_position()
    {
        var (exitCode, output, errors) = await ShellProcess.RunScriptAsync("'before'\nthrow 'the reason'\n'after'");
        Assert.Equal(1, exitCode);
        Assert.Equal("before\n", output);
        Assert.Contains("script.ps1:2", errors, StringComparison.Ordinal);
        Assert.Contains("the reason", errors, StringComparison.Ordinal);
    }

    /// <summary>What a user types, with cmdlets of PowerShell's own.</summary>
    [Theory]
    [InlineData("New-XpraAesKey | Set-Content key.txt; (Get-XpraAesKey key.txt -WarningAction Ignore).Bits", "256\n")]
    [InlineData("New-XpraAesKey | Set-Content key.txt; Get-Content key.txt | Measure-Object -Line | Select-Object -ExpandProperty Lines", "1\n")]
    [InlineData("Get-XpraCipherInfo -Supported | Where-Object Mode -EQ CBC | Format-Table Cipher, Mode -HideTableHeaders", "\nAES     CBC\n\n")]
    [InlineData("Get-XpraCipherInfo -Supported | Export-Csv modes.csv; (Import-Csv modes.csv).Mode -join ' '", "CBC CTR GCM CFB\n")]
    [InlineData("Get-XpraCipherInfo -Supported > modes.txt; (Get-Item modes.txt).Length -gt 100", "True\n")]
    [InlineData("Get-XpraCipherInfo -Supported | ConvertTo-Json | ConvertFrom-Json | ForEach-Object KeySize | Sort-Object -Unique", "128\n192\n256\n")]
    public async Task PowerShells_own_cmdlets_are_there(string command, string expected)
    {
        using TempFolder folder = new();
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-WorkingDirectory", folder.Root, "-Command", command);
        Assert.Equal((0, expected, ""), (exitCode, output, errors));
    }

    [Fact]
    public async Task An_unknown_command_is_an_error_and_the_next_one_runs()
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-Command", "No-Command; 'goes on'");
        Assert.Equal((0, "goes on\n"), (exitCode, output));
        Assert.Contains("'No-Command' is not recognized", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_profile_is_loaded()
    {
        var (_, path, _) = await ShellProcess.RunAsync("-Command", "$PROFILE.CurrentUserAllHosts");
        Assert.Contains("profile.ps1", path, StringComparison.Ordinal);
        using TempFolder home = new();
        var profile = Path.Combine(home.Root, "powershell", "profile.ps1");
        Directory.CreateDirectory(Path.GetDirectoryName(profile)!);
        await File.WriteAllTextAsync(profile, "'from the profile'");
        var (_, output, _) = await ShellProcess.RunAsync(new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = home.Root }, "-Command", "$PROFILE.CurrentUserAllHosts; . $PROFILE.CurrentUserAllHosts");
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Its profiles are elsewhere.");
        Assert.Equal($"{profile}\nfrom the profile\n", output);
    }

    [Fact]
    public async Task The_module_is_there_by_name()
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-Command", "Import-Module XpraAes -ErrorAction Stop; (Get-Module XpraAes).Version.ToString(3)");
        Assert.Equal((0, "0.1.0\n", ""), (exitCode, output, errors));
    }

    [Fact]
    public async Task It_works_in_a_constrained_session()
    {
        const string Script = """
            $ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'
            Import-Module XpraAes
            $null = New-XpraAesKey -Path key.txt
            $listener = Start-XpraAesListener -Port 0 -KeyFile key.txt
            Remove-Module XpraAes
            "$($listener.State)"
            """;
        using TempFolder folder = new();
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-WorkingDirectory", folder.Root, "-Command", Script);
        Assert.Equal((0, "Stopped\n", ""), (exitCode, output, errors));
    }

    [Fact]
    public async Task A_session_that_may_not_load_it_gets_the_reason()
    {
        using TempFolder folder = new();
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(TestPaths.BuiltManifest)!))
            File.Copy(file, Path.Combine(folder.Root, Path.GetFileName(file)));
        Directory.CreateDirectory(Path.Combine(folder.Root, "bin"));
        await File.WriteAllTextAsync(Path.Combine(folder.Root, "bin", "XpraAes.Loader.dll"), "what a policy blocks");
        var (_, output, errors) = await ShellProcess.RunAsync("-Command", $"$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'; Import-Module '{folder.Root}/XpraAes.psd1'; 'goes on'");
        Assert.Equal("goes on\n", output);
        Assert.Contains("XpraAes cannot be loaded in this session, which is in ConstrainedLanguage", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Cannot invoke method", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Standard_input_is_run_if_nothing_else_is_given()
    {
        using Process process = ShellProcess.Start();
        await process.StandardInput.WriteAsync("'from a pipe'; exit 3");
        process.StandardInput.Close();
        Assert.Equal((3, "from a pipe\n", ""), await ShellProcess.FinishAsync(process));
    }

    [Fact]
    public async Task Ctrl_C_stops_the_script_and_its_finally_blocks_run()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGINT to send to one process.");
        using Process process = ShellProcess.Start("-Command", "try { 'waiting'; Start-Sleep 300; 'never' } finally { [Console]::WriteLine('cleaned up') }");
        Assert.Equal("waiting", await process.StandardOutput.ReadLineAsync());
        await ShellProcess.SignalAsync(process, "INT");

        Assert.Equal((130, "cleaned up\n", ""), await ShellProcess.FinishAsync(process));
    }

    /// <summary>PowerShell reads them from beside its own assembly; Windows would otherwise run no script at all.</summary>
    [Fact]
    public void The_settings_for_Windows_are_beside_its_assembly()
    {
        var folder = Path.Combine(Path.GetDirectoryName(TestPaths.Shell)!, "runtimes", "win", "lib", "net10.0");
        Assert.True(File.Exists(Path.Combine(folder, "System.Management.Automation.dll")));
        using var settings = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "powershell.config.json")));
        Assert.Equal("RemoteSigned", settings.RootElement.GetProperty("Microsoft.PowerShell:ExecutionPolicy").GetString());
    }

    [Fact]
    public async Task The_version_shows_the_modules_and_PowerShells()
    {
        var (exitCode, output, _) = await ShellProcess.RunAsync("-Version");
        Assert.Equal(0, exitCode);
        Assert.Matches(@"^xpra-aes \d+\.\d+\.\d+, PowerShell 7\.\d+\.\d+\n$", output);
    }

    [Theory]
    [InlineData("-NoSuchOption")]
    [InlineData("-Command")]
    [InlineData("/no/such/script.ps1")]
    public async Task A_wrong_command_line_is_an_error_of_usage(string argument)
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync(argument);
        Assert.Equal(64, exitCode);
        Assert.Contains(argument, errors, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("xpra-aes [-File] SCRIPT", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_that_nobody_can_answer_ends_nothing_and_does_nothing()
    {
        using TempFolder folder = new();
        var (_, output, _) = await ShellProcess.RunAsync("-WorkingDirectory", folder.Root, "-NonInteractive", "-Command", "'x' | Set-Content file -Confirm; 'goes on'; Test-Path file");
        Assert.EndsWith("goes on\nFalse\n", output, StringComparison.Ordinal);
    }
}
