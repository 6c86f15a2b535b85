using System.Management.Automation;
using System.Text.RegularExpressions;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Commands;

/// <summary>-LogPath of a listener, and its log with -Wait -Verbose.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed partial class LogPathTests : IDisposable
{
    private const string KeyText = "0x00112233445566778899aabbccddeeff";

    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public LogPathTests() => _host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");

    public void Dispose()
    {
        _host.Run("Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_log_shows_every_handshake_and_every_refusal()
    {
        Assert.Empty(_host.Run($"$listener = Start-XpraAesListener -Port 0 -Mode CTR -KeyData {KeyText} -LogPath log.txt").Errors);
        _host.Run($"Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Mode CTR -KeyData {KeyText} | Disconnect-XpraAes");
        _host.Run($"Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Mode CBC -KeyData {KeyText}");
        _host.Run("$listener | Stop-XpraAesListener");
        await Loopback.Eventually(() => ReadLog().Contains(" stopped", StringComparison.Ordinal));
        var log = ReadLog();
        Assert.Contains("INFO  100 Listening on 127.0.0.1:", log, StringComparison.Ordinal);
        Assert.Contains("asks for AES-CTR, 256 bits", log, StringComparison.Ordinal);
        Assert.Contains("session open", log, StringComparison.Ordinal);
        Assert.Contains("refused, ModeRejected", log, StringComparison.Ordinal);
        Assert.DoesNotContain(KeyText[2..], log, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void What_cannot_be_written_is_an_error_and_nothing_listens()
    {
        var error = Assert.Single(_host.Run($"Start-XpraAesListener -Port 0 -KeyData {KeyText} -LogPath no/such/folder/log.txt").Errors);
        Assert.StartsWith("LogUnwritable,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(ErrorCategory.WriteError, error.CategoryInfo.Category);
        Assert.Empty(_host.Run("Get-XpraAesListener").Output);
    }

    [Fact]
    public void A_log_that_cannot_be_written_hurts_no_session()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A file that is open cannot be removed there.");
        Assert.Empty(_host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {KeyText} -LogPath log.txt").Errors);
        File.Delete(_folder["log.txt"]);
        Directory.CreateDirectory(_folder["log.txt"]);
        for (var i = 0; i < 5; i++)
            Assert.Equal("Open", _host.Run($"Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData {KeyText} | ForEach-Object State").Text);
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes");
        Assert.Empty(_host.Run("$listener | Stop-XpraAesListener").Errors);
    }

    [Fact]
    public void A_symbolic_link_is_an_error_and_nothing_listens()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a right there.");
        File.CreateSymbolicLink(_folder["log.txt"], _folder["elsewhere"]);
        var error = Assert.Single(_host.Run($"Start-XpraAesListener -Port 0 -KeyData {KeyText} -LogPath log.txt").Errors);
        Assert.StartsWith("LogUnwritable,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains("symbolic link", error.Exception.Message, StringComparison.Ordinal);
        Assert.Empty(_host.Run("Get-XpraAesListener").Output);
        Assert.False(File.Exists(_folder["elsewhere"]));
    }

    [Fact]
    public void Its_size_is_a_limit_that_can_be_set()
    {
        _host.Run($"1..20 | ForEach-Object {{ Start-XpraAesListener -Port 0 -KeyData {KeyText} -LogPath log.txt -Limit @{{ LogFileSize = 1000 }} | Stop-XpraAesListener }}");
        Assert.InRange(new FileInfo(_folder["log.txt"]).Length, 1, 1000);
        Assert.InRange(new FileInfo(_folder["log.txt.1"]).Length, 1, 1000);
    }

    [Fact]
    public void Nothing_is_written_with_WhatIf()
    {
        _host.Run($"Start-XpraAesListener -Port 0 -KeyData {KeyText} -LogPath log.txt -WhatIf");
        Assert.False(File.Exists(_folder["log.txt"]));
    }

    [Fact]
    public async Task A_listener_in_the_foreground_shows_its_log_live_and_writes_it_too()
    {
        using var pipeline = _host.Create($"Start-XpraAesListener -Port 0 -KeyData {KeyText} -Wait -Verbose -LogPath log.txt");
        using var output = new PSDataCollection<PSObject>();
        var invocation = pipeline.BeginInvoke<PSObject, PSObject>(null, output);
        await Loopback.Eventually(() => output.Count == 1);
        var port = (int)output[0].Properties["Port"].Value;
        using (var other = EngineHost.WithModule())
            Assert.Equal("True", other.Run($"Test-XpraAes -ComputerName 127.0.0.1 -Port {port} -KeyData {KeyText} -Quiet").Text);
        await Loopback.Eventually(() => Said().Contains("request 'info' answered", StringComparison.Ordinal));
        pipeline.Stop();
        Assert.Throws<PipelineStoppedException>(() => pipeline.EndInvoke(invocation));
        Assert.Matches(Steps(), Said().ReplaceLineEndings(" "));
        await Loopback.Eventually(() => ReadLog().Contains("request 'info' answered", StringComparison.Ordinal));

        string Said() => string.Join('\n', pipeline.Streams.Verbose.ToArray().Select(record => record.Message));
    }

    [GeneratedRegex("Listening on 127.* connected .*received hello, .*asks for AES-CBC.*announced AES-CBC.*sent hello, .*request 'info' answered")]
    private static partial Regex Steps();

    private string ReadLog() => File.Exists(_folder["log.txt"]) ? File.ReadAllText(_folder["log.txt"]) : "";
}
