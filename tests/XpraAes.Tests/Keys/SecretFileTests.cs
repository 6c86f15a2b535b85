using System.Diagnostics;
using System.IO.Pipes;
using XpraAes.Keys;

namespace XpraAes.Tests.Keys;

/// <summary>What key files and password files have in common: checks of owners and of who can replace them, and pipes.</summary>
public sealed class SecretFileTests : IDisposable
{
    /// <summary>A user that is neither root nor the one that runs the tests.</summary>
    private const string OtherUser = "47011";

    private readonly TempFolder _folder = new();

    public SecretFileTests() => Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "Windows has neither owners nor modes.");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("775", "", true)]
    [InlineData("757", "", true)]
    [InlineData("1777", "", false)] // as /tmp: others can write there, but not replace our files
    [InlineData("755", "", false)]
    [InlineData("777", "inner/deeper", true)]
    public void A_folder_on_the_path_that_others_can_write_to_is_reported_with_the_chmod_to_run(string mode, string inner, bool warned)
    {
        var open = MakeFolder("a folder", mode);
        Directory.CreateDirectory(Path.Combine(open, inner));
        var problems = Look(Write(Path.Combine("a folder", inner, "key")));

        if (!warned)
        {
            Assert.Empty(problems);
            return;
        }
        var problem = Assert.Single(problems);
        Assert.Equal(KeyProblemId.FolderOpenToOthers, problem.Id);
        Assert.Contains(mode, problem.Message, StringComparison.Ordinal);
        Run("sh", "-c", problem.RecommendedAction["Run: ".Length..]);
        Assert.Empty(Look(_folder[Path.Combine("a folder", inner, "key")]));
    }

    [Fact]
    public void Folders_on_the_path_of_a_link_are_checked_too()
    {
        Write("key");
        MakeFolder("open", "777");
        File.CreateSymbolicLink(_folder["open/second"], "../key");
        File.CreateSymbolicLink(_folder["first"], "open/second");

        var problem = Assert.Single(Look(_folder["first"]));
        Assert.Equal(KeyProblemId.FolderOpenToOthers, problem.Id);
        Assert.Contains(_folder["open"], problem.Message, StringComparison.Ordinal);
        Assert.Empty(Look(_folder["key"]));
    }

    [Fact]
    public void A_loop_of_links_is_no_file_and_no_endless_loop()
    {
        File.CreateSymbolicLink(_folder["a"], "b");
        File.CreateSymbolicLink(_folder["b"], "a");

        Assert.Throws<IOException>(() => Look(_folder["a"]));
        Assert.InRange(CountSteps(_folder["a"]), 40, 60);
    }

    [Fact]
    public void Another_users_file_is_reported_with_the_chown_to_run()
    {
        RequireRoot();
        var path = Write("key");
        Run("chown", OtherUser, path);

        var problem = Assert.Single(Look(path));
        Assert.Equal(KeyProblemId.ForeignOwner, problem.Id);
        Assert.Contains(OtherUser, problem.Message, StringComparison.Ordinal);
        Run("sh", "-c", problem.RecommendedAction["Run: ".Length..]);
        Assert.Empty(Look(path));
    }

    [Fact]
    public void Another_users_folder_or_link_is_reported_with_the_copy_command_to_run()
    {
        RequireRoot();
        MakeFolder("theirs", "755");
        var path = Write("theirs/key");
        Run("chown", OtherUser, _folder["theirs"]);
        File.CreateSymbolicLink(_folder["link"], Write("ours"));
        Run("chown", "-h", OtherUser, _folder["link"]);

        AssertCopied(path, "key");
        AssertCopied(_folder["link"], "link");
    }

    [Fact]
    public void A_file_owned_by_root_is_not_reported()
    {
        RequireRoot();
        Assert.Empty(Look(Write("key")));
        Assert.DoesNotContain(Look("/etc/passwd"), problem => problem.Id != KeyProblemId.OpenToOthers);
    }

    [Fact]
    public void A_password_file_is_checked_like_a_key_file()
    {
        MakeFolder("open", "777");
        File.WriteAllText(_folder["open/password"], "secret");
        Run("chmod", "644", _folder["open/password"]);
        using var password = PasswordFile.Read(_folder["open/password"], out var problems);

        Assert.Equal("secret"u8, password.Span);
        Assert.Equal([KeyProblemId.OpenToOthers, KeyProblemId.FolderOpenToOthers], problems.Select(problem => problem.Id));
        Assert.All(problems, problem => Assert.Contains("password file", problem.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_named_pipe_is_rejected_at_once_with_or_without_a_writer(bool hasWriter)
    {
        Run("mkfifo", "-m", "600", _folder["pipe"]);
        using var writer = hasWriter ? new FileStream(_folder["pipe"], FileMode.Open, FileAccess.ReadWrite) : null;

        var key = Assert.Throws<XpraAesException>(() => XpraKey.FromFile(_folder["pipe"]));
        Assert.Equal((XpraErrorId.KeyFileUnreadable, _folder["pipe"]), (key.Id, key.Target));
        Assert.Contains("is a pipe", key.Message, StringComparison.Ordinal);
        Assert.Equal(XpraErrorId.PasswordFileUnreadable, Assert.Throws<XpraAesException>(() => PasswordFile.Read(_folder["pipe"], out _)).Id);
    }

    [Fact]
    public void A_link_to_an_inherited_descriptor_is_not_waited_for()
    {
        Assert.SkipUnless(Directory.Exists("/dev/fd"), "There is no /dev/fd.");
        using var server = new AnonymousPipeServerStream(PipeDirection.Out);
        File.CreateSymbolicLink(_folder["link"], Descriptor(server));

        Assert.Equal(XpraErrorId.KeyFileUnreadable, Assert.Throws<XpraAesException>(() => XpraKey.FromFile(_folder["link"])).Id);
    }

    [Fact]
    public async Task An_inherited_pipe_is_read_to_its_end_however_it_is_split()
    {
        Assert.SkipUnless(Directory.Exists("/dev/fd"), "There is no /dev/fd.");
        using var server = new AnonymousPipeServerStream(PipeDirection.Out);
        var path = Descriptor(server);
        var reading = Task.Run(() => XpraKey.FromFile(path));
        foreach (var part in new[] { "00112233", "44556677", "8899aabb", "ccddeeff\n" })
        {
            await Task.Yield();
            server.Write(System.Text.Encoding.ASCII.GetBytes(part));
        }
        server.SafePipeHandle.Dispose();

        using var key = await reading;
        Assert.Equal("00112233445566778899aabbccddeeff", key.ToString());
        Assert.Empty(key.Problems);
    }

    [Fact]
    public void A_pipe_whose_writer_does_not_finish_times_out()
    {
        Assert.SkipUnless(Directory.Exists("/dev/fd"), "There is no /dev/fd.");
        using var silent = new AnonymousPipeServerStream(PipeDirection.Out);
        Assert.Throws<NotSupportedException>(() => SecretFile.Read(Descriptor(silent), "key file", out _, TimeSpan.FromMilliseconds(50)));

        silent.Write("the first half"u8);
        Assert.Throws<NotSupportedException>(() => SecretFile.Read(Descriptor(silent), "key file", out _, TimeSpan.FromMilliseconds(50)));
    }

    [Fact]
    public async Task A_pipe_without_an_end_is_read_up_to_the_limit()
    {
        Assert.SkipUnless(Directory.Exists("/dev/fd"), "There is no /dev/fd.");
        using var server = new AnonymousPipeServerStream(PipeDirection.Out);
        var path = Descriptor(server);
        var writing = Task.Run(() =>
        {
            var zeros = new byte[4096];
            for (var written = 0; written < Limits.KeyFileSize + 1; written += zeros.Length)
                server.Write(zeros);
        });

        Assert.Equal(XpraErrorId.LimitReached, Assert.Throws<XpraAesException>(() => XpraKey.FromFile(path)).Id);
        await writing;
    }

    private static string Descriptor(AnonymousPipeServerStream server) => $"/dev/fd/{server.ClientSafePipeHandle.DangerousGetHandle()}";

    private static int CountSteps(string path) => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS() ? UnixFile.Traverse(path).Count() : 0;

    private static IReadOnlyList<KeyProblem> Look(string path)
    {
        using var content = SecretFile.Read(path, "key file", out var problems);
        return problems;
    }

    private static void RequireRoot() => Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can change a file's owner.");

    private void AssertCopied(string path, string name)
    {
        var problem = Assert.Single(Look(path));
        Assert.Equal(KeyProblemId.FolderOpenToOthers, problem.Id);
        Assert.Contains(OtherUser, problem.Message, StringComparison.Ordinal);
        var home = Directory.CreateDirectory(_folder["home"]).FullName;
        Run("sh", "-c", $"HOME={home}; {problem.RecommendedAction[(problem.RecommendedAction.IndexOf("Run: ", StringComparison.Ordinal) + 5)..]}");
        Assert.Equal(File.ReadAllText(path), File.ReadAllText(Path.Combine(home, name)));
        Assert.Empty(Look(Path.Combine(home, name)));
    }

    private string Write(string name) => _folder.Write(name, "0123456789abcdef0123456789abcdef"u8);

    private string MakeFolder(string name, string mode)
    {
        Directory.CreateDirectory(_folder[name]);
        Run("chmod", mode, _folder[name]);
        return _folder[name];
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
