using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Listening;
using XpraAes.Tests.Engine;

namespace XpraAes.Tests.Commands;

/// <summary>What progress bars say.</summary>
[Trait("Category", "Engine")]
[Collection(Listening.LoopbackCollection.Name)]
public sealed class ProgressTests : IDisposable
{
    private readonly EngineHost _host = EngineHost.WithModule();

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task Connecting_names_the_servers_that_it_waits_for()
    {
        using var key = XpraKey.FromText("abc");
        await using var listener = AesListener.Start(new ListenerOptions { Key = key });
        using var pipeline = _host.Create($"'tcp://127.0.0.1:{listener.Port}/', 'tcp://127.0.0.1:1/' | Connect-XpraAes -KeyData abc -ErrorAction SilentlyContinue | Disconnect-XpraAes");
        pipeline.Invoke();
        var records = pipeline.Streams.Progress.Where(record => record.Activity == "Connecting to xpra servers").ToArray();
        Assert.Equal($"0 of 2, waiting for tcp://127.0.0.1:{listener.Port}/, tcp://127.0.0.1:1/", records[0].StatusDescription);
        Assert.StartsWith("1 of 2, waiting for tcp://", records[1].StatusDescription, StringComparison.Ordinal);
        Assert.Equal(ProgressRecordType.Completed, records[^1].RecordType);
        Assert.Equal(3, records.Length);
    }

    /// <summary>A session whose peer does not close keeps it waiting for the grace period.</summary>
    [Fact]
    public async Task Stopping_says_how_many_sessions_it_waits_for()
    {
        using var key = XpraKey.FromText("abc");
        using var pipeline = _host.Create("""
            $listener = Start-XpraAesListener -Port 0 -KeyData abc
            $listener.Port
            while (-not $listener.Connections) { Start-Sleep -Milliseconds 20 }
            $listener | Stop-XpraAesListener -GracePeriod 2
            """);
        using var output = new PSDataCollection<PSObject>();
        var invocation = pipeline.BeginInvoke<PSObject, PSObject>(null, output);
        await Listening.Loopback.Eventually(() => output.Count > 0);
        await using var peer = await Listening.FakePeer.ConnectAsync((int)output[0].BaseObject, key);
        await peer.OpenSessionAsync(Listening.Generation.Named("6.2"), AesMode.CBC);
        await Task.Run(() => pipeline.EndInvoke(invocation)).WaitAsync(Listening.Loopback.HelloTimeout);
        Assert.Empty(pipeline.Streams.Error);
        var records = pipeline.Streams.Progress.Where(record => record.Activity == "Stopping listeners").ToArray();
        Assert.Equal("waiting for 1 open session, aborted after 2 s", records[0].StatusDescription);
        Assert.InRange(records[0].SecondsRemaining, 0, 2);
        Assert.Equal(ProgressRecordType.Completed, records[^1].RecordType);
    }
}
