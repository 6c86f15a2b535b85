using System.Net.Sockets;
using System.Text;
using XpraAes.Keys;
using Xunit;

namespace XpraAes.Tests.Keys;

public sealed class KeyFileTests
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Theory]
    [InlineData("key", "key")]
    [InlineData("key\n", "key")]
    [InlineData("\r\n\n\rkey\r\n\r\n", "key")]
    [InlineData(" key \n", " key ")]
    [InlineData("key\n ", "key\n ")]
    [InlineData("a\r\nb\n", "a\r\nb")]
    [InlineData("key\t", "key\t")]
    [InlineData("0xdeadbeef", "0xdeadbeef")]
    [InlineData("\0key\0", "\0key\0")]
    public void Only_CR_and_LF_at_the_ends_are_stripped(string content, string expected)
    {
        using var folder = new TempFolder();
        using var key = XpraKey.FromFile(folder.Write("key", Encoding.ASCII.GetBytes(content)));

        Assert.Equal(expected, Encoding.ASCII.GetString(key.Data));
        Assert.Equal((KeySource.KeyFile, folder["key"]), (key.KeySource, key.Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("\r\n\r\n")]
    public void An_empty_file_can_be_inspected_but_not_used(string content)
    {
        using var folder = new TempFolder();
        using var key = XpraKey.FromFile(folder.Write("key", Encoding.ASCII.GetBytes(content)));

        Assert.Equal((KeyFormat.Empty, 0, ""), (key.Format, key.Bits, key.Fingerprint));
        Assert.Equal(KeyProblemId.Empty, Assert.Single(key.Problems).Id);
        Func<object>[] uses = [() => key.Data.Length, key.ToString, key.Clone];
        Assert.All(uses, use =>
        {
            var error = Assert.Throws<XpraAesException>(use);
            Assert.Equal((XpraErrorId.KeyFileEmpty, folder["key"]), (error.Id, error.Target));
        });
    }

    [Theory]
    [InlineData("644", "key", "chmod 600 {0}")]
    [InlineData("640", "my key's", "chmod 600 '{0}'")]
    [InlineData("602", "key", "chmod 600 {0}")]
    public void A_file_that_others_can_read_or_change_is_reported_with_the_chmod_to_run(string mode, string name, string command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        using var folder = new TempFolder();
        var path = folder.Write(name, "0123456789abcdef0123456789abcdef"u8, (UnixFileMode)Convert.ToInt32(mode, 8));
        using var key = XpraKey.FromFile(path);

        var problem = Assert.Single(key.Problems);
        Assert.Equal(KeyProblemId.OpenToOthers, problem.Id);
        Assert.Contains(mode, problem.Message, StringComparison.Ordinal);
        Assert.Equal("Run: " + string.Format(null, command, path.Replace("'", "'\\''", StringComparison.Ordinal)), problem.RecommendedAction);
    }

    [Theory]
    [InlineData("440", false)] // systemd gives the service's user access by an ACL
    [InlineData("444", true)]
    public void A_systemd_credential_is_not_reported_as_group_readable(string mode, bool warned)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no systemd.");
        const string Variable = "CREDENTIALS_DIRECTORY";
        using var folder = new TempFolder();
        var path = folder.Write("key", "0123456789abcdef0123456789abcdef"u8, (UnixFileMode)Convert.ToInt32(mode, 8));
        var before = Environment.GetEnvironmentVariable(Variable);
        Environment.SetEnvironmentVariable(Variable, folder.Root);
        try
        {
            using var key = XpraKey.FromFile(path);
            Assert.Equal(warned, key.Problems.Any(problem => problem.Id == KeyProblemId.OpenToOthers));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, before);
        }
    }

    [Theory]
    [InlineData("600")]
    [InlineData("400")]
    [InlineData("700")]
    public void A_file_only_its_owner_can_access_has_no_problem(string mode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        using var folder = new TempFolder();
        using var key = XpraKey.FromFile(folder.Write("key", "0123456789abcdef0123456789abcdef"u8, (UnixFileMode)Convert.ToInt32(mode, 8)));

        Assert.Empty(key.Problems);
    }

    [Fact]
    public void A_missing_file_a_folder_and_an_unreadable_file_are_distinguished()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A socket in the file system stands for what cannot be read.");
        using var folder = new TempFolder();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(folder["socket"]));

        AssertError(XpraErrorId.KeyFileNotFound, folder["none"], () => XpraKey.FromFile(folder["none"]));
        AssertError(XpraErrorId.KeyFileNotFound, folder["none/key"], () => XpraKey.FromFile(folder["none/key"]));
        AssertError(XpraErrorId.KeyFileIsFolder, folder.Root, () => XpraKey.FromFile(folder.Root));
        AssertError(XpraErrorId.KeyFileUnreadable, folder["socket"], () => XpraKey.FromFile(folder["socket"]));
    }

    [Fact]
    public void A_file_of_the_largest_size_is_read_and_a_larger_one_or_a_device_is_not()
    {
        using var folder = new TempFolder();
        using var key = XpraKey.FromFile(folder.Write("largest", new byte[Limits.KeyFileSize]));

        Assert.Equal(Limits.KeyFileSize, key.Data.Length);
        AssertError(XpraErrorId.LimitReached, folder["larger"], () => XpraKey.FromFile(folder.Write("larger", new byte[Limits.KeyFileSize + 1])));
        if (OperatingSystem.IsLinux())
            AssertError(XpraErrorId.KeyFileUnreadable, "/dev/zero", () => XpraKey.FromFile("/dev/zero"));
    }

    [Fact]
    public void A_saved_key_is_exactly_its_bytes_and_readable_only_by_its_owner()
    {
        using var folder = new TempFolder();
        using var key = XpraKey.Generate();
        key.Save(folder["key"]);

        Assert.Equal(key.ToString(), File.ReadAllText(folder["key"], Encoding.Latin1));
        Assert.Equal(folder["key"], key.Path);
        Assert.Equal([folder["key"]], Directory.GetFileSystemEntries(folder.Root));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(folder["key"]));
        using var read = XpraKey.FromFile(folder["key"]);
        Assert.Equal(key.Fingerprint, read.Fingerprint);
        Assert.Empty(read.Problems);
    }

    [Fact]
    public void An_existing_file_is_kept_without_force_and_replaced_as_a_whole_with_it()
    {
        using var folder = new TempFolder();
        var old = UnixFileMode.OtherRead | UnixFileMode.GroupRead | OwnerOnly;
        folder.Write("key", "an old key that is longer than any new one, by far, so that a remainder would be seen"u8, old);
        using var key = XpraKey.Generate();

        AssertError(XpraErrorId.KeyFileExists, folder["key"], () => key.Save(folder["key"]));
        Assert.StartsWith("an old key", File.ReadAllText(folder["key"]), StringComparison.Ordinal);
        Assert.Null(key.Path);

        key.Save(folder["key"], force: true);
        Assert.Equal(key.ToString(), File.ReadAllText(folder["key"]));
        Assert.Single(Directory.GetFileSystemEntries(folder.Root));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(folder["key"]));
    }

    [Fact]
    public void A_link_at_the_path_is_replaced_and_what_it_points_to_stays()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a right there.");
        using var folder = new TempFolder();
        folder.Write("target", "target"u8);
        File.CreateSymbolicLink(folder["key"], folder["target"]);
        File.CreateSymbolicLink(folder["dangling"], folder["nowhere"]);
        using var key = XpraKey.Generate();

        AssertError(XpraErrorId.KeyFileExists, folder["dangling"], () => key.Save(folder["dangling"]));
        Assert.False(File.Exists(folder["nowhere"]));
        key.Save(folder["key"], force: true);
        Assert.Equal("target", File.ReadAllText(folder["target"]));
        Assert.Null(new FileInfo(folder["key"]).LinkTarget);
    }

    [Fact]
    public async Task Of_many_concurrent_saves_without_force_exactly_one_succeeds()
    {
        for (var round = 0; round < 25; round++)
        {
            using var folder = new TempFolder();
            using var start = new Barrier(8);
            var keys = Enumerable.Range(0, 8).Select(_ => XpraKey.Generate()).ToList();
            var results = await Task.WhenAll(keys.Select(key => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    return Record.Exception(() => key.Save(folder["key"]));
                },
                TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

            var winner = Assert.Single(results.Index(), result => result.Item is null);
            Assert.All(results.Where(error => error is not null), error => Assert.Equal(XpraErrorId.KeyFileExists, Assert.IsType<XpraAesException>(error).Id));
            Assert.Equal(keys[winner.Index].ToString(), File.ReadAllText(folder["key"]));
            Assert.Single(Directory.GetFileSystemEntries(folder.Root));
        }
    }

    [Fact]
    public async Task A_file_being_saved_is_never_incomplete_or_readable_by_others()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        using var folder = new TempFolder();
        using var done = new CancellationTokenSource();
        var seen = 0;
        var watcher = Task.Run(
            () =>
            {
                while (!done.IsCancellationRequested)
                {
                    foreach (var file in Directory.GetFiles(folder.Root))
                    {
                        try
                        {
                            if (!OperatingSystem.IsWindows())
                                Assert.Equal(OwnerOnly, File.GetUnixFileMode(file));
                            if (file == folder["key"])
                                Assert.Equal(64, File.ReadAllBytes(file).Length);
                            seen++;
                        }
                        catch (FileNotFoundException)
                        {
                            // It was renamed after it was listed.
                        }
                    }
                }
            },
            TestContext.Current.CancellationToken);
        for (var i = 0; i < 300; i++)
        {
            using var key = XpraKey.Generate();
            key.Save(folder["key"], force: true);
        }
        await done.CancelAsync();
        await watcher;
        Assert.True(seen > 100, $"The watcher saw {seen} files.");
    }

    [Fact]
    public void A_failed_save_is_an_error_and_leaves_no_files_behind()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["folder"]);
        using var key = XpraKey.Generate();

        AssertError(XpraErrorId.KeyFileUnwritable, folder["none/key"], () => key.Save(folder["none/key"]));
        AssertError(XpraErrorId.KeyFileUnwritable, folder["folder"], () => key.Save(folder["folder"], force: true));
        AssertError(XpraErrorId.KeyFileExists, folder["folder"], () => key.Save(folder["folder"]));
        var tooLong = folder[new string('x', 300)];
        AssertError(XpraErrorId.KeyFileUnwritable, tooLong, () => key.Save(tooLong));
        Assert.Equal([folder["folder"]], Directory.GetFileSystemEntries(folder.Root));
    }

    [Theory]
    [InlineData("\nkey")]
    [InlineData("key\r")]
    public void A_key_that_would_be_read_back_differently_is_not_saved(string text)
    {
        using var folder = new TempFolder();
        using var key = XpraKey.FromBytes(Encoding.ASCII.GetBytes(text), KeySource.Secret);

        Assert.Equal(XpraErrorId.KeyTextInvalid, Assert.Throws<XpraAesException>(() => key.Save(folder["key"])).Id);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
    }

    private static void AssertError(XpraErrorId id, string target, Action action)
    {
        var error = Assert.Throws<XpraAesException>(action);
        Assert.Equal((id, target), (error.Id, error.Target));
        Assert.NotNull(error.RecommendedAction);
    }
}
