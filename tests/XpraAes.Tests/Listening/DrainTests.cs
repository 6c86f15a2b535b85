using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Listening;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Logging;

namespace XpraAes.Tests.Listening;

/// <summary>How a listener drains before it stops: its port stays open for the delay, then open sessions go on for a while.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class DrainTests
{
    private static readonly TimeSpan s_never = TimeSpan.FromMinutes(10), s_grace = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Clients_get_in_during_the_delay_and_have_the_same_time_as_all_others_after_it()
    {
        var log = new ListLogger();
        await using var loopback = Loopback.Start(options => options with { Logger = log });
        var listener = loopback.Listener;
        await using var before = await loopback.ConnectAsync();
        var stopping = listener.StopAsync(s_grace, drain: s_never, delay: TimeSpan.FromSeconds(3));
        Assert.Equal((ListenerState.Draining, true, true), (listener.State, listener.IsOpen, listener.IsAlive));
        await using var during = await loopback.ConnectAsync();
        Assert.Contains(listener, LiveObjects.Listeners);

        await Loopback.Eventually(() => !listener.IsOpen);
        Assert.Equal(XpraErrorId.ConnectionRefused, (await loopback.FailToConnectAsync()).Id);
        Assert.Equal((ListenerState.Draining, 2), (listener.State, listener.Connections.Count));
        await before.PingAsync(Loopback.HelloTimeout);
        await during.PingAsync(Loopback.HelloTimeout);
        Assert.False(stopping.IsCompleted);
        await before.CloseAsync();
        await during.CloseAsync();
        await stopping.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(ListenerState.Stopped, listener.State);
        Assert.Equal([133, 131, 101], log.Events.Select(e => e.Id).Where(id => id is 133 or 131 or 101));
    }

    /// <summary>A second SIGTERM, Stop-XpraAesListener, Ctrl+C, and the end of the process.</summary>
    [Fact]
    public async Task A_further_call_ends_the_delay_and_the_time_of_the_sessions()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectAsync();
        var stopping = loopback.Listener.StopAsync(s_grace, s_never, s_never);
        await client.PingAsync(Loopback.HelloTimeout);
        await loopback.Listener.StopAsync(s_grace).WaitAsync(Loopback.HelloTimeout);
        await stopping.WaitAsync(Loopback.HelloTimeout);
        await client.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Contains("server exit", client.CloseReason, StringComparison.Ordinal);
    }

    /// <summary>A key that is withdrawn in this time lets nobody in.</summary>
    [Fact]
    public async Task What_is_changed_during_the_delay_is_in_force_at_once_and_later_nothing_can_be_changed()
    {
        await using var loopback = Loopback.Start();
        using var other = XpraKey.Generate();
        await using var client = await loopback.ConnectAsync();
        var stopping = loopback.Listener.StopAsync(s_grace, s_never, TimeSpan.FromSeconds(3));
        loopback.Listener.Reconfigure(options => options with { Key = other });
        await loopback.FailToConnectAsync();
        await (await loopback.ConnectAsync(options => options with { Key = other })).CloseAsync();
        await Loopback.Eventually(() => !loopback.Listener.IsOpen);
        Assert.Equal(XpraErrorId.Closed, Assert.Throws<XpraAesException>(() => loopback.Listener.Reconfigure(options => options with { Key = loopback.Key })).Id);
        Assert.False(stopping.IsCompleted);
    }

    [Fact]
    public async Task Whoever_connects_all_the_time_prolongs_nothing()
    {
        await using var loopback = Loopback.Start();
        var stopping = loopback.Listener.StopAsync(s_grace, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        var connected = 0;
        while (!stopping.IsCompleted && loopback.Listener.IsOpen)
        {
            try
            {
                await (await loopback.ConnectAsync()).CloseAsync();
                connected++;
            }
            catch (XpraAesException)
            {
                // The last one comes too late.
            }
        }
        Assert.InRange(connected, 1, int.MaxValue);
        await stopping.WaitAsync(Loopback.HelloTimeout);
    }

    /// <summary>One connection of a stranger would otherwise make every restart take its longest.</summary>
    [Fact]
    public async Task A_stranger_without_the_key_does_not_hold_up_the_end_but_a_client_with_it_does()
    {
        var handshakeTimeout = TimeSpan.FromSeconds(2);
        using var pages = new TempFolder();
        pages.Write("index.html", "a page"u8);
        await using var loopback = Loopback.Start(options => options with { WebRoot = pages.Root, Limits = options.Limits with { HandshakeTimeout = handshakeTimeout } });
        await using var client = await loopback.ConnectAsync();
        // One that asks for pages, and one whose hello was answered: both may last for as long as nobody needs their places.
        using var browser = new TcpClient("127.0.0.1", loopback.Listener.Port);
        await AskForPageAsync();
        await using var stranger = await loopback.ConnectFakeAsync();
        var (hello, _) = Generation.Named("6.2").Announce(AesMode.CBC);
        hello["ping"] = hello["network-state"] = false;
        stranger.Channel.Encoding = Generation.Named("6.2").Encoding;
        await stranger.SendCompressedAsync(Generation.Named("6.2").Compression, "hello", hello);
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 2);

        var started = Stopwatch.GetTimestamp();
        var stopping = loopback.Listener.StopAsync(s_grace, s_never);
        for (var elapsed = TimeSpan.Zero; elapsed < 2 * handshakeTimeout; elapsed = Stopwatch.GetElapsedTime(started))
        {
            await AskForPageAsync();
            await Task.Delay(500);
        }
        Assert.False(stopping.IsCompleted);
        Assert.Equal([false, true], loopback.Listener.Connections.Select(connection => connection.KeyProven).Order());
        await client.CloseAsync();
        while (!stopping.IsCompleted && Stopwatch.GetElapsedTime(started) < Loopback.HelloTimeout)
        {
            await Task.WhenAny(AskForPageAsync(), stopping);
            await Task.Delay(500);
        }
        Assert.True(stopping.IsCompletedSuccessfully);

        async Task AskForPageAsync()
        {
            await browser.GetStream().WriteAsync("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
            var answer = "";
            while (!answer.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                var buffer = new byte[1024];
                var length = await browser.GetStream().ReadAsync(buffer).AsTask().WaitAsync(Loopback.HelloTimeout);
                Assert.NotEqual(0, length);
                answer += Encoding.ASCII.GetString(buffer, 0, length);
            }
        }
    }

    /// <summary>Whoever has been let in at the last moment has not sent a packet yet.</summary>
    [Fact]
    public async Task A_client_that_has_just_connected_has_time_to_prove_its_key()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 1);
        var stopping = loopback.Listener.StopAsync(s_grace, s_never);
        await Task.Delay(500);
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
        Assert.False(stopping.IsCompleted);
        await client.DisposeAsync();
        await stopping.WaitAsync(Loopback.HelloTimeout);
    }

    /// <summary>They have no key to prove, and are let in by who may open the socket.</summary>
    [Fact]
    public async Task Sessions_without_AES_are_waited_for()
    {
        using var folder = new TempFolder();
        using var key = XpraKey.Generate();
        await using var server = new TestTarget(key);
        await using var listener = AesListener.Start(new ListenerOptions { Key = null, SocketPath = folder["s"], Target = server.Options(key), Limits = new Limits { HandshakeTimeout = TimeSpan.FromSeconds(2) } });
        await using var client = await TestClient.ConnectAsync(listener, key: null);
        await client.SendHelloAsync();
        var (target, handshake, _) = await server.AcceptHelloAsync();
        await using (target)
        {
            await handshake.SendHelloAsync(XpraAes.Handshake.Hello.ForServer("x"), default);
            var session = await client.EstablishAsync();
            var stopping = listener.StopAsync(s_grace, s_never);
            await Task.Delay(TimeSpan.FromSeconds(3));
            Assert.False(stopping.IsCompleted);
            await listener.StopAsync(s_grace).WaitAsync(Loopback.HelloTimeout);
            Assert.Equal("server exit", await session.ExpectDisconnectAsync());
        }
    }
}
