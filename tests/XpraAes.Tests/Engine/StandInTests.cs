namespace XpraAes.Tests.Engine;

/// <summary>The small forms of everyday commands that xpra-aes brings do what PowerShell's own do.</summary>
[Trait("Category", "Engine")]
public sealed class StandInTests
{
    // One process for all of them: it takes most of a second to start.
    private static readonly (string Command, string Expected)[] Cases =
    [
        ("1..5 | Select-Object -First 2", "1 2"),
        ("1..5 | Select-Object -Last 2", "4 5"),
        ("1..5 | Select-Object -Skip 3", "4 5"),
        ("1..5 | Select-Object -Skip 1 -First 2", "2 3"),
        ("$two | Select-Object -ExpandProperty Name", "a b"),
        ("($two | Select-Object Name, S*)[1].psobject.Properties.Name", "Name Size"),
        ("($two | Select-Object Missing)[0].psobject.Properties.Name", "Missing"),
        ("Write-Host one two 6>&1", "one two"),
        ("Write-Host unseen 6> $null; 'seen'", "seen"),
        ("Start-Sleep -Milliseconds 1; Start-Sleep 0.001; 'awake'", "awake"),
    ];

    [Fact]
    public async Task They_do_what_PowerShells_own_do()
    {
        const string Objects = "$two = [pscustomobject]@{ Name = 'a'; Size = 1 }, [pscustomobject]@{ Name = 'b'; Size = 2 }\n";
        string script = Objects + string.Join('\n', Cases.Select(test => $"(& {{ {test.Command} }}) -join ' '"));
        var (exitCode, output, errors) = await ShellProcess.RunScriptAsync(script);
        Assert.Equal("", errors);
        Assert.Equal(Cases, Cases.Zip(output.Split('\n'), (test, actual) => (test.Command, actual)));
        Assert.Equal(0, exitCode);
    }

    [Fact]
    public async Task Write_Host_writes_past_the_pipeline()
    {
        var (_, output, errors) = await ShellProcess.RunAsync("-Command", "$null = & { Write-Host a; 'b' | Write-Host -NoNewline; Write-Host c -ForegroundColor Red }");
        Assert.Equal(("a\nbc\n", ""), (output, errors));
    }

    [Fact]
    public async Task Content_that_was_set_is_got_again()
    {
        const string Script = """
            $file = "$PSScriptRoot/text"
            'first', 'zweite Zeile: äöü' | Set-Content $file
            [System.IO.File]::ReadAllBytes($file)[0]
            (Get-Content $file).Count
            (Get-Content $file -Raw).Length
            Set-Content $file -Value 'one' -NoNewline
            (Get-Content $file -Raw).Length
            Set-Content $file -Value 'two' -WhatIf
            Get-Content $file
            Get-Content "$PSScriptRoot/missing" -ErrorAction SilentlyContinue
            $Error[0].CategoryInfo.Category
            """;
        var (_, output, errors) = await ShellProcess.RunScriptAsync(Script);
        Assert.Equal("", errors);
        Assert.Equal(["102", "2", "24", "3", "What if", "one", "ObjectNotFound"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(':')[0]));
    }
}
