using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Management;

/// <summary>samples/observability against what /metrics really says, and in promtool, Prometheus' own checker.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed partial class ObservabilitySampleTests(MetricsFixture metrics) : IClassFixture<MetricsFixture>
{
    private static readonly string s_folder = Path.Combine(SharedFiles.Repository, "samples", "observability");

    [Theory]
    [InlineData("dashboard.json", 15)]
    [InlineData("rules.yml", 7)]
    [InlineData("rules.test.yml", 6)]
    public void Every_metric_that_a_sample_names_exists(string file, int least)
    {
        var there = metrics.Samples.Select(sample => sample.Name).ToHashSet();
        string[] named = [.. MetricName().Matches(Expressions(file)).Select(match => match.Value).Distinct()];
        Assert.InRange(named.Length, least, 100);
        Assert.All(named, name => Assert.Contains(name, there));
    }

    /// <summary>Each label that an expression selects or groups by is one that the metrics have, or one that Prometheus adds.</summary>
    [Fact]
    public void Every_label_that_the_dashboard_names_exists()
    {
        var there = metrics.Samples.SelectMany(sample => LabelName().Matches(sample.Labels).Select(match => match.Groups[1].Value)).Concat(["job", "instance"]).ToHashSet();
        string[] named = [.. SelectedLabel().Matches(Expressions("dashboard.json")).Select(match => match.Groups[1].Value).Distinct()];
        Assert.InRange(named.Length, 3, 20);
        Assert.All(named, name => Assert.Contains(name, there));
    }

    [Fact]
    public void Every_panel_of_the_dashboard_has_a_place_a_title_and_a_question()
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_folder, "dashboard.json")));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToArray();
        Assert.Equal(panels.Length, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        Assert.Equal(panels.Length, panels.Select(panel => $"{panel.GetProperty("gridPos")}").Distinct().Count());
        Assert.All(panels, panel =>
        {
            Assert.NotEmpty(panel.GetProperty("title").GetString()!);
            Assert.All(panel.GetProperty("targets").EnumerateArray(), target => Assert.NotEmpty(target.GetProperty("expr").GetString()!));
            var place = panel.GetProperty("gridPos");
            Assert.InRange(place.GetProperty("x").GetInt32() + place.GetProperty("w").GetInt32(), 1, 24);
        });
    }

    [Fact]
    public async Task Promtool_accepts_what_metrics_says() => Assert.Equal("", await PromtoolAsync(metrics.Text, "check", "metrics"));

    [Fact]
    public async Task Promtool_loads_the_rules_and_the_configuration()
    {
        Assert.Contains("SUCCESS: 5 rules found", await PromtoolAsync(null, "check", "rules", "rules.yml"), StringComparison.Ordinal);
        Assert.Contains("is valid prometheus config file syntax", await PromtoolAsync(null, "check", "config", "prometheus.yml"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_alert_fires_when_it_should_and_not_before()
    {
        Assert.Contains("SUCCESS", await PromtoolAsync(null, "test", "rules", "rules.test.yml"), StringComparison.Ordinal);
        var rules = File.ReadAllText(Path.Combine(s_folder, "rules.yml"));
        var tests = File.ReadAllText(Path.Combine(s_folder, "rules.test.yml"));
        Assert.All(AlertName().Matches(rules), alert => Assert.Contains($"alertname: {alert.Groups[1].Value}\n        exp_alerts:", tests, StringComparison.Ordinal));
    }

    private static string Expressions(string file)
    {
        var text = File.ReadAllText(Path.Combine(s_folder, file));
        if (!file.EndsWith(".json", StringComparison.Ordinal))
            return text.Replace("error_type", "", StringComparison.Ordinal);
        using var dashboard = JsonDocument.Parse(text);
        return string.Join('\n', dashboard.RootElement.GetProperty("panels").EnumerateArray().SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString())
            .Concat(dashboard.RootElement.GetProperty("templating").GetProperty("list").EnumerateArray().Where(variable => variable.TryGetProperty("definition", out _)).Select(variable => variable.GetProperty("definition").GetString())));
    }

    private static async Task<string> PromtoolAsync(string? input, params string[] arguments)
    {
        RealXpra.RequireProgram("promtool", "prometheus");
        using var promtool = Process.Start(new ProcessStartInfo("promtool", arguments) { WorkingDirectory = s_folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = promtool.StandardOutput.ReadToEndAsync();
        var errors = promtool.StandardError.ReadToEndAsync();
        if (input is not null)
            await promtool.StandardInput.WriteAsync(input);
        promtool.StandardInput.Close();
        await promtool.WaitForExitAsync();
        var text = await output + await errors;
        Assert.True(promtool.ExitCode == 0, text);
        return text;
    }

    /// <summary>Ours, and the process'; not the label of that name.</summary>
    [GeneratedRegex(@"\b(xpra_aes_(?!transport\b)|process_|target_info)\w*")]
    private static partial Regex MetricName();

    [GeneratedRegex("([a-z_]+)=\"")]
    private static partial Regex LabelName();

    [GeneratedRegex(@"(?<=[{,(]\s*)([a-z_]+)(?=\s*(=~|!=|=)"")")]
    private static partial Regex SelectedLabel();

    [GeneratedRegex(@"alert: (\w+)")]
    private static partial Regex AlertName();
}
