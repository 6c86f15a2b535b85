using System.Management.Automation;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>Start-XpraAesListener with xpra's bind options, and passwords on both sides.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class BindTests : IDisposable
{
    private const string Key = "0x00112233445566778899aabbccddeeff";
    private const string Credential = "([pscredential]::new('ada', [System.Net.NetworkCredential]::new('', 'correct horse').SecurePassword))";
    private const string WrongCredential = "([pscredential]::new('ada', [System.Net.NetworkCredential]::new('', 'wrong').SecurePassword))";

    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public BindTests()
    {
        _folder.Write("key.txt", "0123456789abcdef0123456789abcdef"u8);
        _folder.Write("p.txt", "correct horse"u8);
        _host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");
    }

    public void Dispose()
    {
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Address_modes_key_and_password_come_from_the_bind_options()
    {
        var started = _host.Run("$l = Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES-CTR,keyfile=key.txt,auth=file:filename=p.txt'; \"$($l.Mode) $($l.KeySource)\"");
        Assert.Empty(started.Errors);
        Assert.Contains("-StatePath", Assert.Single(started.Warnings).ToString(), StringComparison.Ordinal);
        Assert.Equal("CTR KeyFile", started.Text);
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt -Mode CBC", XpraErrorId.PeerDisconnected);
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt -Mode CTR", XpraErrorId.AuthenticationRequired);
        Assert.Equal("Open", _host.Run("(Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt -Mode CTR -PasswordFile p.txt).State").Text);
    }

    [Fact]
    public void Several_binds_make_one_listener_each_with_its_own_key_and_parameters_fill_in_what_they_leave_out()
    {
        var started = _host.Run($"$l = Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES,keydata={Key}', ':0,encryption=AES,keyfile=key.txt'; $p = $l.Endpoints | ForEach-Object {{ $_.Split(':')[1] }}; $p.Count");
        Assert.Empty(started.Errors);
        Assert.Equal("2", started.Text);
        Assert.Equal("Open", _host.Run($"(Connect-XpraAes -ComputerName 127.0.0.1 -Port $p[0] -KeyData {Key}).State").Text);
        Assert.Equal("Open", _host.Run("(Connect-XpraAes -ComputerName 127.0.0.1 -Port $p[1] -KeyFile key.txt).State").Text);
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $p[0] -KeyFile key.txt", XpraErrorId.KeyMismatch);

        var filled = _host.Run("(Start-XpraAesListener -Bind 'localhost:0,encryption=AES' -KeyFile key.txt).KeySource");
        Assert.Empty(filled.Errors);
        Assert.Equal("KeyFile", filled.Text);
    }

    /// <summary>A user in the URI is used with a password from elsewhere; the default is the current user.</summary>
    [Theory]
    [InlineData("'tcp://ada@127.0.0.1:PORT/?keyfile=key.txt' -PasswordFile p.txt", "ada")]
    [InlineData("'tcp://ada@127.0.0.1:PORT/?keyfile=key.txt' -Credential CREDENTIAL", "ada")]
    [InlineData("'tcp://127.0.0.1:PORT/?keyfile=key.txt' -Credential CREDENTIAL", "ada")]
    [InlineData("'tcp://127.0.0.1:PORT/?keyfile=key.txt' -PasswordFile p.txt", "")]
    [InlineData("-ComputerName 127.0.0.1 -Port PORT -KeyFile key.txt -PasswordFile p.txt", "")]
    public void The_user_of_a_password_is_the_one_that_is_given_or_ones_own(string client, string user)
    {
        user = user.Length > 0 ? user : Environment.UserName;
        var started = _host.Run($"$l = Start-XpraAesListener -Port 0 -KeyFile key.txt -Credential {Credential.Replace("ada", user, StringComparison.Ordinal)}; $l.Port");
        Assert.Empty(started.Errors);
        client = client.Replace("PORT", started.Text, StringComparison.Ordinal).Replace("CREDENTIAL", Credential, StringComparison.Ordinal);
        Assert.Equal("Open", _host.Run($"(Connect-XpraAes {client}).State").Text);
        Assert.Equal("True", _host.Run($"Test-XpraAes {client} -Quiet").Text);
    }

    [Theory]
    [InlineData("'tcp://bob@127.0.0.1:1/?keyfile=key.txt' -Credential CREDENTIAL")]
    [InlineData("'tcp://ada:other@127.0.0.1:1/?keyfile=key.txt' -Credential CREDENTIAL")]
    [InlineData("'tcp://ada:other@127.0.0.1:1/?keyfile=key.txt' -PasswordFile p.txt")]
    public void Two_users_or_two_passwords_are_refused(string client)
    {
        foreach (var cmdlet in new[] { "Connect-XpraAes", "Test-XpraAes", "Get-XpraCipherInfo -Uri" })
            AssertFails($"{cmdlet} {client.Replace("CREDENTIAL", Credential, StringComparison.Ordinal)}", XpraErrorId.InvalidOption);
    }

    [Theory]
    [InlineData("-Credential CREDENTIAL", "-Credential CREDENTIAL")]
    [InlineData("-PasswordFile p.txt", "-Credential CREDENTIAL")]
    [InlineData("-PasswordFile p.txt", "-PasswordFile p.txt")]
    public void The_listener_asks_for_the_password_of_its_parameters(string server, string client)
    {
        var started = _host.Run($"$l = Start-XpraAesListener -Port 0 -KeyFile key.txt {server}".Replace("CREDENTIAL", Credential, StringComparison.Ordinal));
        Assert.Empty(started.Errors);
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt", XpraErrorId.AuthenticationRequired);
        AssertFails($"Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt -Credential {WrongCredential}", XpraErrorId.AuthenticationFailed);
        var connected = _host.Run($"(Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt {client}).State".Replace("CREDENTIAL", Credential, StringComparison.Ordinal));
        Assert.Empty(connected.Errors);
        Assert.Equal("Open", connected.Text);
    }

    [Theory]
    [InlineData("-Bind '127.0.0.1:0,encryption=AES,auth=file:filename=p.txt'")]
    [InlineData("-Bind '127.0.0.1:0,encryption=AES,auth=password:value=correct horse'")]
    [InlineData("-Bind '127.0.0.1:0,encryption=AES' -Credential CREDENTIAL")]
    [InlineData("-Port 0 -PasswordFile p.txt")]
    public void Without_a_key_the_password_is_the_key_and_there_is_a_warning(string server)
    {
        SkipWhereAKeyIsInTheEnvironment();
        var started = _host.Run($"$l = Start-XpraAesListener {server}; $l.KeySource".Replace("CREDENTIAL", Credential, StringComparison.Ordinal));
        Assert.Empty(started.Errors);
        Assert.Contains("The key is a password.", Assert.Single(started.Warnings), StringComparison.Ordinal);
        Assert.Equal("Password", started.Text);

        var connected = _host.Run($"(Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -Credential {Credential} -PasswordAsKey).State");
        Assert.Empty(connected.Errors);
        Assert.Contains("The key is a password.", Assert.Single(connected.Warnings), StringComparison.Ordinal);
        Assert.Equal("Open", connected.Text);
    }

    [Fact]
    public void A_client_uses_the_password_as_key_only_when_told_to_and_never_beside_a_key()
    {
        SkipWhereAKeyIsInTheEnvironment();
        AssertFails("Connect-XpraAes -ComputerName a -PasswordFile p.txt", XpraErrorId.KeyMissing);
        AssertFails("Connect-XpraAes -ComputerName a -PasswordAsKey", XpraErrorId.InvalidOption);
        AssertFails("Connect-XpraAes -ComputerName a -PasswordFile p.txt -KeyFile key.txt -PasswordAsKey", XpraErrorId.InvalidOption);
        AssertFails("Connect-XpraAes 'tcp://u:secret@a/?keyfile=key.txt' -PasswordAsKey", XpraErrorId.InvalidOption);
    }

    [Fact]
    public void A_password_comes_from_the_environment()
    {
        const string Variable = "XPRA_AES_TEST_PASSWORD";
        AssertFails($"Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=env:name={Variable}'", XpraErrorId.InvalidBind);
        Environment.SetEnvironmentVariable(Variable, "correct horse");
        try
        {
            Assert.Empty(_host.Run($"$l = Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=env:name={Variable}'").Errors);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt", XpraErrorId.AuthenticationRequired);
        Assert.Equal("Open", _host.Run("(Connect-XpraAes -ComputerName 127.0.0.1 -Port $l.Port -KeyFile key.txt -PasswordFile p.txt).State").Text);
    }

    [Theory]
    [InlineData("127.0.0.1:0,keyfile=key.txt")]
    [InlineData("127.0.0.1:0,encryption=no,keyfile=key.txt")]
    [InlineData("127.0.0.1:0,encryption=DES,keyfile=key.txt")]
    [InlineData("no port at all")]
    [InlineData("some.host:0,encryption=AES,keyfile=key.txt")]
    [InlineData("127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=pam")]
    [InlineData("127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=password=secret")]
    [InlineData("127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=file")]
    [InlineData("127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=password:value=secret,auth=file:filename=p.txt")]
    public void Bind_options_that_cannot_be_met_are_refused(string bind)
    {
        var error = AssertFails($"Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES,keyfile=key.txt', '{bind}'", XpraErrorId.InvalidBind);
        Assert.Equal(ErrorCategory.InvalidArgument, error.CategoryInfo.Category);
        Assert.DoesNotContain("secret", $"{error.Exception.Message} {error.ErrorDetails}", StringComparison.Ordinal);
        Assert.Empty(_host.Run("Get-XpraAesListener").Output);
    }

    [Theory]
    [InlineData("127.0.0.1:0,encryption=AES,keyfile=key.txt", "-KeyFile key.txt")]
    [InlineData("127.0.0.1:0,encryption=AES,keydata=0x00112233", "-KeyFile key.txt")]
    [InlineData("127.0.0.1:0,encryption=AES,keyfile=key.txt,auth=file:filename=p.txt", "-PasswordFile p.txt")]
    public void Conflicting_values_are_refused(string bind, string parameters)
        => AssertFails($"Start-XpraAesListener -Bind '{bind}' {parameters}", XpraErrorId.InvalidOption);

    [Fact]
    public void What_means_nothing_here_is_warned_of()
    {
        var result = _host.Run("Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES,keyfile=key.txt,nodelay=yes'");
        Assert.Empty(result.Errors);
        Assert.Contains("nodelay=", Assert.Single(result.Warnings), StringComparison.Ordinal);
    }

    private static void SkipWhereAKeyIsInTheEnvironment()
        => Assert.SkipUnless(string.IsNullOrEmpty(Environment.GetEnvironmentVariable("XPRA_ENCRYPTION_KEY")), "XPRA_ENCRYPTION_KEY is set here.");

    private ErrorRecord AssertFails(string script, XpraErrorId id)
    {
        var result = _host.Run(script);
        Assert.Empty(result.Output);
        var error = Assert.Single(result.Errors);
        Assert.Equal($"{id}", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        return error;
    }
}
