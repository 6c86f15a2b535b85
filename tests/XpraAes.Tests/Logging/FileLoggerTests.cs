using System.Diagnostics;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Logging;

/// <summary>The log file of a listener.</summary>
public sealed class FileLoggerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string FilePath => _folder["log.txt"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_event_is_a_line_with_its_time_level_and_id()
    {
        using (var log = NewLog())
            Log.PeerRefused(log, "127.0.0.1:1", XpraErrorId.KeyMismatch, "another key");
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  111 127\.0\.0\.1:1: refused, KeyMismatch: another key\n$", File.ReadAllText(FilePath));
    }

    [Fact]
    public void It_appends_to_an_existing_file()
    {
        File.WriteAllText(FilePath, "before\n");
        using (var log = NewLog())
            Log.PeerConnected(log, "peer");
        Assert.StartsWith("before\n", File.ReadAllText(FilePath), StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllLines(FilePath).Length);
    }

    [Fact]
    public void A_new_file_has_mode_0600_and_an_existing_one_keeps_its_mode()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes.");
            return;
        }
        NewLog().Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
        const UnixFileMode forGroup = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.SetUnixFileMode(FilePath, forGroup);
        using (var log = NewLog())
            Log.PeerConnected(log, "peer");
        Assert.Equal(forGroup, File.GetUnixFileMode(FilePath));
    }

    [Fact]
    public void Text_from_a_peer_cannot_start_a_new_line()
    {
        using (var log = NewLog())
        {
            Log.SessionClosed(log, "peer", "one\r\ntwo\u2028\u0007", this);
            Log.SessionFailed(log, "peer", new InvalidOperationException("three\nfour"));
        }
        Assert.Equal(2, File.ReadAllText(FilePath).Split(['\n', '\r', '\u2028'], StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void Packets_of_sessions_are_not_logged()
    {
        using var log = NewLog();
        Assert.False(log.IsEnabled(LogLevel.Trace));
        Assert.True(log.IsEnabled(LogLevel.Debug));
    }

    [Fact]
    public async Task Several_listeners_write_to_one_file_without_loss()
    {
        var logs = Enumerable.Range(0, 4).Select(_ => NewLog()).ToArray();
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
    public async Task A_removed_file_is_created_again()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A file that is open cannot be renamed there.");
        using var log = NewLog();
        Log.PeerConnected(log, "first");
        await Loopback.Eventually(() => File.ReadAllText(FilePath).Contains("first", StringComparison.Ordinal));
        File.Move(FilePath, FilePath + ".1");
        Log.PeerConnected(log, "second");
        await Loopback.Eventually(() => File.Exists(FilePath) && File.ReadAllText(FilePath).Contains("second", StringComparison.Ordinal));
        Assert.DoesNotContain("second", await File.ReadAllTextAsync(FilePath + ".1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dropped_lines_are_counted_once_the_file_can_be_written_again()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A file that is open cannot be removed there.");
        using var log = NewLog();
        MakeUnwritable();
        for (var i = 0; i < 20_000; i++)
            Log.PeerConnected(log, "lost"); // returns at once
        await Task.Delay(TimeSpan.FromMilliseconds(200));
        Directory.Delete(FilePath);
        await Loopback.Eventually(() =>
        {
            Log.PeerConnected(log, "kept");
            return File.Exists(FilePath) && File.ReadAllText(FilePath).Contains("kept", StringComparison.Ordinal);
        });
        Assert.Matches(@"WARN  000 \d+ lines are missing here", await File.ReadAllTextAsync(FilePath));
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_does_not_delay_disposal()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A file that is open cannot be removed there.");
        var log = NewLog();
        MakeUnwritable();
        Log.PeerConnected(log, "lost");
        await Task.Run(log.Dispose).WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_file_that_gets_too_large_is_rotated_and_at_most_two_exist()
    {
        const int Limit = 20_000;
        for (var round = 0; round < 10; round++)
        {
            using var log = new FileLogger(FilePath, Limit);
            for (var i = 0; i < 500; i++)
                Log.PeerConnected(log, $"{round}-{i}");
        }

        var files = Directory.GetFiles(_folder.Root).Select(path => new FileInfo(path)).OrderBy(file => file.Name).ToArray();
        Assert.Equal(["log.txt", "log.txt.1"], files.Select(file => file.Name));
        Assert.All(files, file => Assert.InRange(file.Length, 1, Limit));
        Assert.InRange(files[1].Length, Limit / 2, Limit);
        var lines = File.ReadAllLines(FilePath + ".1").Concat(File.ReadAllLines(FilePath)).Select(line => line.Split(' ')[^2]).ToArray();
        Assert.Equal("9-499:", lines[^1]);
        // The newest lines are there, complete and in order.
        Assert.Equal(Enumerable.Range(0, 5000).TakeLast(lines.Length).Select(i => $"{i / 500}-{i % 500}:"), lines);
    }

    [Fact]
    public void A_trap_at_the_rotated_name_is_replaced_and_not_written_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a right there.");
        File.WriteAllText(_folder["victim"], "untouched");
        File.CreateSymbolicLink(FilePath + ".1", _folder["victim"]);
        File.WriteAllText(FilePath, new string('x', 2000));
        using (var log = new FileLogger(FilePath, 1000))
            Log.PeerConnected(log, "peer");

        Assert.Equal("untouched", File.ReadAllText(_folder["victim"]));
        Assert.Null(new FileInfo(FilePath + ".1").LinkTarget);
        Assert.Single(File.ReadAllLines(FilePath));
    }

    [Fact]
    public void A_file_that_cannot_be_renamed_does_not_grow_past_its_limit()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There a folder in the way says something else.");
        Directory.CreateDirectory(FilePath + ".1");
        File.WriteAllText(FilePath, new string('x', 2000));
        using (var log = new FileLogger(FilePath, 1000))
            Log.PeerConnected(log, "peer");

        Assert.Equal(2000, new FileInfo(FilePath).Length);
    }

    [Theory]
    [InlineData("symbolic link", "ln -s victim log.txt")]
    [InlineData("symbolic link", "ln -s nowhere log.txt")]
    [InlineData("symbolic link", "ln -s log.txt log.txt")]
    [InlineData("hard link", "ln victim log.txt")]
    [InlineData("pipe", "mkfifo log.txt && (sleep 60 < log.txt > /dev/null &)")]
    public void Links_and_pipes_at_the_path_are_rejected(string word, string trap)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "These checks do not exist on Windows.");
        File.WriteAllText(_folder["victim"], "untouched");
        Run(trap);

        var refusal = Assert.Throws<XpraAesException>(NewLog);
        Assert.Equal((XpraErrorId.LogUnwritable, FilePath), (refusal.Id, refusal.Target));
        Assert.Contains(word, refusal.Message, StringComparison.Ordinal);
        Assert.Equal("untouched", File.ReadAllText(_folder["victim"]));
        Assert.False(File.Exists(_folder["nowhere"]));
    }

    [Theory]
    [InlineData("ln -s victim log.txt")]
    [InlineData("ln victim log.txt")]
    public void Links_and_pipes_that_appear_later_are_not_written_to(string trap)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "These checks do not exist on Windows.");
        File.WriteAllText(_folder["victim"], "untouched");
        using (var log = NewLog())
        {
            Run($"rm log.txt && {trap}");
            Log.PeerConnected(log, "peer");
        }
        Assert.Equal("untouched", File.ReadAllText(_folder["victim"]));
    }

    [Fact]
    public void Another_users_file_is_rejected()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && !OperatingSystem.IsWindows(), "Only root gives files to others.");
        Run("touch log.txt && chown 47011 log.txt");

        var refusal = Assert.Throws<XpraAesException>(NewLog);
        Assert.Equal(XpraErrorId.LogUnwritable, refusal.Id);
        Assert.Contains("47011", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_is_rejected()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's.");
        Assert.Contains("device", Assert.Throws<XpraAesException>(() => new FileLogger("/dev/full", Limits.Default.LogFileSize)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no/such/folder/log.txt")]
    [InlineData("")]
    public void An_unusable_path_is_rejected_at_once(string path)
    {
        var refusal = Assert.Throws<XpraAesException>(() => new FileLogger(_folder[path], Limits.Default.LogFileSize));
        Assert.Equal((XpraErrorId.LogUnwritable, _folder[path]), (refusal.Id, refusal.Target));
    }

    private FileLogger NewLog() => new(FilePath, Limits.Default.LogFileSize);

    /// <summary>Puts a folder in place of the file, which makes writing fail like a full disk.</summary>
    private void MakeUnwritable()
    {
        File.Delete(FilePath);
        Directory.CreateDirectory(FilePath);
    }

    private void Run(string command)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { WorkingDirectory = _folder.Root })!;
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }
}
