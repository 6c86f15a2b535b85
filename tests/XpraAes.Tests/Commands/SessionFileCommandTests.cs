using System.Text;
using XpraAes.Tests.Administration;
using XpraAes.Tests.Diagnostics;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>Export-XpraSessionFile, and -SessionFile with files of ours and of an attacker, who has mailed one to the user.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class SessionFileCommandTests : ServerCommandTests
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite, OthersRead = Private | UnixFileMode.OtherRead;

    [Fact]
    public void A_listener_exports_what_every_cmdlet_takes()
    {
        Assert.Equal("ada.xpra", Run("$l = Start-XpraAesListener -Port 0 -KeyFile key.txt -Mode CBC, GCM -WarningAction SilentlyContinue; ($l | Export-XpraSessionFile ada.xpra).Name"));
        Assert.Equal("True", Run("(Connect-XpraAes -SessionFile ada.xpra).KeyProven"));
        Assert.Equal("True", Run("Test-XpraAes -SessionFile ada.xpra -Quiet"));
        Assert.Equal("XpraAes", Run("Get-XpraInfo -SessionFile *.xpra -Path session-name"));
        Assert.Equal("GCM", Run("$g = Start-XpraAesListener -Port 0 -KeyFile key.txt -Mode GCM -WarningAction SilentlyContinue; $g | Export-XpraSessionFile ada.xpra -Force | Out-Null; (Connect-XpraAes -SessionFile ada.xpra).Mode"));
    }

    [Fact]
    public void Rows_of_a_table_get_a_file_each()
    {
        Assert.Equal("a.example-10000.xpra b-14500.xpra", Run("(\"Host,Port,Mode,KeyFile`na.example,10000,GCM,/k/a`nb,,,/k/b\" | ConvertFrom-Csv | Export-XpraSessionFile .).Name -join ' '"));
        Assert.Equal("mode=tcp\nhost=a.example\nport=10000\nencryption=AES-GCM\nencryption-keyfile=/k/a\nautoconnect=yes\n", File.ReadAllText(Folder["a.example-10000.xpra"]));
        AssertFails("\"Host,Port`nc,1\" | ConvertFrom-Csv | Export-XpraSessionFile .", XpraErrorId.KeyMissing);
        AssertFails("Export-XpraSessionFile b-14500.xpra -ComputerName b -KeyFile /k", XpraErrorId.FileExists);
        AssertFails("'tcp://a:1', 'tcp://b:1' | Export-XpraSessionFile one.xpra -KeyFile /k", XpraErrorId.FileExists);
        Assert.Empty(Host.Run("Export-XpraSessionFile no.xpra -ComputerName b -KeyFile /k -WhatIf").Output);
        Assert.False(File.Exists(Folder["no.xpra"]));
    }

    [Fact]
    public void Neither_key_nor_password_is_written()
    {
        const string uri = "tcp://ada:SECRET1@h:1/?keydata=0x53454352455432aabbccddeeff00112233";
        AssertFails($"Export-XpraSessionFile x.xpra -Uri '{uri}'", XpraErrorId.KeyMissing);
        Assert.Contains("password", Assert.Single(Host.Run($"Export-XpraSessionFile x.xpra -Uri '{uri}' -KeyFile key.txt -PasswordFile pw").Warnings), StringComparison.Ordinal);
        Assert.Equal($"mode=tcp\nhost=h\nport=1\nusername=ada\nencryption=AES\nencryption-keyfile={Folder["key.txt"]}\npassword-file={Folder["pw"]}\nautoconnect=yes\n", File.ReadAllText(Folder["x.xpra"]));
    }

    [Theory]
    [InlineData("0123456789abcdef0123456789abcdef", OthersRead, "Other users")] // such as /etc/machine-id: the attacker can have read it
    [InlineData("hunter2", Private, "at most")] // the attacker can guess it
    public async Task A_key_that_the_writer_of_the_file_may_know_is_not_used(string content, UnixFileMode mode, string why)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The modes of files are Unix's.");
        await using var server = Serve(Generation.Of("6.2.5"));
        Folder.Write("known", Encoding.ASCII.GetBytes(content), mode);
        Session(server, $"encryption-keyfile={Folder["known"]}");
        foreach (var command in (string[])["Connect-XpraAes", "Test-XpraAes", "Get-XpraInfo", "Invoke-XpraControl help"])
        {
            var error = Assert.Single(Host.Run($"{command} -SessionFile evil.xpra").Errors);
            Assert.StartsWith("SessionFileUnusable,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Contains(why, error.Exception.Message, StringComparison.Ordinal);
            Assert.Equal(Folder["evil.xpra"], error.TargetObject);
        }
        Assert.Equal(0, server.Connections);
        // Unlike one that the user gives.
        Assert.Equal("True", Run("(Connect-XpraAes -SessionFile evil.xpra -KeyFile key.txt).KeyProven"));
    }

    [Fact]
    public async Task A_file_that_it_names_is_not_sent_as_the_password()
    {
        Folder.Write("id_rsa", "-----BEGIN SECRET-----"u8);
        await using var server = Serve(Generation.Of("6.2.5") with { Password = "-----BEGIN SECRET-----" });
        Session(server, $"encryption-keyfile=key.txt", $"password-file={Folder["id_rsa"]}", "password=-----BEGIN SECRET-----");
        var result = Host.Run("Connect-XpraAes -SessionFile evil.xpra");
        Assert.StartsWith("AuthenticationRequired,", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(2, result.Warnings.Count(warning => warning.Contains("evil.xpra", StringComparison.Ordinal)));
        Assert.DoesNotContain("SECRET", string.Concat(result.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Programs_and_environment_that_it_names_do_nothing()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        Session(server, "encryption-keyfile=key.txt", $"start=touch {Folder["started"]}", $"exec-wrapper=touch {Folder["started"]}", $"ssh=touch {Folder["started"]}", "env=XPRA_AES_TEST=1", "challenge-handlers=exec:touch");
        Assert.Equal("True", Run("(Connect-XpraAes -SessionFile evil.xpra -WarningAction SilentlyContinue).KeyProven"));
        Assert.False(File.Exists(Folder["started"]));
        Assert.Null(Environment.GetEnvironmentVariable("XPRA_AES_TEST"));
        Assert.Empty(server.Packets);
    }

    [Fact]
    public async Task Its_encryption_cannot_be_turned_off_or_contradicted()
    {
        await using var server = Serve(Generation.Of("6.2.5"));
        Session(server, "encryption=");
        AssertFails("Connect-XpraAes -SessionFile evil.xpra", XpraErrorId.KeyMissing);
        Assert.Equal("CBC", Run("(Connect-XpraAes -SessionFile evil.xpra -KeyFile key.txt).Mode"));
        Session(server, "encryption=AES-CTR");
        AssertFails("Connect-XpraAes -SessionFile evil.xpra -KeyFile key.txt -Mode CBC", XpraErrorId.InvalidOption);
        Session(server, "encryption-keyfile=Env:\\PATH");
        AssertFails("Connect-XpraAes -SessionFile evil.xpra", XpraErrorId.InvalidOption);
        AssertFails("Connect-XpraAes -SessionFile none.xpra", XpraErrorId.SessionFileUnusable);
        Assert.Empty(Host.Run("Connect-XpraAes -SessionFile none*.xpra").Errors);
    }

    private void Session(FakeServer server, params string[] lines)
        => Folder.Write("evil.xpra", Encoding.ASCII.GetBytes(string.Join('\n', lines.Prepend($"port={server.Endpoint.Port}").Prepend("host=127.0.0.1"))));
}
