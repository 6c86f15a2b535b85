using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Ctrl+C and Remove-Module at any moment.</summary>
[Trait("Category", "Reliability")]
[Collection(nameof(EndTests))]
[CollectionDefinition(nameof(EndTests), DisableParallelization = true)] // removing the module ends whatever runs in this process
public sealed class EndTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task Some_moments() => EndAsync(30);

    [Fact(Explicit = true)]
    public Task Very_many_moments() => EndAsync(1000);

    private async Task EndAsync(int times)
    {
        var port = RealXpra.FreePort();
        File.WriteAllText(_folder["key"], "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        var script = $$"""
            while ($true) {
                $listener = Start-XpraAesListener -Port {{port}} -KeyFile '{{_folder["key"]}}' -ErrorAction Stop
                $connections = Connect-XpraAes -Uri (, "tcp://127.0.0.1:{{port}}/" * 3) -KeyFile '{{_folder["key"]}}'
                $connections | Get-XpraCipherInfo | Out-Null
                $connections[0] | Disconnect-XpraAes
                $listener | Set-XpraAesListener -Mode CTR, CBC
                $listener | Stop-XpraAesListener -GracePeriod 1
            }
            """;
        using var unobserved = new UnobservedExceptions();
        var random = new Random(7);
        var handles = 0;
        for (var i = 0; i < times; i++)
        {
            using var host = EngineHost.WithModule();
            if (i % 3 == 2)
                await RemoveAsync(host, port, random.Next(200));
            else
                await StopAsync(host, script, random.Next(400));
            await FreeAsync(port, i);
            if (i == times / 2)
                handles = Leaks.Handles;
        }
        _ = Leaks.Heap();
        unobserved.AssertNone();
        Assert.InRange(Leaks.Handles, 0, handles + 20);
    }

    /// <summary>Ctrl+C: whatever runs ends at once; then the module is removed.</summary>
    private static async Task StopAsync(EngineHost host, string script, int delay)
    {
        using var pipeline = host.Create(script);
        _ = pipeline.BeginInvoke();
        await Task.Delay(delay);
        var stopped = Stopwatch.GetTimestamp();
        await pipeline.StopAsync(null, null).WaitAsync(s_timeout);
        Assert.InRange(Stopwatch.GetElapsedTime(stopped), TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.Empty(pipeline.Streams.Error);
        Assert.Empty(host.Run("Remove-Module XpraAes").Errors);
    }

    /// <summary>Remove-Module, in the middle of handshakes and sessions.</summary>
    private async Task RemoveAsync(EngineHost host, int port, int delay)
    {
        Assert.Empty(host.Run($"$listener = Start-XpraAesListener -Port {port} -KeyFile '{_folder["key"]}' -TrustedSource 127.0.0.0/8").Errors);
        using var key = XpraKey.FromFile(_folder["key"]);
        using var over = new CancellationTokenSource();
        var clients = Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                await UnauthenticatedClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), IPAddress.Loopback, UnauthenticatedClient.Kinds[i % UnauthenticatedClient.Kinds.Count], over.Token);
                try
                {
                    await using var client = await FakePeer.ConnectAsync(port, key);
                    await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
                    await client.WaitForCloseAsync();
                }
                catch (Exception e) when (e is SocketException or IOException or XpraAesException)
                {
                    // It is gone.
                }
            }
        })));
        await Task.Delay(delay);
        var removed = Stopwatch.GetTimestamp();
        Assert.Empty(host.Run("Remove-Module XpraAes").Errors);
        Assert.InRange(Stopwatch.GetElapsedTime(removed), TimeSpan.Zero, TimeSpan.FromSeconds(10));
        await over.CancelAsync();
        await clients.WaitAsync(s_timeout);
    }

    /// <summary>Waits until nothing listens on the port.</summary>
    private static async Task FreeAsync(int port, int round)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
            }
            catch (SocketException)
            {
                return;
            }
            Assert.True(Stopwatch.GetElapsedTime(started) < s_timeout, string.Create(CultureInfo.InvariantCulture, $"Round {round}: somebody still listens."));
            await Task.Delay(20);
        }
    }
}
