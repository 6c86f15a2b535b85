using System.Diagnostics;
using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Diagnostics;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>Test-XpraAes, and asking servers about their clients, in pipelines.</summary>
[Trait("Category", "Engine")]
[Collection(Listening.LoopbackCollection.Name)]
public sealed class TestTests : IDisposable
{
    private const string KeyText = "0x00112233445566778899aabbccddeeff";

    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();
    private readonly XpraKey _key = XpraKey.FromText(KeyText);
    private readonly AesListener _listener;

    public TestTests() => _listener = AesListener.Start(new ListenerOptions { Key = _key, Modes = [AesMode.CTR] });

    public void Dispose()
    {
        _listener.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _key.Dispose();
        _host.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void It_returns_a_diagnosis_for_each_check()
    {
        var found = Run($"Test-XpraAes '{Uri("AES-CTR")}' -KeyData {KeyText}").Output;
        Assert.Equal(Enum.GetValues<DiagnosisCheck>().Length - 1, found.Count);
        Assert.All(found, row => Assert.Contains("XpraAes.Diagnosis", row.TypeNames));
        Assert.All(found, row => Assert.Equal("Passed", $"{row.Properties["Result"].Value}"));
        Assert.All(found, row => Assert.Equal($"tcp://127.0.0.1:{_listener.Port}/", row.Properties["Endpoint"].Value));
    }

    [Fact]
    public void The_cause_is_marked_and_the_last_line_says_what_to_do()
    {
        var found = Run($"Test-XpraAes -ComputerName 127.0.0.1 -Port {_listener.Port} -Mode CTR -KeyData '{KeyText}0a'").Output;
        var cause = Assert.Single(found, row => row.Properties["IsCause"].Value is true);
        Assert.Equal(["Key", "Failed", "KeyFormDiffers"], Texts(cause, "Check", "Result", "Finding"));
        Assert.Equal($"What to do: {cause.Properties["RecommendedAction"].Value}", found[^1].Properties["Conclusion"].Value);
    }

    [Fact]
    public void A_failure_is_an_answer_and_no_error()
    {
        var result = Run($"Test-XpraAes '{Uri("AES-CBC")}', 'tcp://127.0.0.1:1/' -KeyData {KeyText} | Where-Object Result -eq Failed");
        Assert.Equal(["ConnectionRefused", "ModeRejected"], result.Output.Select(row => Texts(row, "Finding")[0]).Order());
    }

    [Theory]
    [InlineData("AES-CTR", KeyText, "True")]
    [InlineData("AES-CBC", KeyText, "False")]
    [InlineData("AES-CTR", "another", "False")]
    public void Quiet_returns_one_boolean(string mode, string key, string expected)
        => Assert.Equal(expected, Run($"Test-XpraAes '{Uri(mode)}' -KeyData {key} -Quiet").Text);

    [Fact]
    public void It_accepts_table_rows_and_keeps_the_findings_of_each_together()
    {
        _folder.Write("key.txt", Convert.FromHexString(KeyText[2..]));
        Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");
        var found = Run($$"""
            1..3 | ForEach-Object { [pscustomobject]@{ ComputerName = '127.0.0.1'; Port = {{_listener.Port}}; Mode = 'AES-CTR'; KeyFile = 'key.txt' } } |
                Test-XpraAes -ThrottleLimit 3 | ForEach-Object { "$($_.Check)" }
            """).Output.Select(check => $"{check}").ToArray();
        Assert.Equal(Enumerable.Repeat(Enum.GetNames<DiagnosisCheck>().Where(name => name != nameof(DiagnosisCheck.Tls)), 3).SelectMany(names => names), found);
    }

    [Fact]
    public void What_cannot_be_asked_is_an_error_and_the_others_are_asked()
    {
        var result = _host.Run($"Test-XpraAes 'nonsense', '{Uri("AES-CTR")}' -KeyData {KeyText} -Quiet");
        Assert.StartsWith("InvalidUri,", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("True", result.Text);
    }

    [Fact]
    public void It_shows_how_far_it_is()
    {
        using var pipeline = _host.Create($"Test-XpraAes '{Uri("AES-CTR")}' -KeyData {KeyText} -Quiet");
        pipeline.Invoke();
        Assert.Contains(pipeline.Streams.Progress, record => record.StatusDescription == "asking in AES-CTR");
        Assert.Contains(pipeline.Streams.Progress, record => record.RecordType == ProgressRecordType.Completed);
    }

    [Fact]
    public async Task Ctrl_C_ends_it_within_200_ms_and_without_an_error()
    {
        using var peer = FakePeer.Silent();
        using var pipeline = _host.Create($"Test-XpraAes -ComputerName 127.0.0.1 -Port {peer.Port} -KeyData {KeyText} -Timeout 60");
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        pipeline.Streams.Progress.DataAdded += (_, _) => started.TrySetResult();
        var invocation = pipeline.BeginInvoke();
        await started.Task.WaitAsync(TimeSpan.FromSeconds(30));

        var begun = Stopwatch.GetTimestamp();
        pipeline.Stop();
        var taken = Stopwatch.GetElapsedTime(begun);

        Assert.Throws<PipelineStoppedException>(() => pipeline.EndInvoke(invocation));
        Assert.Empty(pipeline.Streams.Error);
        Assert.True(taken < TimeSpan.FromMilliseconds(200), $"it took {taken.TotalMilliseconds} ms");
    }

    [Theory]
    [InlineData("Test-XpraAes '{0}' -KeyData {1} -Quiet")]
    [InlineData("Get-XpraCipherInfo -Uri '{0}' -KeyData {1}")]
    [InlineData("Connect-XpraAes '{0}' -KeyData {1} | Disconnect-XpraAes")]
    public void Verbose_shows_the_handshake_live(string command)
    {
        var verbose = string.Join('\n', Run(string.Format(null, command.Replace("{1}", "{1} -Verbose", StringComparison.Ordinal), Uri("AES-CTR"), KeyText)).Verbose);
        Assert.Contains("announced AES-CTR, 256 bits, SHA1, 10000 iterations", verbose, StringComparison.Ordinal);
        Assert.Contains("sent hello, ", verbose, StringComparison.Ordinal);
        Assert.Contains("received hello, ", verbose, StringComparison.Ordinal);
        Assert.DoesNotContain("ping", verbose, StringComparison.Ordinal);
    }

    [Fact]
    public void Debug_shows_the_packets_of_a_session()
    {
        using var pipeline = _host.Create($"Connect-XpraAes '{Uri("AES-CTR")}' -KeyData {KeyText} -Debug | Disconnect-XpraAes");
        pipeline.Invoke();
        Assert.Contains(pipeline.Streams.Debug, record => record.Message.Contains("received ping_echo, ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_is_asked_about_the_clients_that_are_attached_to_it()
    {
        var client = new XpraDictionary
        {
            ["version"] = "6.2.5",
            ["connection"] = new XpraDictionary
            {
                ["endpoint"] = new object?[] { "192.0.2.7", 40000L },
                ["input"] = new XpraDictionary { ["packetcount"] = 9L, ["cipher"] = new XpraDictionary { [""] = "AES-CBC", ["padding"] = "PKCS#7" } },
                ["output"] = new XpraDictionary(),
            },
        };
        await using var server = new FakeServer(ServerTraits.V62 with { Info = new XpraDictionary { ["client"] = client } }, _key);
        var rows = Run($"Get-XpraCipherInfo -Uri '{server.Endpoint}?encryption=AES&keydata={KeyText}' | ForEach-Object {{ \"$($_.Peer) $($_.Direction) $($_.Cipher) $($_.Mode) $($_.KeyProven) $($_.Endpoint)\" }}");
        Assert.Equal($"192.0.2.7:40000 Send none  False {server.Endpoint}\n192.0.2.7:40000 Receive AES CBC True {server.Endpoint}", rows.Text);
        Assert.Equal(0, server.Sessions);
    }

    [Fact]
    public void A_server_without_clients_and_one_that_fails_are_distinguished()
    {
        var result = _host.Run($"Get-XpraCipherInfo -Uri '{Uri("AES-CTR")}', 'tcp://127.0.0.1:1/' -KeyData {KeyText}");
        Assert.Empty(result.Output);
        Assert.Contains("no client is attached", Assert.Single(result.Warnings), StringComparison.Ordinal);
        Assert.StartsWith("ConnectionRefused,", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    private static string[] Texts(PSObject row, params string[] names) => Array.ConvertAll(names, name => $"{row.Properties[name].Value}");

    private string Uri(string mode) => $"tcp://127.0.0.1:{_listener.Port}/?encryption={mode}";

    private EngineResult Run(string script)
    {
        var result = _host.Run(script);
        Assert.Empty(result.Errors);
        return result;
    }
}
