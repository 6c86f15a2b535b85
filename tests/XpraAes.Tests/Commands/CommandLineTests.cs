using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>ConvertTo-XpraCommandLine: its inputs, and what it never shows.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class CommandLineTests : IDisposable
{
    private const string KeyText = "0123456789abcdef0123456789abcdef";
    private const string KeyHex = "0x3031323334353637383961626364656630313233343536373839616263646566";

    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public CommandLineTests()
    {
        _folder.Write("key.txt", "0123456789abcdef0123456789abcdef"u8);
        _host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");
    }

    private string KeyFile => Path.Combine(_folder.Root, "key.txt");

    public void Dispose()
    {
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("-ComputerName h -KeyFile key.txt -XpraVersion 6.2", "xpra attach 'tcp://h:14500/?encryption=AES&keyfile=FILE'")]
    [InlineData("-ComputerName h -Port 1 -Mode AES-CTR -KeyFile key.txt -XpraVersion 6.5 -Role Client", "xpra attach tcp://h:1/ --encryption=AES-CTR --encryption-keyfile=FILE")]
    [InlineData("-ComputerName h -Port 1 -KeyFile /elsewhere/k -XpraVersion 3.1 -Role Server", "xpra start --bind-tcp=h:1 --tcp-encryption=AES --tcp-encryption-keyfile=/elsewhere/k")]
    [InlineData("-ComputerName h -Port 1 -Key (Get-XpraAesKey key.txt) -XpraVersion 4.4 -Role Server", "xpra start '--bind-tcp=h:1,encryption=AES,keyfile=FILE'")]
    [InlineData("-Uri 'tcp://h:1/?encryption=AES-GCM&keyfile=key.txt' -XpraVersion 5.1", "xpra attach 'tcp://h:1/?encryption=AES-GCM&keyfile=FILE'")]
    [InlineData("-Uri 'ws://h:1/' -Mode CFB -KeyFile key.txt -XpraVersion 6.1 -PasswordFile /p -UserName ada", "xpra attach 'ws://ada@h:1/?encryption=AES-CFB&keyfile=FILE' --password-file=/p")]
    public void Parameters_make_a_line(string arguments, string line)
    {
        var result = _host.Run($"ConvertTo-XpraCommandLine {arguments}");
        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        Assert.Equal(line.Replace("FILE", KeyFile, StringComparison.Ordinal), result.Text);
    }

    [Theory]
    [InlineData($"-ComputerName h -KeyData {KeyText} -XpraVersion 6.2")]
    [InlineData($"-ComputerName h -Key '{KeyText}' -XpraVersion 6.2")]
    [InlineData($"-Uri 'tcp://h:14500/?keydata={KeyHex}' -XpraVersion 6.2")]
    public void A_key_in_no_file_is_shown_as_its_bytes_with_a_warning(string arguments)
    {
        var result = _host.Run($"ConvertTo-XpraCommandLine {arguments}");
        Assert.Empty(result.Errors);
        Assert.Contains("contains the key", Assert.Single(result.Warnings), StringComparison.Ordinal);
        Assert.StartsWith("xpra attach 'tcp://h:14500/?encryption=AES", result.Text, StringComparison.Ordinal);
        Assert.EndsWith($"&keydata={KeyHex}'", result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_listener_and_a_connection_make_lines_for_both_ends()
    {
        _host.Run("$l = Start-XpraAesListener -Port 0 -KeyFile key.txt; $s = Start-XpraAesListener -Port 0 -KeyFile key.txt -Mode CTR; $c = Connect-XpraAes -ComputerName 127.0.0.1 -Port $s.Port -KeyFile key.txt -Mode CTR");
        var (port, streams) = (_host.Run("$l.Port").Text, _host.Run("$s.Port").Text);
        var result = _host.Run("""
            $l | ConvertTo-XpraCommandLine -XpraVersion 6.2
            $l | ConvertTo-XpraCommandLine -XpraVersion 6.2 -Role Server
            $c | ConvertTo-XpraCommandLine -XpraVersion 6.2
            $c | ConvertTo-XpraCommandLine -XpraVersion 6.2 -Role Server
            $c | ConvertTo-XpraCommandLine -XpraVersion 6.2 -KeyFile /elsewhere
            ($s.Connections | ConvertTo-XpraCommandLine -XpraVersion 3.1 -ErrorAction SilentlyContinue).Count
            """);
        Assert.Equal(
            [
                $"xpra attach 'tcp://127.0.0.1:{port}/?encryption=AES-CBC&keyfile={KeyFile}'",
                $"xpra start '--bind-tcp=127.0.0.1:{port},encryption=AES-CBC,keyfile={KeyFile}'",
                $"xpra attach 'tcp://127.0.0.1:{streams}/?encryption=AES-CTR&keyfile={KeyFile}'",
                $"xpra start '--bind-tcp=127.0.0.1:{streams},encryption=AES-CTR,keyfile={KeyFile}'",
                $"xpra attach 'tcp://127.0.0.1:{streams}/?encryption=AES-CTR&keyfile=/elsewhere'",
                "0",
            ],
            result.Output.Select(line => $"{line}"));
    }

    [Fact]
    public void The_command_line_of_a_listener_never_contains_a_key()
    {
        _host.Run($"$l = Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES,keydata={KeyHex}', '127.0.0.1:0,encryption=AES-CTR,keyfile=key.txt'");
        var result = _host.Run("$l | ConvertTo-XpraCommandLine -XpraVersion 6.2");
        Assert.Equal("KeyMissing", Assert.Single(result.Errors).FullyQualifiedErrorId.Split(',')[0]);
        Assert.DoesNotContain(KeyHex, $"{result.Errors[0]}", StringComparison.Ordinal);

        var named = _host.Run("$l | ConvertTo-XpraCommandLine -XpraVersion 6.2 -KeyFile /k");
        Assert.Empty(named.Errors);
        Assert.Equal(["AES-CBC", "AES-CTR"], named.Output.Select(line => line.ToString()!.Split('=', '&')[1]));
    }

    [Fact]
    public void What_the_listener_wants_besides_is_warned_of()
    {
        _folder.Write("p.txt", "correct horse"u8);
        _host.Run("$l = Start-XpraAesListener -Port 0 -KeyFile key.txt -PasswordFile p.txt -Mode CBC -EncryptFirstPacket");
        Assert.Contains("-UserName", Assert.Single(_host.Run("ConvertTo-XpraCommandLine -ComputerName h -KeyFile /k -PasswordFile /p -XpraVersion 6.2").Warnings), StringComparison.Ordinal);
        var result = _host.Run("$l | ConvertTo-XpraCommandLine -XpraVersion 6.2");
        Assert.Collection(result.Warnings,
            warning => Assert.Contains("-PasswordFile", warning, StringComparison.Ordinal),
            warning => Assert.Contains("XPRA_ENCRYPT_FIRST_PACKET=1", warning, StringComparison.Ordinal));
        Assert.Single(_host.Run("$l | ConvertTo-XpraCommandLine -XpraVersion 6.2 -PasswordFile /p").Warnings);
    }

    [Theory]
    [InlineData("-ComputerName h -KeyFile k -Mode GCM -XpraVersion 6.2", "ModeRejected")]
    [InlineData("-ComputerName h -KeyFile k -XpraVersion 6.5 -Role Server", "VersionRejected")]
    [InlineData("-ComputerName h -XpraVersion 6.5", "KeyMissing")]
    [InlineData("-ComputerName h -KeyFile k -XpraVersion 99", "InvalidOption")]
    [InlineData("-InputObject 1 -XpraVersion 6.2", "InvalidOption")]
    [InlineData("-Uri 'tcp://h/?encryption=AES-CTR' -Mode CBC -KeyFile k -XpraVersion 6.2", "InvalidOption")]
    [InlineData("-Uri 'tcp://h/?keyfile=k' -KeyFile k -XpraVersion 6.2", "InvalidOption")]
    public void What_has_no_command_line_is_an_error(string arguments, string id)
    {
        var result = _host.Run($"ConvertTo-XpraCommandLine {arguments}");
        Assert.Empty(result.Output);
        var error = Assert.Single(result.Errors);
        Assert.Equal($"{id},XpraAes.PowerShell.Commands.ConvertToXpraCommandLineCommand", error.FullyQualifiedErrorId);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
    }
}
