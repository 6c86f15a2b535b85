using System.Xml.Linq;
using XpraAes.Ciphers;
using XpraAes.Listening;

namespace XpraAes.Tests.Engine;

/// <summary>What objects look like when they are printed.</summary>
[Trait("Category", "Engine")]
public sealed class FormatTests
{
    private static readonly XDocument s_views = XDocument.Load(Path.Combine(SharedFiles.Repository, "XpraAes.format.ps1xml"));

    /// <summary>Columns without a width take what is left, of which there must be enough.</summary>
    [Fact]
    public void Tables_fit_into_80_columns()
    {
        foreach (var view in s_views.Descendants("View").Where(view => view.Element("TableControl") is { } table && table.Element("AutoSize") is null))
        {
            var widths = view.Descendants("TableColumnHeader").Select(header => (int?)header.Element("Width") ?? 10).ToArray();
            Assert.True(widths.Sum() + widths.Length - 1 <= 80, $"{view.Element("Name")?.Value} takes {widths.Sum() + widths.Length - 1} columns");
        }
    }

    [Fact]
    public async Task What_Test_XpraAes_finds_is_printed_whole_whatever_was_printed_before()
    {
        using var key = XpraKey.Generate();
        await using var listener = AesListener.Start(new ListenerOptions { Key = key, Modes = [AesMode.CTR] });
        var (_, output, errors) = await ShellProcess.RunAsync("-Command", $$"""
            [pscustomobject]@{ First = 1; Second = 2 }
            Get-Item .
            Test-XpraAes 'tcp://127.0.0.1:{{listener.Port}}/?encryption=AES-CTR' -KeyData another
            'the end'
            """);
        Assert.Equal("", errors);
        var report = output[output.IndexOf("   Endpoint: tcp://", StringComparison.Ordinal)..];
        var lines = report.Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0).ToArray();
        Assert.Equal($"   Endpoint: tcp://127.0.0.1:{listener.Port}/", lines[0]);
        Assert.Equal(["Connection", "Protocol", "Encryption", "Mode", "Iterations", "Padding", "Key", "Authentication", "Enforcement"], lines[1..10].Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries).SkipWhile(word => word is ">").ElementAt(1)));
        Assert.StartsWith("> Failed  Key            KeyMismatch: ", Assert.Single(lines, line => line.StartsWith('>')), StringComparison.Ordinal);
        Assert.StartsWith("What to do: Compare the fingerprints", lines[10], StringComparison.Ordinal);
        Assert.Equal(["the end"], lines[11..]);
        Assert.DoesNotContain("\e[", report, StringComparison.Ordinal);
    }

    /// <summary>Further commands get the objects without that view, which would keep Format-Table from doing what it is asked for.</summary>
    [Fact]
    public void What_Test_XpraAes_finds_can_be_formatted_otherwise()
    {
        using var host = EngineHost.WithModule();
        var table = host.Run("Test-XpraAes -ComputerName 127.0.0.1 -Port 1 -KeyData another | Format-Table Check, Finding | Out-String").Text;
        Assert.Contains("ConnectionRefused", table, StringComparison.Ordinal);
        Assert.DoesNotContain("What to do", table, StringComparison.Ordinal);
        Assert.Contains("What to do", host.Run("$found = Test-XpraAes -ComputerName 127.0.0.1 -Port 1 -KeyData another; $found | Out-String").Text, StringComparison.Ordinal);
    }

    /// <summary>A test's output is no terminal, so there are colours only where they are asked for.</summary>
    [Theory]
    [InlineData("Host", false)]
    [InlineData("PlainText", false)]
    [InlineData("Ansi", true)]
    public async Task States_are_in_colour_only_for_terminals(string rendering, bool isColoured)
    {
        var environment = new Dictionary<string, string> { ["TERM"] = "xterm-256color", ["NO_COLOR"] = "" };
        var (_, output, errors) = await ShellProcess.RunAsync(environment, "-Command", $"""
            $PSStyle.OutputRendering = '{rendering}'
            $listener = Start-XpraAesListener -Port 0 -Key (New-XpraAesKey)
            $listener
            """);
        Assert.Equal("", errors);
        Assert.Contains("Listening", output, StringComparison.Ordinal);
        Assert.Equal(isColoured, output.Contains("\e[32mListening\e[0m", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_import_does_not_load_what_only_the_live_view_needs()
    {
        var (_, output, errors) = await ShellProcess.RunAsync("-Command", """
            Import-Module XpraAes
            $null = Get-XpraAesListener
            ([System.Runtime.Loader.AssemblyLoadContext]::All | Where-Object Name -EQ XpraAes).Assemblies.GetName().Name -like 'Spectre*' | Measure-Object | ForEach-Object Count
            """);
        Assert.Equal("", errors);
        Assert.Equal("0", output.Trim());
    }
}
