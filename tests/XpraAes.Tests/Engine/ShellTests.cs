using System.Diagnostics;

namespace XpraAes.Tests.Engine;

/// <summary>xpra-aes as a user runs it.</summary>
[Trait("Category", "Engine")]
public sealed class ShellTests
{
    [Fact]
    public async Task A_script_gets_its_arguments_and_knows_where_it_lies()
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
    public async Task Objects_are_rendered_by_the_engines_own_formatting()
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
    public async Task The_exit_code_tells_how_a_script_ended(string script, int expected)
    {
        Assert.Equal(expected, (await ShellProcess.RunScriptAsync(script)).ExitCode);
    }

    [Fact]
    public async Task The_exit_code_tells_how_a_command_ended()
    {
        Assert.Equal(7, (await ShellProcess.RunAsync("-Command", "exit", "7")).ExitCode);
        Assert.Equal(1, (await ShellProcess.RunAsync("-Command", "throw 'no'")).ExitCode);
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

    [Fact]
    public async Task An_unknown_command_gets_a_word_about_what_the_bare_engine_lacks()
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-Command", "Get-ChildItem; 'goes on'");
        Assert.Equal(0, exitCode);
        Assert.Equal("goes on\n", output);
        Assert.Contains("'Get-ChildItem' is not recognized", errors, StringComparison.Ordinal);
        Assert.Contains("PowerShell engine with XpraAes alone", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_module_is_there_by_name()
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-Command", "Import-Module XpraAes -ErrorAction Stop; (Get-Module XpraAes).Version.ToString(3)");
        Assert.Equal((0, "0.1.0\n", ""), (exitCode, output, errors));
    }

    [Fact]
    public async Task Standard_input_is_run_where_nothing_else_is_given()
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

    [Fact]
    public async Task The_version_names_ours_and_the_engines()
    {
        var (exitCode, output, _) = await ShellProcess.RunAsync("-Version");
        Assert.Equal(0, exitCode);
        Assert.Matches(@"^xpra-aes \d+\.\d+\.\d+, PowerShell engine 7\.\d+\.\d+\n$", output);
    }

    [Theory]
    [InlineData("-NoSuchOption")]
    [InlineData("-Command")]
    [InlineData("/no/such/script.ps1")]
    public async Task A_wrong_command_line_is_an_error_of_usage(string argument)
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync(argument);
        Assert.Equal((64, ""), (exitCode, output));
        Assert.Contains(argument, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_that_nobody_can_answer_is_an_error_and_no_hang()
    {
        var (_, output, errors) = await ShellProcess.RunAsync("-Command", "'x' | Set-Content /nowhere/file -Confirm; 'goes on'");
        Assert.Equal("goes on\n", output);
        Assert.Contains("no more input", errors, StringComparison.Ordinal);
    }
}
