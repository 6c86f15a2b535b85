using System.Management.Automation;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Commands;

/// <summary>Listeners with a target, listeners that change, and local ends.</summary>
[Trait("Category", "Engine")]
[Collection(LoopbackCollection.Name)]
public sealed class GatewayCommandTests : ListenerCommandTests
{
    public GatewayCommandTests()
    {
        // The kind of target does not matter to the gateway: here it is another listener.
        Host.Run("$server = Start-XpraAesListener -Port 0 -KeyFile server.txt -Mode CBC, CTR, GCM, CFB; $uri = \"tcp://$($server.Endpoint)/\"");
    }

    [Theory]
    [InlineData("-Target ${uri}?encryption=AES-CTR`&keyfile=server.txt")]
    [InlineData("-Target ${uri}?encryption=AES-CTR -TargetKeyFile server.txt")]
    [InlineData("-Target ${uri}?encryption=AES-CTR -TargetKeyFile new.txt, server.txt")]
    public void Sessions_are_passed_on_under_the_targets_own_key_and_mode(string target)
    {
        Succeed($"$gateway = Start-XpraAesListener -Port 0 -KeyFile key.txt -Mode GCM {target}");
        Succeed("$connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Port -KeyFile key.txt -Mode GCM");
        Assert.Equal("True", Host.Run("$gateway.Target -eq $uri").Text);
        Assert.Equal("1 1", Host.Run("\"$($gateway.Connections.Count) $($server.Connections.Count)\"").Text);
        var rows = Host.Run("$gateway | Get-XpraCipherInfo").Output;
        Assert.Equal(["GCM Send", "GCM Receive", "CTR Send", "CTR Receive"], rows.Select(row => $"{row.Properties["Mode"].Value} {row.Properties["Direction"].Value}"));
        var fingerprints = Host.Run("'key.txt', 'key.txt', 'server.txt', 'server.txt' | ForEach-Object { (Get-XpraAesKey $_).Fingerprint }").Output.Select(print => $"{print}");
        Assert.Equal(fingerprints, rows.Select(row => row.Properties["KeyFingerprint"].Value));
        Assert.All(rows, row => Assert.Equal(true, row.Properties["KeyProven"].Value));
    }

    [Theory]
    [InlineData("-Target ${uri}?encryption=AES", XpraErrorId.KeyMissing)]
    [InlineData("-Target ${uri}?keyfile=server.txt -TargetKeyFile server.txt", XpraErrorId.InvalidOption)]
    [InlineData("-Target tcp://ada:secret@127.0.0.1:1/", XpraErrorId.InvalidOption)]
    [InlineData("-Target tcp://127.0.0.1:1/?password=secret", XpraErrorId.InvalidOption)]
    [InlineData("-Target ssh://127.0.0.1:1/", XpraErrorId.InvalidUri)]
    [InlineData("-Target ${uri}?keyfile=missing.txt", XpraErrorId.KeyFileNotFound)]
    [InlineData("-Target ${uri} -TargetKeyFile server.txt, missing.txt", XpraErrorId.KeyFileNotFound)]
    [InlineData("-TargetKeyFile server.txt", XpraErrorId.InvalidOption)]
    [InlineData("-AllowRequest stop", XpraErrorId.InvalidOption)]
    [InlineData("-TrustedSource 10.0.0.0/33", XpraErrorId.InvalidOption)]
    [InlineData("-TrustedSource nowhere", XpraErrorId.InvalidOption)]
    public void What_makes_no_sense_starts_no_listener(string arguments, XpraErrorId id)
    {
        AssertFails($"Start-XpraAesListener -Port 0 -KeyFile key.txt {arguments}", id);
        Assert.Equal("1", Host.Run("@(Get-XpraAesListener).Count").Text);
    }

    [Theory]
    [InlineData("unix:///run/xpra/100", 0)]
    [InlineData("tcp://127.0.0.1:100/", 0)]
    [InlineData("ws://localhost:100/", 0)]
    [InlineData("tcp://192.0.2.1:100/?keyfile=server.txt", 0)]
    [InlineData("tcp://192.0.2.1:100/", 1)]
    [InlineData("ws://server.example:100/", 1)]
    public void There_is_a_warning_about_an_unencrypted_target_over_a_network(string target, int warnings)
    {
        var result = Host.Run($"(Start-XpraAesListener -Port 0 -KeyFile key.txt -Target '{target}').Target");
        Assert.Empty(result.Errors);
        Assert.Equal(target.Split('?')[0].Replace("unix:", "socket:", StringComparison.Ordinal), result.Text);
        Assert.Equal(warnings, result.Warnings.Count);
        Assert.All(result.Warnings, warning => Assert.Contains("is not encrypted", warning, StringComparison.Ordinal));
    }

    [Fact]
    public void An_allowed_request_is_forwarded_and_a_source_can_be_trusted()
    {
        Succeed("$gateway = Start-XpraAesListener -Port 0 -KeyFile key.txt -Target ${uri}?keyfile=server.txt -AllowRequest stop, screenshot -TrustedSource 10.0.0.0/8, 127.0.0.1, ::1");
        Assert.Equal("127.0.0.1", Host.Run("$gateway.Endpoint.Split(':')[0]").Text);
    }

