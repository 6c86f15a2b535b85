using System.Diagnostics;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Watching;

/// <summary>Watch-XpraAes in a real terminal: tmux, with a listener and sessions in xpra-aes.</summary>
[Trait("Category", "Engine")]
[Trait("Category", "Slow")]
public sealed class TerminalTests : IAsyncDisposable
{
    private const string NoTmux = "There is no tmux here.";

    /// <summary>Generous, for loaded machines.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private readonly TempFolder _folder = new();

    // A server of its own, which ends with its last session.
    private readonly string _server = $"xpra-aes-{Guid.NewGuid():N}";

    private static bool HasTmux { get; } = !OperatingSystem.IsWindows() && RealXpra.FindProgram("tmux") is not null;

    public async ValueTask DisposeAsync()
    {
        if (HasTmux)
            await TmuxAsync("kill-server");
        _folder.Dispose();
    }

    [Theory]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(120)]
    public async Task It_is_driven_by_keys_and_leaves_the_screen_as_it_was(int width)
    {
        Assert.SkipUnless(HasTmux, NoTmux);
        await StartAsync(width, 30, "C.UTF-8", "'before'; Watch-XpraAes; 'after'");
        var table = await ScreenAsync(screen => Array.Exists(screen, line => line.StartsWith('>')) && screen.Count(line => line.Contains("AES-CTR", StringComparison.Ordinal)) == 4);
        Assert.DoesNotContain("before", string.Join('\n', table), StringComparison.Ordinal);
        Assert.Contains("▲ID", string.Join('\n', table), StringComparison.Ordinal);

        await TmuxAsync("send-keys", "s");
        await ScreenAsync(screen => Has(screen, "by STATE"));
        await TmuxAsync("send-keys", "-l", "/bob");
        await ScreenAsync(screen => Has(screen, "2 of 4 sessions, with 'bob'"));
        await TmuxAsync("send-keys", "Enter");
        await ScreenAsync(screen => Has(screen, "q quit"));
        await TmuxAsync("send-keys", "Enter");
        await ScreenAsync(screen => Has(screen, "bob (by its own account)") && Has(screen, "Cipher") && Has(screen, "Salt, send"));
        await TmuxAsync("send-keys", "Escape");
        await ScreenAsync(screen => Has(screen, "2 of 4 sessions"));
        await TmuxAsync("send-keys", "d");
        await ScreenAsync(screen => Has(screen, "(bob)? y/n"));
        await TmuxAsync("send-keys", "y");
        await ScreenAsync(screen => Has(screen, "0 of 2 sessions"));

        // Not lower, where tmux keeps lines of what is on the screen, and drops those that were there before.
        await TmuxAsync("resize-window", "-x", "100", "-y", "40");
        await ScreenAsync(screen => screen.Length == 40 && screen[0].TrimEnd().Length > 95 && Has(screen[39..], "Disconnecting"));

        await TmuxAsync("send-keys", "q");
        await ScreenAsync(screen => Has(screen, "after"));
        var after = (await TmuxAsync("capture-pane", "-p", "-S", "-")).Split('\n');
        Assert.Contains(after, line => line.StartsWith("before", StringComparison.Ordinal));
        Assert.DoesNotContain(after, line => line.Contains("AES-CTR", StringComparison.Ordinal));
        Assert.Equal("0 1", (await TmuxAsync("display-message", "-p", "#{alternate_on} #{cursor_flag}")).Trim());
    }

    [Fact]
    public async Task Ctrl_C_leaves_it_and_the_script_goes_on()
    {
        Assert.SkipUnless(HasTmux, NoTmux);
        await StartAsync(80, 24, "C.UTF-8", "Watch-XpraAes; 'after'");
        await ScreenAsync(screen => Has(screen, "q quit"));
        await TmuxAsync("send-keys", "C-c");
        await ScreenAsync(screen => Has(screen, "after"));
        Assert.Equal("0 1", (await TmuxAsync("display-message", "-p", "#{alternate_on} #{cursor_flag}")).Trim());
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public async Task A_signal_that_ends_the_process_leaves_the_screen_as_it_was(string signal, int exitCode)
    {
        Assert.SkipUnless(HasTmux, NoTmux);
        var (script, pid) = (_folder["script.ps1"], _folder["pid"]);
        await File.WriteAllTextAsync(script, $"'before'; $PID > '{pid}'; Watch-XpraAes");
        // The shell keeps the terminal when the process has ended.
        await TmuxAsync("-f", "/dev/null", "-u", "new-session", "-d", "-x", "80", "-y", "24", "-e", "LC_ALL=C.UTF-8", "sh", "-c", $"dotnet '{TestPaths.Shell}' '{script}'; echo ended $?; sleep 1000");
        await ScreenAsync(screen => Has(screen, "q quit"));
        using (var kill = Process.Start("kill", [$"-{signal}", (await File.ReadAllTextAsync(pid)).Trim()]))
            await kill.WaitForExitAsync();
        var screen = await ScreenAsync(screen => Has(screen, "ended"));
        Assert.True(Has(screen, $"ended {exitCode}") && Has(screen, "before") && !Has(screen, "q quit"), string.Join('\n', screen));
        Assert.Equal("0 1", (await TmuxAsync("display-message", "-p", "#{alternate_on} #{cursor_flag}")).Trim());
    }

    /// <summary>Sees what reaches the terminal, byte by byte.</summary>
    [Theory]
    [InlineData("C.UTF-8", "", true, true)]
    [InlineData("C.UTF-8", "$env:NO_COLOR = 1", true, false)]
    [InlineData("C.UTF-8", "$PSStyle.OutputRendering = 'PlainText'", true, false)]
    [InlineData("C", "", false, true)]
    public async Task Colours_and_characters_are_those_of_the_terminal(string locale, string before, bool isUnicode, bool hasColours)
    {
        Assert.SkipUnless(HasTmux, NoTmux);
        var log = _folder["screen.log"];
        await StartAsync(80, 24, locale, $"{before}\nWatch-XpraAes");
        await TmuxAsync("pipe-pane", $"cat >> '{log}'");
        await ScreenAsync(screen => screen.Count(line => line.Contains("AES-CTR", StringComparison.Ordinal)) == 4);
        await TmuxAsync("send-keys", "s");
        await ScreenAsync(screen => Has(screen, "by STATE"));
        await TmuxAsync("send-keys", "q");
        await Listening.Loopback.Eventually(() => File.Exists(log) && File.ReadAllText(log).Contains("\e[?1049l", StringComparison.Ordinal), s_deadline);
        var frame = File.ReadAllText(log);
        frame = frame[frame.IndexOf("by STATE", StringComparison.Ordinal)..frame.IndexOf("\e[?1049l", StringComparison.Ordinal)];
        Assert.Equal(isUnicode, frame.Any(c => c > '~'));
        Assert.Equal(hasColours, frame.Contains("\e[32m", StringComparison.Ordinal) || frame.Contains("\e[38;5;2m", StringComparison.Ordinal));
        if (!hasColours)
            Assert.Matches(@"^(?:[^\e]|\e\[\d*(?:;\d+)?[HK]|\e\[\d*[JK]|\e\[\?2026[hl]|\e\[8h|\e\[0?m|\e\[\?25h)*$", frame);
    }

    /// <summary>A user name that clears the screen and sets the title, if it could.</summary>
    [Fact]
    public async Task A_hostile_user_name_is_only_text()
    {
        Assert.SkipUnless(HasTmux, NoTmux);
        await StartAsync(120, 24, "C.UTF-8", "Watch-XpraAes", user: "\"`e[2J`e]0;owned`a`u{202E}x\"");
        var screen = await ScreenAsync(screen => Has(screen, "[2J ]0;owned  x"));
        Assert.Contains(screen, line => line.StartsWith("XpraAes", StringComparison.Ordinal));
        Assert.DoesNotContain("owned", await TmuxAsync("display-message", "-p", "#{pane_title}"), StringComparison.Ordinal);
        await TmuxAsync("send-keys", "q");
    }

    [Fact]
    public async Task Once_prints_a_frame_that_stays()
    {
        Assert.SkipUnless(HasTmux, NoTmux);
        await StartAsync(80, 40, "C.UTF-8", "Watch-XpraAes -Once; 'after'");
        var screen = await ScreenAsync(screen => Has(screen, "after"));
        Assert.Equal(4, screen.Count(line => line.Contains("AES-CTR", StringComparison.Ordinal)));
        Assert.DoesNotContain(screen, line => line.Contains("q quit", StringComparison.Ordinal));
    }

    /// <summary>The gateway runs in one process, and is watched in another.</summary>
    [Theory]
    [InlineData(60)]
    [InlineData(120)]
    public async Task Another_process_is_watched_at_its_management_address(int width)
    {
        Assert.SkipUnless(HasTmux, NoTmux);
        var socket = _folder["management.sock"];
        await RunAsync(width, 40, $"$listener = Start-XpraAesListener -Port 0 -KeyFile '{_folder["key.txt"]}' -Mode CTR -ManagementAddress 'unix://{socket}'");
        await ScreenAsync(screen => Has(screen, "listening"));
        await TmuxAsync("new-window", "-e", "LC_ALL=C.UTF-8", "env", "-u", "NO_COLOR", "dotnet", TestPaths.Shell, "-NoExit", "-Command",
            $"Watch-XpraAes -ManagementAddress 'unix://{socket}' -Once; Watch-XpraAes -ManagementAddress '{socket}'; 'after'");
        await ScreenAsync(screen => Has(screen, "q quit") && Has(screen, "XpraAes  1 listener, 4 sessions") && screen.Count(line => line.Contains("AES-CTR", StringComparison.Ordinal)) == 4);
        await TmuxAsync("send-keys", "-l", "/bob");
        await ScreenAsync(screen => Has(screen, "2 of 4 sessions, with 'bob'"));
        await TmuxAsync("send-keys", "Enter");
        await TmuxAsync("send-keys", "d");
        await ScreenAsync(screen => Has(screen, "Not from here: use Disconnect-XpraAes in that process."));
        await TmuxAsync("send-keys", "Enter");
        await ScreenAsync(screen => Has(screen, "bob (by its own account)") && Has(screen, "Cipher") && Has(screen, "Salt, send"));
        await TmuxAsync("send-keys", "q");
        await ScreenAsync(screen => Has(screen, "after") && Has(screen, "4 sessions, by ID"));
    }

    [Theory]
    [InlineData("Watch-XpraAes")]
    [InlineData("Watch-XpraAes -Once")]
    [InlineData("Watch-XpraAes -ManagementAddress 127.0.0.1:9464")]
    public async Task Without_a_terminal_it_is_an_error_that_says_so(string command)
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-Command", $"try {{ {command} -ErrorAction Stop }} catch {{ $_.FullyQualifiedErrorId; \"$_\"; exit 3 }}");
        Assert.Equal("", errors);
        Assert.StartsWith("NoTerminal,", output, StringComparison.Ordinal);
        Assert.Contains("needs a terminal", output, StringComparison.Ordinal);
        Assert.Equal(3, exitCode);
    }

    /// <summary>Runs the commands with two clients, ada and bob, whose sessions both have two ends in that process.</summary>
    private Task StartAsync(int width, int height, string locale, string commands, string user = "'ada'") => RunAsync(width, height, $"""
        $listener = Start-XpraAesListener -Port 0 -KeyFile '{_folder["key.txt"]}' -Mode CTR -WarningAction SilentlyContinue
        """, commands, locale, user);

    private async Task RunAsync(int width, int height, string start, string commands = "'listening'", string locale = "C.UTF-8", string user = "'ada'")
    {
        var script = _folder["script.ps1"];
        await File.WriteAllTextAsync(script, $$"""
            $null = New-XpraAesKey '{{_folder["key.txt"]}}'
            {{start}}
            $password = ConvertTo-SecureString unused -AsPlainText -Force
            $clients = {{user}}, 'bob' | ForEach-Object {
                Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Mode CTR -KeyFile '{{_folder["key.txt"]}}' -Credential ([pscredential]::new($_, $password))
            }
            {{commands}}
            while ($true) { Start-Sleep 1 }
            """);
        await TmuxAsync("-f", "/dev/null", "-u", "new-session", "-d", "-x", $"{width}", "-y", $"{height}", "-e", $"LC_ALL={locale}", "env", "-u", "NO_COLOR", "dotnet", TestPaths.Shell, script);
    }

    private static bool Has(IEnumerable<string> screen, string text) => screen.Any(line => line.Contains(text, StringComparison.Ordinal));

    private async Task<string[]> ScreenAsync(Predicate<string[]> isShown)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var screen = (await TmuxAsync("capture-pane", "-p")).TrimEnd('\n').Split('\n');
            if (isShown(screen))
                return screen;
            Assert.True(Stopwatch.GetElapsedTime(start) < s_deadline, $"The screen is:\n{string.Join('\n', screen)}");
            await Task.Delay(100);
        }
    }

    private async Task<string> TmuxAsync(params string[] arguments)
    {
        using var tmux = Process.Start(new ProcessStartInfo("tmux", ["-L", _server, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = await tmux.StandardOutput.ReadToEndAsync();
        await tmux.WaitForExitAsync();
        return output;
    }
}
