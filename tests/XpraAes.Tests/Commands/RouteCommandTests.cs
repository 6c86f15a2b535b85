using System.Management.Automation;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Commands;

/// <summary>Listeners with routes: what the cmdlets read, warn about and change.</summary>
[Trait("Category", "Engine")]
[Collection(LoopbackCollection.Name)]
public sealed class RouteCommandTests : IDisposable
{
    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public RouteCommandTests()
    {
        _folder.Write("key.txt", "0123456789abcdef0123456789abcdef"u8);
        _folder.Write("server.txt", "fedcba9876543210fedcba9876543210"u8);
        _folder.Write("p.txt", "correct horse"u8);
        _host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");
        _host.Run("$a, $b = 1..2 | ForEach-Object { Start-XpraAesListener -Port 0 -KeyFile server.txt }; $toA, $toB = $a, $b | ForEach-Object { \"tcp://$($_.Endpoint)/?keyfile=server.txt\" }");
    }

    public void Dispose()
    {
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("@{ mail = $toA; '*' = $toB }")]
    [InlineData("@{ mail = @($toA); '*' = 'tcp://127.0.0.1:1/?keyfile=server.txt', $toB }")]
    [InlineData("([ordered]@{ mail = $toA; '*' = [object[]]$toB })")]
    [InlineData("@{ 'someone/mail' = $toA; 'm*' = $toB; '*' = $toB }")]
    [InlineData("@{ 100 = $toB; mail = $toA; '*' = $toB }")]
    public void A_table_says_where_sessions_go(string table)
    {
        Succeed($"$gateway = Start-XpraAesListener -Port 0 -KeyFile key.txt -PasswordFile p.txt -Target {table}");
        Succeed("$one = Connect-XpraAes \"tcp://someone@$($gateway.Endpoint)/mail\" -KeyFile key.txt -PasswordFile p.txt");
        Assert.Equal("1 0", _host.Run("\"$($a.Connections.Count) $($b.Connections.Count)\"").Text);
        Succeed("$other = Connect-XpraAes \"tcp://someone@$($gateway.Endpoint)/games\" -KeyFile key.txt -PasswordFile p.txt");
        Assert.Equal("1 1", _host.Run("\"$($a.Connections.Count) $($b.Connections.Count)\"").Text);
        Assert.Equal("2", _host.Run("$n = 0; $gateway.Routes.Sessions | ForEach-Object { $n += $_ }; $n").Text);
    }

    [Fact]
    public void Several_uris_are_one_route()
    {
        Succeed("$gateway = Start-XpraAesListener -Port 0 -KeyFile key.txt -Target 'tcp://127.0.0.1:1/?keyfile=server.txt', $toB");
        Succeed("$one = Connect-XpraAes \"tcp://$($gateway.Endpoint)/\" -KeyFile key.txt");
        Assert.Equal("* 1 tcp://127.0.0.1:1/ True", _host.Run("$r = $gateway.Routes[0]; \"$($r.Name) $($r.Sessions) $($r.Unavailable) $($r.Target.Count -eq 2)\"").Text);
        Assert.Equal("*", _host.Run("$gateway.Connections[0].Route").Text);
    }

    [Fact]
    public void A_single_target_is_as_it_was()
    {
        Succeed("$gateway = Start-XpraAesListener -Port 0 -KeyFile key.txt -Target $toA");
        Assert.Equal("True", _host.Run("$gateway.Target -eq \"tcp://$($a.Endpoint)/\"").Text);
        Assert.Equal("* 0", _host.Run("\"$($gateway.Routes.Name) $($gateway.Routes.Sessions)\"").Text);
        Assert.Equal("0", _host.Run("$a.Routes.Count").Text);
    }

