using System.Net;
using XpraAes.Management;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Management;

/// <summary>What a load balancer, and whoever runs the gateway, is told by /healthz and /readyz.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class HealthTests
{
    [Fact]
    public async Task A_gateway_whose_target_answers_is_ready()
    {
        await using var rig = new ManagementRig();
        Assert.EndsWith("\r\n\r\nok\n", await rig.GetAsync("/healthz"), StringComparison.Ordinal);
        var answer = await rig.GetAsync("/readyz");
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nready\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_target_that_answers_it_is_alive_but_not_ready()
    {
        await using var rig = new ManagementRig();
        await rig.Gateway.Target.DisposeAsync();
        var answer = await rig.GetAsync("/readyz");
        Assert.StartsWith("HTTP/1.1 503 Service Unavailable\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nno target answers\n", answer, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await rig.GetAsync("/healthz"), StringComparison.Ordinal);
        Assert.Contains($"\nxpra_aes_target_available{{server_port=\"{rig.Gateway.Listener.Port}\"}} 0\n", await rig.GetAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_it_drains_it_says_so_until_it_has_stopped()
    {
        await using var rig = new ManagementRig();
        var address = rig.Address;
        // A client that does not close, so that stopping takes its grace period.
        await rig.Gateway.OpenProvenAsync();
        var stopping = rig.Gateway.Listener.StopAsync(TimeSpan.FromSeconds(2));
        var answer = await rig.GetAsync("/readyz");
        Assert.False(stopping.IsCompleted);
        Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\ndraining\n", answer, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await rig.GetAsync("/healthz"), StringComparison.Ordinal);
        await stopping;
        await Rig.UntilAsync(() => ManagementService.Targets is null);
        await Assert.ThrowsAsync<System.Net.Sockets.SocketException>(() => ManagementRig.ConnectAsync(address));
    }

    /// <summary>So that a load balancer sends no more before the port closes.</summary>
    [Fact]
    public async Task It_says_that_it_drains_while_it_still_accepts_clients()
    {
        await using var rig = new ManagementRig();
        var listener = rig.Gateway.Listener;
        var stopping = listener.StopAsync(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        Assert.EndsWith("\r\n\r\ndraining\n", await rig.GetAsync("/readyz"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await rig.GetAsync("/healthz"), StringComparison.Ordinal);
        await rig.Gateway.OpenProvenAsync();
        Assert.Contains($"\nxpra_aes_listener_draining{{server_port=\"{listener.Port}\"}} 1\n", await rig.GetAsync("/metrics"), StringComparison.Ordinal);
        Assert.False(stopping.IsCompleted);
    }

    [Fact]
    public async Task A_listener_of_its_own_needs_no_target()
    {
        await using var rig = new ManagementRig(configure: options => options with { Target = null });
        Assert.StartsWith("HTTP/1.1 200 ", await rig.GetAsync("/readyz"), StringComparison.Ordinal);
        Assert.DoesNotContain($"xpra_aes_target_available{{server_port=\"{rig.Gateway.Listener.Port}\"}}", await rig.GetAsync("/metrics"), StringComparison.Ordinal);
    }

    /// <summary>Requests cost a target nothing: however many there are, it is asked once within some seconds.</summary>
    [Fact]
    public async Task A_target_is_not_asked_for_each_request()
    {
        await using var rig = new ManagementRig();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => rig.GetAsync("/readyz")));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => rig.GetAsync("/metrics")));
        Assert.Equal(1, rig.Gateway.Target.Connects);
    }

    [Fact]
    public async Task An_answer_holds_for_10_s_and_that_there_was_none_for_3_s()
    {
        var clock = new FakeClock();
        var health = new TargetProbes(clock);
        await using var rig = new Rig(targetPort: RealXpra.FreePort());
        Assert.Null(health.Last(rig.Listener));
        Assert.True(await health.AskAsync(rig.Listener));
        clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.True(await health.AskAsync(rig.Listener));
        Assert.Equal(1, rig.Target.Connects);

        await rig.Target.DisposeAsync();
        Assert.True(await health.AskAsync(rig.Listener));
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.False(await health.AskAsync(rig.Listener));
        Assert.False(health.Last(rig.Listener));

        await using var again = new TestTarget(port: rig.Target.Endpoint.Port);
        clock.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(await health.AskAsync(rig.Listener));
        Assert.Equal(0, again.Connects);
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(await health.AskAsync(rig.Listener));
    }

    [Fact]
    public async Task A_changed_target_is_asked_at_once()
    {
        var health = new TargetProbes(new FakeClock());
        await using var rig = new Rig();
        await using var other = new TestTarget();
        Assert.True(await health.AskAsync(rig.Listener));
        rig.Listener.Reconfigure(options => options with { Target = other.Options() });
        await rig.Target.DisposeAsync();
        Assert.True(await health.AskAsync(rig.Listener));
        Assert.Equal(1, other.Connects);
    }
}
