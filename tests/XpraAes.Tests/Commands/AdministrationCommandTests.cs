using System.Management.Automation;
using XpraAes.Encodings;
using XpraAes.Tests.Administration;
using XpraAes.Tests.Diagnostics;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>The administration cmdlets against servers with the answers of real ones.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class AdministrationCommandTests : ServerCommandTests
{
    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Information_is_objects_with_numbers(string version)
    {
        await using var server = Serve(Generation.Of(version));
        Assert.Equal("1 Int64", Run($"$i = Get-XpraInfo {Uri(server)}; \"$($i.clients.count) $($i.clients.count.GetType().Name)\""));
        Assert.Equal("AES", Run($"(Get-XpraInfo {Uri(server)} -Path client.0.connection.input.cipher).value.Substring(0, 3)"));
        Assert.Equal("xterm", Run("($i | ConvertTo-Json -Depth 20 | ConvertFrom-Json).windows.PSObject.Properties.Where{ $_.Name -match '^\\d+$' }.Value.title"));
        Assert.Equal($"{server.Endpoint} 1", Run($"$s = Get-XpraInfo {Uri(server)} -Summary; \"$($s.Server) $($s.Windows)\""));
        Assert.Contains("clients.unauthenticated", Run($"(Get-XpraInfo {Uri(server)} -Flat).Name -join ' '"), StringComparison.Ordinal);
        Assert.Matches(@"Version\s*:\s*" + version, Run("$i | Out-String"));
    }

    [Fact]
    public async Task Names_that_collide_are_all_there()
    {
        var hostile = new XpraDictionary
        {
            ["PSObject"] = 1L, ["psobject"] = 2L, ["Count"] = 3L, ["count"] = 4L, [""] = 5L, ["ToString"] = 6L, ["Endpoint"] = 7L, ["PSTypeNames"] = 8L, ["a\u001b[2J"] = "b\u001b[2J", ["Length"] = 9L,
        };
        hostile.Set(new byte[] { 0xff, 0xfe }, 10L);
        hostile.Set(-1L, 11L);
        hostile.Set(1.5, new object?[] { "x\u0007", new XpraDictionary { ["y"] = 12L } });
        await using var server = Serve(Generation.Of("6.2.5") with { Info = hostile });
        var info = Assert.Single(Host.Run($"Get-XpraInfo {Uri(server)}").Output);
        Assert.Equal($"{server.Endpoint}", info.Properties["Endpoint"].Value);
        var names = info.Properties.Select(property => property.Name).ToList();
        Assert.Equal(names.Count, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        foreach (var number in Enumerable.Range(1, 11))
            Assert.Single(info.Properties, property => property.Value is long value && value == number);
        Assert.Equal("b\uFFFD[2J", info.Properties["a\uFFFD[2J"].Value);
        Assert.NotNull(info.Properties["fffe"]);
        var list = Assert.IsType<object[]>(info.Properties["1.5"].Value);
        Assert.Equal("x\uFFFD", list[0]);
        Assert.Equal(12L, ((PSObject)list[1]).Properties["y"].Value);
        Assert.NotEmpty(Host.Run($"Get-XpraInfo {Uri(server)} | Format-List * | Out-String").Text);
    }

    [Fact]
    public async Task Very_many_names_that_differ_only_in_case_are_told_apart()
    {
        var hostile = new XpraDictionary();
        for (var i = 0; i < 1 << 14; i++)
            hostile[string.Concat(Enumerable.Range(0, 14).Select(bit => (i >> bit & 1) == 0 ? 'a' : 'A'))] = (long)i;
        await using var server = Serve(Generation.Of("6.2.5") with { Info = hostile });
        Assert.Equal($"{(1 << 14) + 2}", Run($"@((Get-XpraInfo {Uri(server)}).PSObject.Properties).Count")); // and Endpoint and version
    }

    [Fact]
    public async Task Failing_servers_do_not_stop_the_others_and_each_error_names_its_server()
    {
        await using var good = Serve(Generation.Of("6.2.5"));
        await using var proxy = Serve(Generation.Of("6.1.3") with { Answer = (_, _) => ["disconnect", "error", "invalid request, 'command' is not supported by the proxy server"] });
        var result = Host.Run($"{Uri(proxy)}, 'tcp://127.0.0.1:9/?keyfile=key.txt', {Uri(good)} | Invoke-XpraControl help");
        Assert.Equal("help", Assert.Single(result.Output).Properties["Command"].Value);
        Assert.Equal(["ConnectionRefused tcp://127.0.0.1:9/", $"RequestRefused {proxy.Endpoint}"], result.Errors.Select(error => $"{error.FullyQualifiedErrorId.Split(',')[0]} {error.TargetObject}").Order());
    }

    [Fact]
    public async Task A_failed_command_is_an_error_without_its_arguments()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        var result = Host.Run($"Invoke-XpraControl nonsense SECRET -Uri {Uri(server)} -Verbose -Debug");
        var error = Assert.Single(result.Errors);
        Assert.Equal(("RequestUnsupported", ErrorCategory.NotImplemented), (error.FullyQualifiedErrorId.Split(',')[0], error.CategoryInfo.Category));
        Assert.All(result.Verbose.Append($"{error.Exception}"), text => Assert.DoesNotContain("SECRET", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Stop-XpraServer {0} -WhatIf")]
    [InlineData("Stop-XpraServer {0} -KeepApplications -WhatIf")]
    [InlineData("Disconnect-XpraClient {0} -WhatIf")]
    [InlineData("Invoke-XpraControl name x -Uri {0} -WhatIf")]
    [InlineData("Start-XpraApplication {0} -Command xterm -WhatIf")]
    [InlineData("Save-XpraScreenshot {0} -Path x.png -WhatIf")]
    [InlineData("Send-XpraFile {0} -Path /etc/motd -WhatIf")]
    [InlineData("$ConfirmPreference = 'High'; try {{ Stop-XpraServer {0} }} catch {{ }}")] // nobody can be asked here
    [InlineData("$ConfirmPreference = 'High'; try {{ Disconnect-XpraClient {0} }} catch {{ }}")]
    public async Task Nothing_is_sent_without_consent(string command)
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        Assert.Empty(Host.Run(string.Format(System.Globalization.CultureInfo.InvariantCulture, command, Uri(server))).Output);
        Assert.Equal(0, server.Connections);
    }

    [Fact]
    public async Task A_session_from_the_pipeline_does_many_things_on_one_connection()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        Assert.Equal("xterm xterm True 484", Run($"$c = Connect-XpraAes {Uri(server)}; $w = $c | Get-XpraWindow; $a = $c | Start-XpraApplication -Command 'xterm -T \"two words\"' -Environment @{{ A = 'b c' }}; $n = $c | Invoke-XpraControl name new; \"$($w.Title) $($a.Program) $($null -eq $n.Code) $(($c | Get-XpraWindow).Width)\""));
        Assert.Equal(1, server.Connections);
        Assert.Contains("start-command env [env A=b c xterm -T two words] True True", server.Packets);
        Assert.Contains("command_request name new", server.Packets);
    }

    [Theory]
    [InlineData("-Command ''")]
    [InlineData("-Command 'xterm \"open'")]
    [InlineData("-Command xterm -Environment @{ 'A B' = 1 }")]
    [InlineData("-Command xterm -Environment @{ \"A`n\" = 1 }")]
    [InlineData("-Command xterm -Environment @{ '-u' = 1 }")]
    public async Task A_program_that_cannot_be_started_as_given_is_an_error_before_anything_is_sent(string how)
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        var script = $"try {{ Start-XpraApplication {Uri(server)} {how} }} catch {{ $_.FullyQualifiedErrorId.Split(',')[0] }}";
        Assert.Contains(Run(script), (string[])["InvalidOption", "ParameterArgumentValidationError"]);
        Assert.Equal(0, server.Connections);
    }

    [Fact]
    public async Task Screenshots_are_written_completely_or_not_at_all()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        await using var bare = Serve(Generation.Of("6.2.5", showsWindow: false));
        await using var hostile = Serve(Generation.Of("6.2.5") with { Answer = (_, _) => ["screenshot", 1L, 1L, "png", 4L, "#!/bin/sh\nreboot\n"u8.ToArray()] });
        var port = server.Endpoint.Port;
        Assert.Equal($"127.0.0.1-{port}.png", Run($"(Save-XpraScreenshot {Uri(server)} -Path .).Name"));
        Assert.Equal(Generation.Png, File.ReadAllBytes(Folder[$"127.0.0.1-{port}.png"]));
        AssertFails($"Save-XpraScreenshot {Uri(server)} -Path '{{0:host}}-{port}.png'", XpraErrorId.FileExists);
        Assert.Empty(Host.Run($"Save-XpraScreenshot {Uri(server)} -Path '{{0:host}}-{port}.png' -Force").Errors);
        AssertFails($"Save-XpraScreenshot {Uri(bare)} -Path bare.png", XpraErrorId.ScreenshotEmpty);
        AssertFails($"Save-XpraScreenshot {Uri(hostile)} -Path hostile.png", XpraErrorId.MalformedPacket);
        AssertFails($"Save-XpraScreenshot {Uri(server)} -Path nowhere/x.png", XpraErrorId.FileUnwritable);
        AssertFails($"{Uri(server)}, {Uri(server)}, {Uri(bare)} | Save-XpraScreenshot -Path one.png -Force", XpraErrorId.FileExists);
        Assert.Equal([$"127.0.0.1-{port}.png", "key.txt", "one.png"], Directory.GetFiles(Folder.Root).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_notification_is_sent_or_the_version_that_has_none_is_named()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        Assert.Matches("sent to 1 clients", Run($"(Send-XpraNotification {Uri(server)} -Title 'Restart at 18:00').Text"));
        await using var newer = Serve(Generation.Of("6.5.3"));
        var error = Assert.Single(Host.Run($"Send-XpraNotification {Uri(newer)} -Title x").Errors);
        Assert.Equal("RequestUnsupported", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains("xpra 6.5.3 has no 'send-notification'", error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_is_sent_or_the_version_that_sends_none_is_named()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        Assert.Equal("send file of '/srv/plan.pdf' to * initiated", Run($"(Send-XpraFile {Uri(server)} -Path /srv/plan.pdf).Text"));
        Assert.Equal("send file of '~/plan.pdf' to 44deee9b,1-2 initiated", Run($"(Send-XpraFile {Uri(server)} -Path ~/plan.pdf -Uuid 44deee9b, 1-2 -Open).Text"));
        AssertFails($"Send-XpraFile {Uri(server)} -Path /srv/missing", XpraErrorId.ControlFailed);
        var before = server.Connections;
        foreach (var how in (string[])["-Path plan.pdf", "-Path ''", "-Path /a -Uuid '*'", "-Path /a -Uuid 'a,b'"])
            Assert.Contains("ParameterArgumentValidation", Run($"try {{ Send-XpraFile {Uri(server)} {how} }} catch {{ $_.FullyQualifiedErrorId }}"), StringComparison.Ordinal);
        Assert.Equal(before, server.Connections);
        await using var newer = Serve(Generation.Of("6.5.3"));
        var error = Assert.Single(Host.Run($"Send-XpraFile {Uri(newer)} -Path /a").Errors);
        Assert.Equal("RequestUnsupported", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains("xpra 6.5.3 has no 'send-file'", error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_complete_from_what_a_server_has_told()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        // Names that an earlier test's server told are known in this process.
        await using var other = Serve(Generation.Of("6.2.5") with { Answer = (_, _) => ["hello", new XpraDictionary { ["command_response"] = new object?[] { 0L, "control supports: help, video-region" } }] });
        Host.Run($"Invoke-XpraControl help -Uri {Uri(other)}");
        Assert.Equal("video-region", Run("(TabExpansion2 'Invoke-XpraControl vid' 22).CompletionMatches.CompletionText -join ' '"));
        Host.Run($"Invoke-XpraControl help -Uri {Uri(server)}");
        Assert.Equal("start start-child", Run("(TabExpansion2 'Invoke-XpraControl st' 21).CompletionMatches.CompletionText -join ' '"));
        await using var hostile = Serve(Generation.Of("6.2.5") with { Answer = (_, _) => ["hello", new XpraDictionary { ["command_response"] = new object?[] { 0L, "control supports: stx;reboot, $(reboot)" } }] });
        Host.Run($"Invoke-XpraControl help -Uri {Uri(hostile)}");
        Assert.Equal("start start-child", Run("(TabExpansion2 'Invoke-XpraControl st' 21).CompletionMatches.CompletionText -join ' '"));
    }

    private static string Uri(FakeServer server) => $"'{server.Endpoint}?keyfile=key.txt'";
}