    [Fact]
    public void Routes_are_added_replaced_and_removed()
    {
        Succeed("$gateway = Start-XpraAesListener -Port 0 -KeyFile key.txt -PasswordFile p.txt -Target $toA");
        Succeed("$gateway | Set-XpraAesListener -AddTarget @{ mail = $toB; games = $toB }");
        Assert.Equal("3", _host.Run("$gateway.Routes.Count").Text);
        Succeed("$one = Connect-XpraAes \"tcp://someone@$($gateway.Endpoint)/mail\" -KeyFile key.txt -PasswordFile p.txt");
        Assert.Equal("0 1", _host.Run("\"$($a.Connections.Count) $($b.Connections.Count)\"").Text);
        Succeed("$gateway | Set-XpraAesListener -AddTarget @{ mail = $toA } -RemoveTarget games, '*'");
        Assert.Equal("mail", _host.Run("$gateway.Routes.Name -join ' '").Text);
        Succeed("$two = Connect-XpraAes \"tcp://someone@$($gateway.Endpoint)/mail\" -KeyFile key.txt -PasswordFile p.txt");
        Assert.Equal("1 1 Open", _host.Run("\"$($a.Connections.Count) $($b.Connections.Count) $($one.State)\"").Text);
        AssertFails("Connect-XpraAes \"tcp://someone@$($gateway.Endpoint)/games\" -KeyFile key.txt -PasswordFile p.txt", XpraErrorId.SessionUnknown);
        AssertFails("$gateway | Set-XpraAesListener -RemoveTarget games", XpraErrorId.NotFound);
        AssertFails("$gateway | Set-XpraAesListener -RemoveTarget mail", XpraErrorId.InvalidOption);
        AssertFails("$gateway | Set-XpraAesListener -RemoveTarget mail -Target $toA", XpraErrorId.InvalidOption);
        AssertFails("$a | Set-XpraAesListener -AddTarget @{ mail = $toB }", XpraErrorId.InvalidOption);
        Assert.Empty(_host.Run("$gateway | Set-XpraAesListener -AddTarget @{ x = $toB } -RemoveTarget mail -WhatIf").Errors);
        Assert.Equal("mail", _host.Run("$gateway.Routes.Name -join ' '").Text);
        Succeed("$gateway | Set-XpraAesListener -Target $toB");
        Assert.Equal("*", _host.Run("$gateway.Routes.Name -join ' '").Text);
    }

