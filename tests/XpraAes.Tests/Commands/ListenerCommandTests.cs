using System.Diagnostics;
using System.Management.Automation;
using System.Reflection;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Engine;
using Pipeline = System.Management.Automation.PowerShell;

namespace XpraAes.Tests.Commands;

/// <summary>Start-, Get- and Stop-XpraAesListener, their connections, and Get-XpraCipherInfo.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class ListenerCommandTests : IDisposable
{
    private const string Key = "0x00112233445566778899aabbccddeeff";

    private readonly EngineHost _host = EngineHost.WithModule();

    public void Dispose()
    {
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
    }

    [Theory]
    [InlineData("", "^127\\.0\\.0\\.1:[1-9][0-9]+$", "CBC")]
    [InlineData("-BindAddress Any -Mode CTR", "^0\\.0\\.0\\.0:[1-9][0-9]+$", "CTR")]
    [InlineData("-BindAddress 127.0.0.2 -Mode aes-gcm, CFB, GCM", "^127\\.0\\.0\\.2:[1-9][0-9]+$", "GCM CFB")]
    public void It_listens_as_its_parameters_say(string arguments, string endpoint, string modes)
    {
        var listener = Assert.Single(_host.Run($"Start-XpraAesListener -Port 0 -KeyData {Key} {arguments}").Output);
        Assert.Matches(endpoint, $"{listener.Properties["Endpoint"].Value}");
        Assert.Equal(modes.Split(' '), ((Array)listener.Properties["Mode"].Value).Cast<object>().Select(mode => $"{mode}"));
        Assert.Equal("Listening", $"{listener.Properties["State"].Value}");
        Assert.Equal("KeyData", $"{listener.Properties["KeySource"].Value}");
        Assert.Equal(_host.Run($"(Get-XpraAesKey -KeyData {Key}).Fingerprint").Text, listener.Properties["KeyFingerprint"].Value);
        Assert.DoesNotContain("keydata", $"{listener.Properties["AttachUri"].Value}", StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_found_by_id_and_by_port_until_it_is_stopped()
    {
        _host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {Key}; $other = Start-XpraAesListener -Port 0 -KeyData {Key}");
        Assert.Equal("True", _host.Run("[object]::ReferenceEquals((Get-XpraAesListener $listener.Id), $listener)").Text);
        Assert.Equal("True", _host.Run("[object]::ReferenceEquals((Get-XpraAesListener -Port $listener.Port), $listener)").Text);
        Assert.Equal("2", _host.Run("@(Get-XpraAesListener).Count").Text);
        Assert.Equal("Listening", _host.Run("$listener | Stop-XpraAesListener -WhatIf; $listener.State").Text);
        Assert.Equal("Stopped", _host.Run("$listener | Stop-XpraAesListener; $listener.State").Text);
        Assert.Equal("Stopped", _host.Run("Stop-XpraAesListener -Id $other.Id -GracePeriod 1; $other.State").Text);
        Assert.Equal("0", _host.Run("@(Get-XpraAesListener).Count").Text);
        Assert.Empty(_host.Run("Start-XpraAesListener -Port $listener.Port -KeyData 0x00112233445566778899aabbccddeeff").Errors);
    }

    [Fact]
    public void Its_limits_are_given_by_their_names()
    {
        var result = _host.Run($"Start-XpraAesListener -Port 0 -KeyData {Key} -Limit @{{ unprovenconnections = 7; FirstPacketSize = 64KB; HandshakeTimeout = 2.5; ChallengeTimeout = [TimeSpan]'00:01:00' }}");
        Assert.Equal($"{Limits.Default with { UnprovenConnections = 7, FirstPacketSize = 65536, HandshakeTimeout = TimeSpan.FromSeconds(2.5), ChallengeTimeout = TimeSpan.FromMinutes(1) }}", LimitsOf(result.Output.Single().BaseObject));
    }

    /// <summary>By reflection, since the module has its own copy of the library.</summary>
    private static string LimitsOf(object listener)
    {
        var options = listener.GetType().GetProperty("Options", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(listener)!;
        return options.GetType().GetProperty(nameof(ListenerOptions.Limits))!.GetValue(options)!.ToString()!;
    }

    [Fact]
    public void A_limit_keeps_its_old_name_for_one_version()
    {
        var result = _host.Run($"Start-XpraAesListener -Port 0 -KeyData {Key} -Limit @{{ foothold = 2 }}");
        Assert.Equal($"{Limits.Default with { NewSourceGracePeriod = TimeSpan.FromSeconds(2) }}", LimitsOf(result.Output.Single().BaseObject));
        Assert.Contains(result.Warnings, warning => warning.Contains("NewSourceGracePeriod", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Nonsense = 1", "no limit 'Nonsense'")]
    [InlineData("UnprovenConnections = 0", "whole number above 0")]
    [InlineData("UnprovenConnections = 'many'", "whole number above 0")]
    [InlineData("UnprovenConnections = $null", "whole number above 0")]
    [InlineData("MaxIterations = 1e12", "whole number above 0")]
    [InlineData("HandshakeTimeout = -1", "is a time")]
    [InlineData("HandshakeTimeout = 'soon'", "is a time")]
    [InlineData("Foothold = 1; NewSourceGracePeriod = 1", "are the same")]
    public void A_limit_that_makes_no_sense_is_refused(string limit, string words)
    {
        var error = Assert.Single(_host.Run($"Start-XpraAesListener -Port 0 -KeyData {Key} -Limit @{{ {limit} }}").Errors);
        Assert.StartsWith(nameof(XpraErrorId.InvalidOption), error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(words, error.ToString(), StringComparison.Ordinal);
        Assert.Empty(_host.Run("Get-XpraAesListener").Output);
    }

    [Fact]
    public void Its_connections_can_be_indexed()
    {
        _host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {Key}; 1..3 | ForEach-Object {{ $null = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData {Key} }}");
        Assert.Equal("True", _host.Run("$listener.Connections[2].Id -gt $listener.Connections[1].Id").Text);
        Assert.Equal("Receive", _host.Run("$listener.Connections[1].GetCipherInfo()[1].Direction").Text);
    }

    [Fact]
    public void Stopping_it_ends_its_connections_with_a_reason()
    {
        _host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {Key}; $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData {Key}");
        Assert.Equal("1", _host.Run("$listener.Connections.Count").Text);
        _host.Run("$listener | Stop-XpraAesListener");
        Assert.Equal("Closed", _host.Run("$null = $connection.Completion.Wait(5000); $connection.State").Text);
        Assert.Contains("server exit", _host.Run("$connection.CloseReason").Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wait_keeps_it_in_the_foreground_until_Ctrl_C_and_stops_it_then()
    {
        using Pipeline pipeline = _host.Create($"Start-XpraAesListener -Port 0 -KeyData {Key} -Wait");
        using PSDataCollection<PSObject> output = [];
        TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        output.DataAdded += (_, _) => started.TrySetResult();
        var invocation = pipeline.BeginInvoke<PSObject, PSObject>(null, output);
        await started.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await Task.Delay(200);
        Assert.False(invocation.IsCompleted);

        var clock = Stopwatch.StartNew();
        pipeline.Stop();
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(2), $"it took {clock.ElapsedMilliseconds} ms");
        Assert.Throws<PipelineStoppedException>(() => pipeline.EndInvoke(invocation));
        Assert.Empty(pipeline.Streams.Error);
        var listener = Assert.Single(output);
        await ((Task)listener.Properties["Completion"].Value).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal("Stopped", $"{listener.Properties["State"].Value}");
    }

    [Fact]
    public void Each_connection_has_a_row_for_each_direction_at_both_ends()
    {
        _host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {Key} -Mode CTR -KeySize 192 -KeyHash SHA256 -Iterations 2000");
        _host.Run($"$connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData {Key} -Mode CTR -KeySize 128");
        var rows = _host.Run("Get-XpraCipherInfo | Where-Object Cipher -EQ AES").Output;
        Assert.Equal(4, rows.Count);

        var ours = _host.Run("$connection | Get-XpraCipherInfo").Output;
        var theirs = _host.Run("$listener | Get-XpraCipherInfo").Output;
        Assert.Equal(["Send", "Receive"], ours.Select(row => $"{row.Properties["Direction"].Value}"));
        Assert.Equal([192, 128], ours.Select(row => row.Properties["KeySize"].Value));
        Assert.Equal(["SHA256", "SHA1"], ours.Select(row => $"{row.Properties["KeyHash"].Value}"));
        Assert.Equal([2000, 10000], ours.Select(row => row.Properties["Iterations"].Value));
        Assert.All(ours.Concat(theirs), row => Assert.Equal(("CTR", false, true), ($"{row.Properties["Mode"].Value}", row.Properties["Authenticated"].Value, row.Properties["KeyProven"].Value)));
        foreach (var property in (string[])["Salt", "IV", "KeySize"])
            Assert.Equal(ours.Select(row => row.Properties[property].Value), theirs.Reverse().Select(row => row.Properties[property].Value));
        Assert.Equal(ours.Select(row => row.Properties["Salt"].Value), _host.Run("Get-XpraCipherInfo -Connection $connection").Output.Select(row => row.Properties["Salt"].Value));
    }

    [Theory]
    [InlineData("Get-XpraCipherInfo")]
    [InlineData("Get-XpraAesConnection | Get-XpraCipherInfo")]
    [InlineData("$listener | Get-XpraCipherInfo")]
    public void With_nothing_to_show_there_is_a_hint(string command)
    {
        _host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {Key}");
        var result = _host.Run(command);
        Assert.Empty(result.Output);
        var warning = Assert.Single(result.Warnings);
        Assert.All(["-Connection", "-Listener", "-Supported"], name => Assert.Contains(name, warning, StringComparison.Ordinal));
    }

    [Fact]
    public void Empty_pipeline_input_does_not_select_everything()
    {
        _host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {Key}; $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData {Key}");
        Assert.Empty(_host.Run("@() | Get-XpraCipherInfo").Output);
        Assert.Equal("Open", _host.Run("@() | Disconnect-XpraAes; $connection.State").Text);
        Assert.Equal("Listening", _host.Run("@() | Stop-XpraAesListener; $listener.State").Text);
    }

    [Fact]
    public void Supported_lists_every_mode_with_its_versions()
    {
        var result = _host.Run("Get-XpraCipherInfo -Supported");
        Assert.Empty(result.Warnings);
        Assert.Equal(["CBC 3.1 and later", "CTR 4.3 and later", "GCM 4.3 to 6.1", "CFB 4.3 to 6.5.2"], result.Output.Select(row => $"{row.Properties["Mode"].Value} {row.Properties["XpraVersions"].Value}"));
        Assert.All(result.Output, row => Assert.Equal(false, row.Properties["Authenticated"].Value));
    }

    [Theory]
    [InlineData("$connection | Disconnect-XpraAes")]
    [InlineData("Disconnect-XpraAes -Connection $connection")]
    [InlineData("Disconnect-XpraAes -Id $connection.Id")]
    [InlineData("Get-XpraAesConnection -Id $connection.Id | Disconnect-XpraAes -Confirm:$false")]
    public void A_connection_is_closed_and_no_longer_live(string command)
    {
        _host.Run($"$listener = Start-XpraAesListener -Port 0 -KeyData {Key}; $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData {Key}");
        Assert.Equal("Open", _host.Run("$connection | Disconnect-XpraAes -WhatIf; $connection.State").Text);
        Assert.Empty(_host.Run(command).Errors);
        Assert.Equal("Closed", _host.Run("$connection.State").Text);
        Assert.StartsWith("NotFound,", Assert.Single(_host.Run("Get-XpraAesConnection $connection.Id").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(_host.Run("$connection | Disconnect-XpraAes").Errors);
    }
}