    [Fact]
    public void Several_addresses_lead_to_one_target()
    {
        Succeed("$gateway = Start-XpraAesListener -Bind '127.0.0.1:0,encryption=AES,keyfile=key.txt', '127.0.0.1:0,encryption=AES,keyfile=new.txt' -Target ${uri}?keyfile=server.txt");
        foreach (var (place, key) in new[] { (0, "key.txt"), (1, "new.txt") })
            Succeed($"$null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Endpoints[{place}].Split(':')[1] -KeyFile {key}");
        Assert.Equal("2", Host.Run("$server.Connections.Count").Text);
        AssertFails("$gateway | Set-XpraAesListener -KeyFile server.txt", XpraErrorId.InvalidOption);
        Succeed("$gateway | Set-XpraAesListener -KeyFile server.txt -Endpoint $gateway.Endpoints[1]");
        Succeed("$null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Endpoints[1].Split(':')[1] -KeyFile server.txt");
        AssertFails("$gateway | Set-XpraAesListener -KeyFile server.txt -Endpoint 127.0.0.1:1", XpraErrorId.NotFound);
    }

    [Fact]
    public void A_listener_gets_a_new_key_mode_and_target_for_new_connections()
    {
        Succeed("$gateway = Start-XpraAesListener -Port 0 -KeyFile key.txt -Mode CTR -Target tcp://127.0.0.1:1/");
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Port -KeyFile key.txt -Mode CTR", XpraErrorId.PeerDisconnected);
        Assert.Empty(Host.Run("$gateway | Set-XpraAesListener -Target ${uri}?keyfile=server.txt -TargetKeyFile x -WhatIf").Output);
        Succeed("$gateway | Set-XpraAesListener -Target ${uri}?keyfile=server.txt");
        Succeed("$old = Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Port -KeyFile key.txt -Mode CTR");
        Assert.Equal("True", Host.Run("[object]::ReferenceEquals((Set-XpraAesListener -Id $gateway.Id -KeyFile new.txt -Mode CBC -PassThru), $gateway)").Text);
        Assert.Equal("CBC True", Host.Run("\"$($gateway.Mode) $($gateway.KeyFingerprint -eq (Get-XpraAesKey new.txt).Fingerprint)\"").Text);
        Succeed("$new = Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Port -KeyFile new.txt");
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Port -KeyFile new.txt -Mode CTR", XpraErrorId.PeerDisconnected);
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $gateway.Port -KeyFile key.txt -Mode CBC", XpraErrorId.KeyMismatch);
        Assert.Equal("Open Open", Host.Run("\"$($old.State) $($new.State)\"").Text);
        Assert.NotEqual("", Host.Run("$old.PingAsync([timespan]::FromSeconds(5)).GetAwaiter().GetResult()").Text);
    }

    [Fact]
    public void A_listener_gets_a_password_for_new_connections()
    {
        Succeed("$server | Set-XpraAesListener -PasswordFile p.txt");
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile server.txt", XpraErrorId.AuthenticationRequired);
        Succeed("$null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile server.txt -PasswordFile p.txt");
    }

    [Fact]
    public void A_failed_change_changes_nothing_and_WhatIf_describes_it()
    {
        AssertFails("$server | Set-XpraAesListener", XpraErrorId.InvalidOption);
        AssertFails("$server | Set-XpraAesListener -KeyFile missing.txt", XpraErrorId.KeyFileNotFound);
        AssertFails("$server | Set-XpraAesListener -Iterations 1", XpraErrorId.IterationsRejected);
        AssertFails("Set-XpraAesListener -Id 999999 -Mode CTR", XpraErrorId.NotFound);
        Succeed("$server | Set-XpraAesListener -Mode CTR -KeyFile new.txt -WhatIf");
        Assert.Equal("4 True", Host.Run("\"$($server.Mode.Count) $($server.KeyFingerprint -eq (Get-XpraAesKey server.txt).Fingerprint)\"").Text);
        Succeed("$server | Stop-XpraAesListener");
        AssertFails("$server | Set-XpraAesListener -Mode CTR", XpraErrorId.Closed);
    }

    [Fact]
    public void A_connection_tries_several_keys()
    {
        Succeed("$connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile key.txt, server.txt");
        Assert.Equal("True", Host.Run("$connection.KeyFingerprint -eq (Get-XpraAesKey server.txt).Fingerprint").Text);
        Assert.Equal("1", Host.Run("$server.Accepted").Text);
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile key.txt, new.txt", XpraErrorId.KeyMismatch);
        AssertFails("Start-XpraAesListener -Port 0 -KeyFile key.txt, new.txt", XpraErrorId.InvalidOption);
        Succeed("$two = Start-XpraAesListener -Port 0 -KeyFile key.txt, new.txt -EncryptFirstPacket -Mode CBC");
        foreach (var key in new[] { "key.txt", "new.txt" })
            Succeed($"$null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $two.Port -KeyFile {key} -EncryptFirstPacket");
    }

