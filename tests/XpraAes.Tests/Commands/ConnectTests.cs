using System.Diagnostics;
using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using Pipeline = System.Management.Automation.PowerShell;

namespace XpraAes.Tests.Commands;

/// <summary>Connect-XpraAes apart from its errors: its inputs, many servers in parallel, and a pipeline that stops early.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class ConnectTests : IDisposable
{
    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();
    private readonly int _port;

    public ConnectTests()
    {
        _folder.Write("key.txt", "0123456789abcdef0123456789abcdef"u8);
        _host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");
        _port = (int)Assert.Single(_host.Run("(Start-XpraAesListener -Port 0 -KeyFile key.txt -Mode CBC, CTR, GCM, CFB).Port").Output).BaseObject;
    }

    public void Dispose()
    {
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("'tcp://127.0.0.1:PORT/?encryption=AES-GCM&keyfile=key.txt'", "GCM")]
    [InlineData("'tcp://127.0.0.1:PORT/?encryption=AES&keyfile=key.txt'", "CBC")]
    [InlineData("'tcp://127.0.0.1:PORT/?keyfile=key.txt'", "CBC")]
    [InlineData("'tcp://127.0.0.1:PORT/?keydata=0x3031323334353637383961626364656630313233343536373839616263646566'", "CBC")]
    [InlineData("'tcp://127.0.0.1:PORT/' -KeyFile key.txt -Mode AES-CTR", "CTR")]
    [InlineData("'tcp://127.0.0.1:PORT/?encryption=AES-CTR' -KeyFile ./key.txt -Mode ctr", "CTR")]
    [InlineData("-ComputerName 127.0.0.1 -Port PORT -KeyData 0123456789abcdef0123456789abcdef -Mode CFB", "CFB")]
    [InlineData("-ComputerName localhost -Port PORT -Key (Get-XpraAesKey key.txt)", "CBC")]
    [InlineData("-ComputerName 127.0.0.1 -Port PORT -KeyFile key.txt -Mode CTR -NoStream", "CTR")]
    [InlineData("-ComputerName 127.0.0.1 -Port PORT -KeyFile key.txt -KeySize 192 -KeyHash SHA224 -Iterations 1000 -Timeout 20", "CBC")]
    public void Every_form_of_the_parameters_connects(string arguments, string mode)
    {
        var result = _host.Run($"Connect-XpraAes {arguments}".Replace("PORT", $"{_port}", StringComparison.Ordinal));
        Assert.Empty(result.Errors);
        var connection = Assert.Single(result.Output);
        Assert.Equal(mode, $"{connection.Properties["Mode"].Value}");
        Assert.Equal("Open", $"{connection.Properties["State"].Value}");
        Assert.NotNull(connection.Properties["Latency"].Value);
    }

    [Fact]
    public void Rows_of_a_table_connect_by_the_names_of_their_columns()
    {
        var result = _host.Run($$"""
            $rows = @(
                [pscustomobject]@{ ComputerName = '127.0.0.1'; Port = '{{_port}}'; Mode = 'AES-CTR'; KeyFile = 'key.txt' }
                [pscustomobject]@{ Host = 'localhost'; Port = '{{_port}}'; Mode = ''; KeyFile = "$PWD/key.txt" }
                [pscustomobject]@{ Uri = 'tcp://127.0.0.1:{{_port}}/?encryption=AES-GCM&keyfile=key.txt' }
            )
            $rows | Connect-XpraAes | ForEach-Object Mode
            """);
        Assert.Empty(result.Errors);
        Assert.Equal(["CBC", "CTR", "GCM"], result.Output.Select(mode => $"{mode}").Order());
    }

    [Fact]
    public void Many_are_connected_at_once_and_each_failure_names_its_host()
    {
        using var waiting = FakePeer.ThatWaitsFor(12);
        var result = _host.Run($"(@('tcp://127.0.0.1:{waiting.Port}/') * 12) + 'tcp://127.0.0.1:{_port}/' + 'tcp://127.0.0.1:1/' | Connect-XpraAes -KeyFile key.txt -Timeout 60");
        Assert.Equal(13, result.Errors.Count);
        Assert.All(result.Errors, error => Assert.StartsWith($"{error.TargetObject}: ", error.Exception.Message, StringComparison.Ordinal));
        Assert.Single(result.Errors, error => error.FullyQualifiedErrorId.StartsWith("ConnectionRefused,", StringComparison.Ordinal));
        // Less than all of them at once would have run into the timeout.
        Assert.Equal(12, result.Errors.Count(error => error.FullyQualifiedErrorId.StartsWith("ConnectionLost,", StringComparison.Ordinal)));
        Assert.Equal($"tcp://127.0.0.1:{_port}/", Assert.Single(result.Output).Properties["Endpoint"].Value);
    }

    [Fact]
    public void ThrottleLimit_bounds_how_many_at_once()
    {
        using var silent = FakePeer.Silent();
        var started = Environment.TickCount64; // the clock of .NET's timers, which may be a tick behind others
        _host.Run($"@('tcp://127.0.0.1:{silent.Port}/') * 3 | Connect-XpraAes -KeyFile key.txt -Timeout 0.5 -ThrottleLimit 1");
        var elapsed = TimeSpan.FromMilliseconds(Environment.TickCount64 - started);
        Assert.True(elapsed >= TimeSpan.FromSeconds(1.5), $"three in turn take 1.5 s at least, and these took {elapsed.TotalSeconds:0.0} s");
    }

    [Fact]
    public async Task Ctrl_C_ends_it_without_an_error_and_leaves_no_connection_behind()
    {
        using var silent = FakePeer.Silent();
        using Pipeline pipeline = _host.Create($"'tcp://127.0.0.1:{silent.Port}/' | Connect-XpraAes -KeyFile key.txt -Timeout 60");
        var invocation = pipeline.BeginInvoke();
        await Loopback.Eventually(() => silent.Connections == 1);

        var begun = Stopwatch.GetTimestamp();
        pipeline.Stop();
        var taken = Stopwatch.GetElapsedTime(begun);
        Assert.True(taken < TimeSpan.FromSeconds(2), $"it took {taken.TotalMilliseconds} ms");
        Assert.Throws<PipelineStoppedException>(() => pipeline.EndInvoke(invocation));
        Assert.Empty(pipeline.Streams.Error);
        Assert.Empty(_host.Run("Get-XpraAesConnection").Output);
    }

    [Fact]
    public async Task Connections_that_a_pipeline_had_no_use_for_are_closed()
    {
        var result = _host.Run($$"""
            $taken = $null
            try { @('tcp://127.0.0.1:{{_port}}/') * 4 | Connect-XpraAes -KeyFile key.txt | ForEach-Object { $taken = $_; throw 'enough' } } catch { "$_" }
            """);
        Assert.Equal("enough", result.Text);
        await AssertEventuallyAsync("(Get-XpraAesConnection | Where-Object Direction -EQ Outbound).Id -join ','", () => _host.Run("$taken.Id").Text);
        Assert.Equal("Open", _host.Run("$taken.State").Text);
    }

    [Fact]
    public void Connections_outlive_the_runspace_that_made_them()
    {
        using (var other = EngineHost.WithModule())
            Assert.Single(other.Run($"Connect-XpraAes -ComputerName 127.0.0.1 -Port {_port} -KeyData 0123456789abcdef0123456789abcdef").Output);
        Assert.Equal("Open", _host.Run("(Get-XpraAesConnection | Where-Object Direction -EQ Outbound).State").Text);
    }

    [Fact]
    public void A_key_of_128_bits_a_weak_one_and_a_first_packet_without_secrecy_are_warned_of_once()
    {
        var result = _host.Run($"'tcp://127.0.0.1:1/', 'tcp://127.0.0.1:1/' | Connect-XpraAes -KeyData short -KeySize 128 -Mode GCM -EncryptFirstPacket");
        Assert.Collection(
            result.Warnings,
            warning => Assert.Contains("128 bits are not recommended", warning, StringComparison.Ordinal),
            warning => Assert.Contains("Anyone who captures one encrypted packet can try to guess", warning, StringComparison.Ordinal),
            warning => Assert.Contains("as keydata=", warning, StringComparison.Ordinal),
            warning => Assert.Contains("in GCM it is not secret", warning, StringComparison.Ordinal));
    }

    private async Task AssertEventuallyAsync(string script, Func<string> expected)
    {
        var begun = Stopwatch.GetTimestamp();
        while (_host.Run(script).Text != expected() && Stopwatch.GetElapsedTime(begun) < Loopback.HelloTimeout)
            await Task.Delay(50);
        Assert.Equal(expected(), _host.Run(script).Text);
    }
}
