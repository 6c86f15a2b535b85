using System.Diagnostics;
using XpraAes.Administration;
using XpraAes.Transports;

namespace XpraAes.Tests.Administration;

/// <summary>Command lines for the server, and names of files on this side.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("xterm -geometry 80x24", new[] { "xterm", "-geometry", "80x24" })]
    [InlineData("  a\t b ", new[] { "a", "b" })]
    [InlineData("a 'b c' \"d e\" f\\ g", new[] { "a", "b c", "d e", "f g" })]
    [InlineData("a '' \"\"", new[] { "a", "", "" })]
    [InlineData("'$HOME' \"a\\\"b\\n\" c'd'\"e\"", new[] { "$HOME", "a\"b\\n", "cde" })]
    [InlineData("'a\"b' \"c'd\"", new[] { "a\"b", "c'd" })]
    [InlineData("", new string[0])]
    public void A_line_is_taken_apart_as_a_shell_does(string line, string[] words)
        => Assert.Equal(words, CommandLine.Split(line));

    [Theory]
    [InlineData("xterm 'open")]
    [InlineData("xterm \"open")]
    public void An_open_quote_is_an_error(string line)
        => Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => CommandLine.Split(line)).Id);

    [Fact]
    public void A_shell_gets_the_words_and_expands_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no /bin/sh.");
        string[] words = ["printf", "%s|", "it's", "$HOME", "`id`", "a  b", "*", "", "-n;reboot", "ü\n\\"];
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", CommandLine.ForShell(words)]) { RedirectStandardOutput = true })!;
        Assert.Equal(string.Concat(words.Skip(2).Select(word => $"{word}|")), shell.StandardOutput.ReadToEnd());
        shell.WaitForExit();
    }

    [Theory]
    [InlineData("server.example.org", "server.example.org")]
    [InlineData("::1", "__1")]
    [InlineData("../../etc/cron.d/x", "_._.._etc_cron.d_x")]
    [InlineData("..", "_")]
    [InlineData("", "_")]
    [InlineData("a\\b:c\0d", "a_b_c_d")]
    [InlineData("CON", "_CON")]
    [InlineData("com1.png", "_com1.png")]
    public void A_servers_name_cannot_leave_the_folder(string name, string expected)
    {
        var safe = FileNames.Safe(name);
        Assert.Equal(expected, safe);
        Assert.Equal("/shots", Path.GetDirectoryName(Path.GetFullPath($"/shots/{safe}.png")));
    }

    [Fact]
    public void Placeholders_stand_for_the_server()
    {
        var server = new XpraEndpoint(TransportKind.Tcp, "ada", 10000);
        var now = new DateTime(2026, 11, 28, 7, 30, 5);
        Assert.Equal("shots/ada-10000-20261128-073005.png", FileNames.Expand("shots/{0:host}-{0:port}-{0:date}.png", server, now));
        Assert.All(Enum.GetValues<TransportKind>().Except([TransportKind.Unix, TransportKind.NamedPipe]), kind => Assert.Equal("ada.png", FileNames.Expand("{0:host}.png", server with { Transport = kind, Path = "/x" }, now)));
        Assert.Equal("shots/100.png", FileNames.Expand("shots/{0:host}.png", new XpraEndpoint(TransportKind.Unix, "", 0, "/run/user/1000/xpra/100"), now));
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => FileNames.Expand("{0:user}.png", server, now)).Id);
        Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => FileNames.Expand("{0}.png", server, now)).Id);
    }
}