    [Theory]
    [InlineData("-LocalSocket s.sock", 0)]
    [InlineData("-LocalPort 0", 1)]
    public async Task A_local_end_forwards_unencrypted_clients_to_the_server(string arguments, int warnings)
    {
        var opened = Host.Run($"$local = Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile new.txt, server.txt -Mode CTR {arguments}; $local");
        Assert.Empty(opened.Errors);
        Assert.Equal(warnings, opened.Warnings.Count);
        var endpoint = Host.Run("$local.Endpoint").Text;
        Assert.Equal("Listening 0", Host.Run("\"$($local.State) $($local.Mode.Count)\"").Text);
        Assert.StartsWith(endpoint.StartsWith('/') ? $"socket://{Folder["s.sock"]}" : "tcp://127.0.0.1:", Host.Run("$local.AttachUri").Text, StringComparison.Ordinal);

        await using var client = await TestClient.ConnectAsync(endpoint, key: null);
        await client.SendHelloAsync();
        var session = await client.EstablishAsync();
        await session.SendAsync("ping", 7L);
        Assert.Equal(7L, (await session.ReceiveAsync())![1]);
        Assert.Equal(["none", "none", "AES", "AES"], Host.Run("$local | Get-XpraCipherInfo").Output.Select(row => $"{row.Properties["Cipher"].Value}"));
        Assert.Contains("none", Host.Run("$local | Stop-XpraAesListener -WhatIf; $server.Connections[0].KeyProven; $local.State; 'none'").Text, StringComparison.Ordinal);
        Succeed("$local | Stop-XpraAesListener -GracePeriod 0");
        Assert.False(File.Exists(Folder["s.sock"]));
    }

    [Theory]
    [InlineData("-LocalSocket s.sock -LocalPort 0", XpraErrorId.InvalidOption)]
    [InlineData("-LocalPipe s -LocalPort 0", XpraErrorId.InvalidOption)]
    [InlineData("-LocalPipe s -LocalSocket s.sock", XpraErrorId.InvalidOption)]
    [InlineData("-LocalPipe ../s", XpraErrorId.InvalidOption)]
    [InlineData("-LocalSocket s.sock -PasswordFile p.txt", XpraErrorId.InvalidOption)]
    [InlineData("-LocalSocket s.sock -EncryptFirstPacket", XpraErrorId.InvalidOption)]
    [InlineData("-LocalSocket s.sock -AllowRequest stop", XpraErrorId.InvalidOption)]
    [InlineData("-AllowRequest stop", XpraErrorId.InvalidOption)]
    [InlineData("-LocalSocket missing/s.sock", XpraErrorId.AddressUnavailable)]
    [InlineData("-LocalSocket key.txt", XpraErrorId.AddressUnavailable)]
    public void A_local_end_that_makes_no_sense_is_refused(string arguments, XpraErrorId id)
    {
        AssertFails($"Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile server.txt {arguments}", id);
        Assert.Equal("1", Host.Run("@(Get-XpraAesListener).Count").Text);
    }

    [Fact]
    public void A_local_end_leads_to_one_server()
        => AssertFails("'tcp://127.0.0.1:1/', 'tcp://127.0.0.1:2/' | Connect-XpraAes -KeyFile key.txt -LocalSocket s.sock", XpraErrorId.InvalidOption);

    /// <summary>What Register-ObjectEvent does.</summary>
    [Fact]
    public async Task Events_reach_a_script()
    {
        Host.Run("'ConnectionOpened', 'ConnectionClosed', 'HandshakeFailed' | ForEach-Object { $null = $ExecutionContext.Events.SubscribeEvent($server, $_, $_, $null, [scriptblock]$null, $false, $false) }");
        Succeed("Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile server.txt | Disconnect-XpraAes");
        await Rig.UntilAsync(() => EventsReceived() is ["ConnectionOpened 127.0.0.1", "ConnectionClosed 127.0.0.1"], State);
        AssertFails("Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile key.txt", XpraErrorId.KeyMismatch);
        // The client that finds the key wrong may be gone before the listener has sent its hello.
        await Rig.UntilAsync(() => EventsReceived() is [_, _, "ConnectionOpened 127.0.0.1", "ConnectionClosed 127.0.0.1"] or [_, _, "HandshakeFailed 127.0.0.1"], State);

        string State() => string.Join(", ", EventsReceived());
    }

    /// <summary>
    /// In the order raised: PowerShell's PSLocalEventManager numbers an event at once, but delivers each from its own
    /// thread-pool thread, so that a later one can arrive first.
    /// </summary>
    private string[] EventsReceived()
    {
        var received = Host.Runspace.Events.ReceivedEvents;
        lock (received.SyncRoot)
            return [.. received.OrderBy(one => one.EventIdentifier).Select(one => $"{one.SourceIdentifier} {PeerOf(one)}")];
    }

    /// <summary>By name: the module has its own copy of the assembly, whose types are not those of the tests.</summary>
    private static string PeerOf(PSEventArgs one) => $"{PSObject.AsPSObject(one.SourceEventArgs).Properties["Peer"].Value}".Split(':')[0];
}
