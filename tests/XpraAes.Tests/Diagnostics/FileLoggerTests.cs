using Microsoft.Extensions.Logging;
using XpraAes.Diagnostics;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Diagnostics;

/// <summary>The log file of a listener.</summary>
public sealed class FileLoggerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string FilePath => _folder["log.txt"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_event_is_a_line_with_its_time_level_and_id()
    {
        using (var log = new FileLogger(FilePath))
            Log.PeerRefused(log, "127.0.0.1:1", XpraErrorId.KeyMismatch, "another key");
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  111 127\.0\.0\.1:1: refused, KeyMismatch: another key\n$", File.ReadAllText(FilePath));
    }

    [Fact]
    public void It_appends_to_what_is_there()
    {
        File.WriteAllText(FilePath, "before\n");
        using (var log = new FileLogger(FilePath))
            Log.PeerConnected(log, "peer");
        Assert.StartsWith("before\n", File.ReadAllText(FilePath), StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllLines(FilePath).Length);
    }

    [Fact]
    public void A_new_file_is_its_owners_alone_and_one_that_is_there_keeps_its_mode()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes.");
            return;
        }
        new FileLogger(FilePath).Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
        const UnixFileMode forGroup = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.SetUnixFileMode(FilePath, forGroup);
        using (var log = new FileLogger(FilePath))
            Log.PeerConnected(log, "peer");
        Assert.Equal(forGroup, File.GetUnixFileMode(FilePath));
    }

    [Fact]
    public void Nothing_that_a_peer_says_makes_a_line_of_its_own()
    {
        using (var log = new FileLogger(FilePath))
        {
            Log.SessionClosed(log, "peer", "one\r\ntwo\u2028\u0007");
            Log.SessionFailed(log, "peer", new InvalidOperationException("three\nfour"));
        }
        Assert.Equal(2, File.ReadAllText(FilePath).Split(['\n', '\r', '\u2028'], StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void Packets_of_sessions_stay_out()
    {
        using var log = new FileLogger(FilePath);
        Assert.False(log.IsEnabled(LogLevel.Trace));
        Assert.True(log.IsEnabled(LogLevel.Debug));
    }

    [Fact]
    public async Task Several_listeners_write_to_one_file_without_loss()
    {
        var logs = Enumerable.Range(0, 4).Select(_ => new FileLogger(FilePath)).ToArray();
        await Task.WhenAll(logs.Select((log, number) => Task.Run(() =>
        {
            for (var i = 0; i < 1000; i++)
                Log.PeerConnected(log, $"{number}-{i}");
        })));
        foreach (var log in logs)
            log.Dispose();
        var lines = await File.ReadAllLinesAsync(FilePath);
        Assert.Equal(4000, lines.Length);
        Assert.Equal(4000, lines.Select(line => line.Split(' ')[3]).Distinct().Count());
    }

    [Fact]
    public async Task It_starts_anew_where_the_file_is_taken_away()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A file that is open cannot be renamed there.");
        using var log = new FileLogger(FilePath);
        Log.PeerConnected(log, "first");
        await Loopback.Eventually(() => File.ReadAllText(FilePath).Contains("first", StringComparison.Ordinal));
        File.Move(FilePath, FilePath + ".1");
        Log.PeerConnected(log, "second");
        await Loopback.Eventually(() => File.Exists(FilePath) && File.ReadAllText(FilePath).Contains("second", StringComparison.Ordinal));
        Assert.DoesNotContain("second", await File.ReadAllTextAsync(FilePath + ".1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_could_not_be_written_is_counted_once_it_can_be_again()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's.");
        File.CreateSymbolicLink(FilePath, "/dev/full");
        using var log = new FileLogger(FilePath);
        for (var i = 0; i < 20_000; i++)
            Log.PeerConnected(log, "lost"); // returns at once, full disk or not
        await Task.Delay(TimeSpan.FromMilliseconds(200));
        File.Delete(FilePath);
        await Loopback.Eventually(() =>
        {
            Log.PeerConnected(log, "kept");
            return File.Exists(FilePath) && File.ReadAllText(FilePath).Contains("kept", StringComparison.Ordinal);
        });
        Assert.Matches(@"WARN  000 \d+ lines are missing here", await File.ReadAllTextAsync(FilePath));
    }

    [Fact]
    public async Task A_full_disk_does_not_hold_its_end_up()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's.");
        var log = new FileLogger("/dev/full");
        Log.PeerConnected(log, "lost");
        await Task.Run(log.Dispose).WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData("no/such/folder/log.txt")]
    [InlineData("")]
    public void What_cannot_be_a_log_file_is_refused_at_once(string path)
    {
        var refusal = Assert.Throws<XpraAesException>(() => new FileLogger(_folder[path]));
        Assert.Equal((XpraErrorId.LogUnwritable, _folder[path]), (refusal.Id, refusal.Target));
    }
}