    [Theory]
    [InlineData("@{ mail = $null }", XpraErrorId.InvalidOption)]
    [InlineData("@{ mail = '' }", XpraErrorId.InvalidOption)]
    [InlineData("@{ mail = @() }", XpraErrorId.InvalidOption)]
    [InlineData("@{ mail = @{ x = $toA } }", XpraErrorId.InvalidOption)]
    [InlineData("@{ mail = Get-XpraAesKey key.txt }", XpraErrorId.InvalidOption)]
    [InlineData("(Get-XpraAesKey key.txt)", XpraErrorId.InvalidOption)]
    [InlineData("@{ (Get-XpraAesKey key.txt) = $toA }", XpraErrorId.InvalidOption)]
    [InlineData("@{ 'a/b/c' = $toA }", XpraErrorId.InvalidOption)]
    [InlineData("@{ 'a*b' = $toA }", XpraErrorId.InvalidOption)]
    [InlineData("@{ 'key:x/*' = $toA }", XpraErrorId.InvalidOption)]
    [InlineData("@{ 'bind:0.0.0.0:1/*' = $toA }", XpraErrorId.InvalidOption)]
    [InlineData("@{ mail = 'ssh://host/' }", XpraErrorId.InvalidUri)]
    [InlineData("@{ mail = 'tcp://ada:secret@127.0.0.1:1/' }", XpraErrorId.InvalidOption)]
    [InlineData("@{ mail = 'tcp://127.0.0.1:1/?encryption=AES' }", XpraErrorId.KeyMissing)]
    [InlineData("@{ mail = 'tcp://127.0.0.1:1/?keyfile=missing.txt' }", XpraErrorId.KeyFileNotFound)]
    [InlineData("@{ mail = 'tcp://127.0.0.1:1/' } -TargetKeyFile server.txt", XpraErrorId.InvalidOption)]
    [InlineData("'tcp://127.0.0.1:1/', 'tcp://127.0.0.1:2/' -TargetKeyFile server.txt", XpraErrorId.InvalidOption)]
    public void What_makes_no_sense_starts_no_listener(string table, XpraErrorId id)
    {
        var shown = AssertFails($"Start-XpraAesListener -Port 0 -KeyFile key.txt -Target {table}", id);
        Assert.DoesNotContain("0123456789abcdef", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", shown, StringComparison.Ordinal);
        Assert.Equal("2", _host.Run("@(Get-XpraAesListener).Count").Text);
    }

    /// <summary>The warnings say what a route does not protect from.</summary>
    [Theory]
    [InlineData("@{ '*' = $toA }", "", "")]
    [InlineData("@{ mail = $toA }", "", "any will do")]
    [InlineData("@{ mail = $toA }", "-PasswordFile p.txt", "")]
    [InlineData("@{ mail = $toA }", "-Transport TlsPsk", "")]
    [InlineData("@{ 'ada/*' = $toA }", "-PasswordFile p.txt", "everyone who has the key can say it")]
    [InlineData("@{ 'ada/*' = $toA }", "-Transport TlsPsk", "everyone who has the key can say it")]
    [InlineData("@{ 'ada/*' = $toA }", "-Credential ([pscredential]::new('ada', $secret))", "")]
    [InlineData("@{ 'key:0123-4567-89ab-cdef/*' = $toA }", "", "so nobody can use it")]
    [InlineData("@{ \"key:$((Get-XpraAesKey key.txt).Fingerprint)/*\" = $toA }", "", "")]
    [InlineData("@{ '*' = 'tls-psk://192.0.2.1/?keyfile=key.txt' }", "", "lead the gateway back to itself")]
    [InlineData("@{ '*' = $toA, 'tls-psk://192.0.2.1/?keyfile=key.txt' }", "", "lead the gateway back to itself")]
    [InlineData("'tls-psk://192.0.2.1/?keyfile=key.txt'", "", "lead the gateway back to itself")]
    [InlineData("'tls-psk://192.0.2.1/?keyfile=key.txt'", "-Transport Tcp", "")]
    [InlineData("@{ '*' = 1..9 | ForEach-Object { \"tcp://192.0.2.$_/\" } }", "", "192.0.2.3:14500/ and 6 others is not encrypted")]
    public void There_is_a_warning_about_what_a_route_cannot_do(string table, string more, string expected)
    {
        _host.Run("$secret = [System.Security.SecureString]::new(); 'x'.ToCharArray() | ForEach-Object { $secret.AppendChar($_) }");
        string[] of(string script) => [.. _host.Run(script).Warnings.Select(warning => $"{warning}")];
        var atStart = of($"$null = Start-XpraAesListener -Port 0 -KeyFile key.txt {more} -Target {table}");
        var atChange = of($"$plain = Start-XpraAesListener -Port 0 -KeyFile key.txt {more}; $plain | Set-XpraAesListener -Target {table}");
        foreach (var warnings in new[] { atStart, atChange })
        {
            if (expected.Length == 0)
                Assert.Empty(warnings);
            else
                Assert.Contains(expected, Assert.Single(warnings), StringComparison.Ordinal);
        }
    }

    private void Succeed(string script)
    {
        var result = _host.Run(script);
        Assert.Empty(result.Errors);
    }

    private string AssertFails(string script, XpraErrorId id)
    {
        ErrorRecord? error = null;
        try
        {
            error = _host.Run(script).Errors is [var first, ..] ? first : null;
        }
        catch (RuntimeException e)
        {
            error = e.ErrorRecord;
        }
        Assert.StartsWith($"{id},", error?.FullyQualifiedErrorId, StringComparison.Ordinal);
        return $"{error}";
    }
}
