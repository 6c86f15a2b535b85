using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Gateway;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>Which of several targets a session goes to.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class TargetHealthTests : IAsyncDisposable
{
    private static readonly Limits s_limits = Limits.Default with { TargetRetryTime = TimeSpan.FromSeconds(30) };

    private readonly FakeClock _clock = new();
    private readonly TestTarget _second = new();
    private readonly int _port = FreePort();
    private readonly TargetHealth _health;
    private TestTarget? _first;

    public TargetHealthTests() => _health = new TargetHealth(s_limits, _clock, NullLogger.Instance, default);

    private TargetOptions First => new() { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", _port) };

    private TargetOptions[] Both => [First, _second.Options()];

    public async ValueTask DisposeAsync()
    {
        if (_first is not null)
            await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Fact]
    public async Task The_first_is_taken_while_it_can_be_connected_to()
    {
        _first = new TestTarget(port: _port);
        for (var i = 0; i < 3; i++)
            Assert.Equal(First.Endpoint, await ConnectAsync(Both));
        Assert.Equal(0, _second.Connects);
    }

    [Fact]
    public async Task One_that_fails_is_left_out_for_a_while_and_then_tried_in_the_background()
    {
        Assert.Equal(_second.Endpoint, await ConnectAsync(Both));
        Assert.False(_health.IsAvailable(First.Endpoint));
        Assert.True(_health.IsAvailable(_second.Endpoint));

        // It is there again, and nobody tries it before its time.
        _first = new TestTarget(port: _port);
        _clock.Advance(s_limits.TargetRetryTime - TimeSpan.FromSeconds(1));
        Assert.Equal(_second.Endpoint, await ConnectAsync(Both));
        Assert.False(_health.IsAvailable(First.Endpoint));
        Assert.Equal(0, _first.Connects);

        // This session does not wait for it, and the next one has it.
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(_second.Endpoint, await ConnectAsync(Both));
        await Loopback.Eventually(() => _health.IsAvailable(First.Endpoint));
        Assert.Equal(First.Endpoint, await ConnectAsync(Both));
    }

    [Fact]
    public async Task One_that_still_fails_is_left_out_for_another_while()
    {
        await ConnectAsync(Both);
        _clock.Advance(s_limits.TargetRetryTime);
        await ConnectAsync(Both); // the background's attempt fails at once
        await Task.Delay(200, TestContext.Current.CancellationToken);
        _first = new TestTarget(port: _port);
        _clock.Advance(s_limits.TargetRetryTime - TimeSpan.FromSeconds(1));
        Assert.Equal(_second.Endpoint, await ConnectAsync(Both));
        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.Equal(0, _first.Connects);
    }

    /// <summary>Where all have failed, each is tried again: to leave them out would refuse the client for nothing.</summary>
    [Fact]
    public async Task Where_all_have_failed_all_are_tried()
    {
        _second.Close();
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(Both));
        Assert.Equal(XpraErrorId.ConnectionRefused, failure.Id);
        Assert.False(_health.IsAvailable(First.Endpoint) || _health.IsAvailable(_second.Endpoint));
        _first = new TestTarget(port: _port);
        Assert.Equal(First.Endpoint, await ConnectAsync(Both));
        Assert.True(_health.IsAvailable(First.Endpoint));
    }

    [Fact]
    public async Task One_that_does_not_answer_takes_no_longer_than_the_timeout()
    {
        // Its backlog is full, so that the system drops what comes.
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, _port));
        deaf.Listen(1);
        var queued = new List<Socket>();
        for (var i = 0; i < 4; i++)
        {
            queued.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false });
            _ = queued[i].ConnectAsync(IPAddress.Loopback, _port, TestContext.Current.CancellationToken).AsTask().ContinueWith(task => task.Exception, TaskScheduler.Default);
        }
        var health = new TargetHealth(s_limits with { TargetConnectTimeout = TimeSpan.FromMilliseconds(300) }, _clock, NullLogger.Instance, default);
        var (target, stream, _) = await health.ConnectAsync(Both, ProxyHeader.ForItself, default);
        await stream.DisposeAsync();
        Assert.Equal(_second.Endpoint, target.Endpoint);
        Assert.False(health.IsAvailable(First.Endpoint));
        queued.ForEach(socket => socket.Dispose());
    }

    /// <summary>A client that gives up says nothing about the target.</summary>
    [Fact]
    public async Task A_cancelled_attempt_is_no_failure()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _health.ConnectAsync(Both, ProxyHeader.ForItself, cancelled.Token));
        Assert.True(_health.IsAvailable(First.Endpoint));
    }

    private async Task<XpraEndpoint> ConnectAsync(TargetOptions[] targets)
    {
        var (target, stream, _) = await _health.ConnectAsync(targets, ProxyHeader.ForItself, default);
        await stream.DisposeAsync();
        return target.Endpoint;
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
