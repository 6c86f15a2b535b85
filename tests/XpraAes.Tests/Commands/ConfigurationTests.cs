using System.Globalization;
using System.Management.Automation;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Commands;

/// <summary>Configuration files: Test-XpraAesConfiguration, and -ConfigurationPath of Start- and Set-XpraAesListener.</summary>
[Trait("Category", "Engine")]
[Collection(LoopbackCollection.Name)]
public sealed class ConfigurationTests : IDisposable
{
    private const string Key = "0123456789abcdef0123456789abcdef";
    private const string OtherKey = "fedcba9876543210fedcba9876543210";

    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public ConfigurationTests()
    {
        WriteKey("key.txt", Key);
        WriteKey("other.txt", OtherKey);
    }

    public void Dispose()
    {
        _host.Run("Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("gateway.psd1", "@{ Port = 0; KeyFile = 'key.txt'; Mode = 'CBC', 'GCM'; StatePath = 'state'; Limit = @{ HandshakeTimeout = 20; DrainDelay = 5 }; TrustedSource = @('10.0.0.5', '10.1.0.0/16') }")]
    [InlineData("gateway.json", """{ "$schema": "x", "port": 0, "KeyFile": ["key.txt"], "Mode": ["CBC", "GCM"], "StatePath": "state", "Limit": { "HandshakeTimeout": 20, "DrainDelay": "00:00:05" }, /* both */ "TrustedSource": ["10.0.0.5", "10.1.0.0/16"], }""")]
    public void A_listener_has_what_its_file_says_wherever_the_command_runs(string name, string text)
    {
        var path = Write(name, text);
        Assert.Empty(Problems(path));
        var listener = Assert.Single(_host.Run($"Set-Location /; Start-XpraAesListener -ConfigurationPath '{path}'").Output);
        Assert.Equal("CBC,GCM", string.Join(",", ((System.Collections.IEnumerable)listener.Properties["Mode"].Value).Cast<object>()));
        Assert.NotEqual(0, listener.Properties["Port"].Value);
        Assert.True(Directory.Exists(_folder["state"]));
        Assert.Equal("Open", _host.Run($"$c = Connect-XpraAes -ComputerName localhost -Port {listener.Properties["Port"].Value} -KeyFile '{_folder["key.txt"]}'; \"$($c.State)\"; $c | Disconnect-XpraAes").Text);
    }

    [Fact]
    public void Every_mistake_is_reported_at_once_with_its_line()
    {
        WriteKey("weak.txt", "password");
        var path = Write("gateway.psd1", """
            @{
                Prot = 10000
                Mode = 'XYZ'
                KeyFile = 'key.txt'
                KeyData = 'secret-of-the-file'
                Iterations = 5
                TrustedSource = @(
                    '10.0.0.5'
                    'nowhere'
                    '10.0.0.0/99'
                )
                Limit = @{
                    HandshakeTimeout = 20
                    Nonsense = 1
                }
                Target = Get-Secret x
                Wait = $true
                StatePath = '$env:XPRA_AES_TEST_UNSET'
                BindAddress = 'Any'
                bindaddress = 'Loopback'
                Certificate = 'missing.pem'
            }
            """);
        var problems = Problems(path);
        Assert.Equal([2, 3, 5, 6, 9, 10, 14, 16, 17, 18, 20, 21], problems.Select(problem => problem.Line));
        Assert.Contains("Port", problems[0].Action, StringComparison.Ordinal);
        Assert.DoesNotContain(problems, problem => $"{problem}".Contains("secret-of-the-file", StringComparison.Ordinal));
        Assert.Empty(_host.Run("Get-XpraAesListener").Output);
        Assert.Equal("False", _host.Run($"Test-XpraAesConfiguration '{path}' -Quiet").Text);

        var refused = _host.Run($"Start-XpraAesListener -ConfigurationPath '{path}'");
        Assert.Equal("ConfigurationInvalid,XpraAes.PowerShell.Commands.StartXpraAesListenerCommand", Assert.Single(refused.Errors).FullyQualifiedErrorId);
    }

    [Theory]
    [InlineData("gateway.psd1", "@{ Port = 1\n  KeyFile = \n}", 2)]
    [InlineData("gateway.psd1", "'text'", 1)]
    [InlineData("gateway.psd1", "@{}; Remove-Item x", 1)]
    [InlineData("gateway.psd1", "@{\n Port = $(Get-Date) }", 2)]
    [InlineData("gateway.json", "{ \"Port\": 1,\n\n \"KeyFile\" }", 3)]
    [InlineData("gateway.json", "[1]", 1)]
    [InlineData("gateway.json", "", 1)]
    [InlineData("gateway.json", "{ \"Port\": [[[[[[[[[[1]]]]]]]]]] }", 1)]
    public void Syntax_that_is_wrong_is_found_and_nothing_is_run(string name, string text, int line)
    {
        Assert.Equal(line, Problems(Write(name, text))[0].Line);
    }

    [Theory]
    [InlineData("KeyData = 'abc'", "KeyData")]
    [InlineData("CertificatePassword = 'abc'", "CertificatePassword")]
    [InlineData("Credential = @{ UserName = 'ada'; Password = 'abc' }", "Credential")]
    [InlineData("Credential = 'abc'", "Credential")]
    [InlineData("Bind = '127.0.0.1:0,encryption=AES,keydata=abc'", "Bind")]
    [InlineData("Bind = '127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=password:value=abc'", "Bind")]
    [InlineData("Bind = '127.0.0.1:0,encryption=AES,keyfile=key.txt,ssl-cert=c.pem,ssl-key-password=abc'", "Bind")]
    [InlineData("Target = 'tcp://host:1/?encryption=AES&keydata=abc'", "Target")]
    [InlineData("Target = @{ a = 'tcp://ada:abc@host:1/' }", "Target")]
    public void A_secret_in_the_file_is_an_error_and_is_not_repeated(string entry, string name)
    {
        var problem = Problems(Write("gateway.psd1", $"@{{\n Iterations = 10000\n {entry}\n}}")).First();
        Assert.Equal((3, name, "Error"), (problem.Line, problem.Name, problem.Severity));
        Assert.DoesNotContain("abc", $"{problem}", StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_comes_from_the_environment()
    {
        const string Variable = "XPRA_AES_TEST_KEY";
        Environment.SetEnvironmentVariable(Variable, Key);
        try
        {
            foreach (var (name, text) in new[] { ("a.psd1", "@{ Port = 0; KeyData = $env:XPRA_AES_TEST_KEY }"), ("b.psd1", "@{ Port = 0; KeyData = '$env:XPRA_AES_TEST_KEY' }"), ("c.json", """{ "Port": 0, "KeyData": "$env:XPRA_AES_TEST_KEY" }""") })
            {
                var path = Write(name, text);
                Assert.DoesNotContain(Problems(path), problem => problem.Severity == "Error");
                Assert.Equal(_host.Run($"(Get-XpraAesKey '{_folder["key.txt"]}').Fingerprint").Text, _host.Run($"(Start-XpraAesListener -ConfigurationPath '{path}').KeyFingerprint").Text);
            }
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
    }

    /// <summary>A value that is put in the wrong place is not shown there, as it may be secret.</summary>
    [Theory]
    [InlineData("KeyFile")]
    [InlineData("BindAddress")]
    [InlineData("Target")]
    [InlineData("TrustedSource")]
    [InlineData("Port")]
    [InlineData("Bind")]
    public void What_comes_from_the_environment_is_in_no_message(string name)
    {
        const string Variable = "XPRA_AES_TEST_MISPLACED", Secret = "hunter2-in-the-wrong-place";
        Environment.SetEnvironmentVariable(Variable, Secret);
        try
        {
            var problems = Problems(Write("gateway.psd1", $"@{{ {name} = '$env:{Variable}' }}"));
            Assert.NotEmpty(problems);
            Assert.DoesNotContain(problems, problem => $"{problem}".Contains(Secret, StringComparison.Ordinal));
            var started = _host.Run($"Start-XpraAesListener -ConfigurationPath '{_folder["gateway.psd1"]}' -ErrorVariable failed; $failed | ForEach-Object {{ \"$_ $($_.TargetObject) $($_.Exception.InnerException) $($_.ErrorDetails)\" }}");
            Assert.NotEmpty(started.Errors);
            Assert.DoesNotContain(Secret, string.Join('\n', [.. started.Errors.Select(error => $"{error} {error.Exception}"), .. started.Warnings, started.Text]), StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
    }

    /// <summary>What is not done is not ignored either.</summary>
    [Theory]
    [InlineData("-Endpoint 127.0.0.1:1")]
    [InlineData("-RemoveTarget a")]
    [InlineData("-AddTarget @{ a = 'tcp://localhost:1/' }")]
    [InlineData("-Key (New-XpraAesKey)")]
    public void A_change_by_file_takes_no_other_change_along(string other)
    {
        var path = Write("gateway.psd1", "@{ Port = 0; KeyFile = 'key.txt' }");
        var error = Assert.Single(_host.Run($"Start-XpraAesListener -ConfigurationPath '{path}' | Set-XpraAesListener -ConfigurationPath '{path}' {other}").Errors);
        Assert.StartsWith("InvalidOption", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_bind_says_itself_does_not_stand_beside_it()
    {
        var path = Write("gateway.psd1", "@{\n Bind = '127.0.0.1:0,encryption=AES,keyfile=key.txt'\n Port = 0\n Mode = 'GCM'\n}");
        Assert.Equal([(3, "Port"), (4, "Mode")], Problems(path).Select(problem => (problem.Line, problem.Name!)));
    }

    [Fact]
    public void Two_addresses_with_any_port_keep_their_own_keys()
    {
        string Text(string first, string second) => $"@{{ Bind = '127.0.0.1:{first},encryption=AES,keyfile=key.txt', '127.0.0.1:{second},encryption=AES,keyfile=other.txt' }}";
        var path = Write("gateway.psd1", Text("0", "0"));
        var ports = Assert.Single(_host.Run($"$l = Start-XpraAesListener -ConfigurationPath '{path}'; $l.Endpoints -join ' '").Output).ToString()!.Split(' ').Select(endpoint => endpoint.Split(':')[^1]).ToArray();
        foreach (var text in new[] { Text("0", "0"), Text("0", ports[1]), Text(ports[0], "0") })
        {
            Write("gateway.psd1", text);
            Assert.Empty(_host.Run($"$l | Set-XpraAesListener -ConfigurationPath '{path}'").Errors);
            for (var i = 0; i < ports.Length; i++)
                Assert.Equal("Open", _host.Run($"$c = Connect-XpraAes -ComputerName localhost -Port {ports[i]} -KeyFile '{_folder[i == 0 ? "key.txt" : "other.txt"]}'; \"$($c.State)\"; $c | Disconnect-XpraAes").Text);
        }
    }

    [Fact]
    public void Nothing_else_goes_along_and_a_file_that_is_not_there_is_named()
    {
        var path = Write("gateway.psd1", "@{ Port = 0; KeyFile = 'key.txt' }");
        Assert.StartsWith("InvalidOption", Assert.Single(_host.Run($"Start-XpraAesListener -ConfigurationPath '{path}' -Iterations 2000").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.StartsWith("ConfigurationUnreadable", Assert.Single(_host.Run($"Start-XpraAesListener -ConfigurationPath '{_folder["none.psd1"]}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.StartsWith("ConfigurationUnreadable", Assert.Single(_host.Run($"Test-XpraAesConfiguration '{Write("gateway.txt", "@{}")}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_file_is_applied_to_new_connections_all_of_it_or_nothing()
    {
        var path = Write("gateway.psd1", "@{ Port = 0; KeyFile = 'key.txt' }");
        var port = Assert.Single(_host.Run($"$l = Start-XpraAesListener -ConfigurationPath '{path}'; $l.Port").Output);
        var first = _host.Run("$l.KeyFingerprint").Text;

        Write("gateway.psd1", $"@{{ Port = {port}; KeyFile = 'other.txt'; Mode = 'GCM'; Iterations = 3 }}");
        Assert.StartsWith("IterationsRejected", Assert.Single(_host.Run($"$l | Set-XpraAesListener -ConfigurationPath '{path}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(first, _host.Run("$l.KeyFingerprint").Text);

        Write("gateway.psd1", $"@{{ Port = {port}; KeyFile = 'other.txt'; StatePath = 'salts' }}");
        Assert.StartsWith("InvalidOption", Assert.Single(_host.Run($"$l | Set-XpraAesListener -ConfigurationPath '{path}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Write("gateway.psd1", "@{ Port = 1; KeyFile = 'other.txt' }");
        Assert.StartsWith("InvalidOption", Assert.Single(_host.Run($"$l | Set-XpraAesListener -ConfigurationPath '{path}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(first, _host.Run("$l.KeyFingerprint").Text);

        // Port 0 is whatever port it has.
        Write("gateway.psd1", "@{ Port = 0; KeyFile = 'other.txt'; Mode = 'GCM' }");
        Assert.Empty(_host.Run($"$l | Set-XpraAesListener -ConfigurationPath '{path}' -WhatIf").Errors);
        Assert.Equal(first, _host.Run("$l.KeyFingerprint").Text);
        Assert.Empty(_host.Run($"$l | Set-XpraAesListener -ConfigurationPath '{path}'").Errors);
        Assert.Equal(_host.Run($"(Get-XpraAesKey '{_folder["other.txt"]}').Fingerprint").Text, _host.Run("$l.KeyFingerprint").Text);
        Assert.Equal("GCM", _host.Run("\"$($l.Mode)\"").Text);
    }

    [Fact]
    public void A_file_that_others_can_write_draws_a_warning()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        var path = Write("gateway.psd1", "@{ Port = 0; KeyFile = 'key.txt' }");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);
        Assert.Equal("Warning", Assert.Single(Problems(path)).Severity);
        Assert.Equal("True", _host.Run($"Test-XpraAesConfiguration '{path}' -Quiet").Text);
    }

    private sealed record Problem(int Line, string? Name, string Severity, string Message, string? Action);

    private List<Problem> Problems(string path)
        => [.. _host.Run($"Test-XpraAesConfiguration '{path}'").Output.Select(row => new Problem((int)row.Properties["Line"].Value, (string?)row.Properties["Name"].Value, string.Create(CultureInfo.InvariantCulture, $"{row.Properties["Severity"].Value}"), (string)row.Properties["Message"].Value, (string?)row.Properties["RecommendedAction"].Value))];

    private string Write(string name, string text) => _folder.Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    private void WriteKey(string name, string text)
    {
        var path = Write(name, text);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
