using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using XpraAes.Handshake;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Gateway;

/// <summary>The listener's events, counters and metrics.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class CounterTests
{
    [Fact]
    public async Task Events_report_opened_and_closed_sessions_and_failed_handshakes()
    {
        await using var rig = new Rig();
        var events = new ConcurrentQueue<(string Name, ListenerEventArgs Args)>();
        rig.Listener.ConnectionOpened += (sender, args) => events.Enqueue(("opened", Check(sender, args)));
        rig.Listener.ConnectionClosed += (sender, args) => events.Enqueue(("closed", Check(sender, args)));
        rig.Listener.HandshakeFailed += (sender, args) => events.Enqueue(("failed", Check(sender, args)));

        var (client, target) = await rig.OpenProvenAsync();
        var connection = rig.Listener.Connections[0];
        client.HalfClose();
        await target.ExpectEndAsync();
        await target.DisposeAsync();
        await Rig.UntilAsync(() => events.Count == 2);
        var refused = await rig.ConnectAsync();
        await refused.SendHelloAsync(("request", "stop"));
        await Assert.ThrowsAsync<RefusedException>(refused.ReceiveAsync);
        await Rig.UntilAsync(() => events.Count == 3);

        Assert.Equal(["opened", "closed", "failed"], events.Select(e => e.Name));
        var args = events.Select(e => e.Args).ToArray();
        Assert.Same(connection, args[0].Connection);
        Assert.Same(connection, args[1].Connection);
        Assert.Equal(("the client closed the connection", null), (args[1].Message, args[1].Cause));
        Assert.Null(args[2].Connection);
        Assert.Equal(XpraErrorId.RequestRefused, args[2].Cause);
        Assert.Contains("'stop'", args[2].Message, StringComparison.Ordinal);

        ListenerEventArgs Check(object? sender, ListenerEventArgs args)
        {
            Assert.Same(rig.Listener, sender);
            Assert.StartsWith("127.0.0.1:", args.Peer, StringComparison.Ordinal);
            return args;
        }
    }

    [Fact]
    public async Task Counters_and_metrics_include_open_and_closed_sessions()
    {
        var seen = new ConcurrentDictionary<string, long>();
        await using var rig = new Rig();
        using var meter = new MeterListener();
        meter.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "XpraAes")
                listener.EnableMeasurementEvents(instrument);
        };
        meter.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var labels = tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value);
            if (labels.GetValueOrDefault("server.port") is int port && port == rig.Listener.Port)
                seen[string.Join(' ', labels.Where(label => label.Key != "server.port").Select(label => $"{label.Value}").Prepend(instrument.Name))] = value;
        });
        meter.Start();

        var (client, target) = await rig.OpenProvenAsync();
        await target.SendAsync("pong", 1L);
        await client.ReceiveAsync();
        await CheckAsync(open: 1, packetsIn: 2, packetsOut: 2);
        Assert.Equal((client.Channel.Writer.BytesWritten, client.Channel.Reader.BytesRead), (rig.Listener.BytesIn, rig.Listener.BytesOut));
        Assert.Equal((rig.Listener.BytesIn, rig.Listener.PacketsIn), (rig.Listener.Connections[0].BytesIn, rig.Listener.Connections[0].PacketsIn));

        await client.DisposeAsync();
        await target.DisposeAsync();
        await Rig.UntilAsync(() => rig.Listener.Connections.Count == 0);
        var refused = await rig.ConnectAsync();
        await refused.SendHelloAsync(("request", "stop"));
        await Assert.ThrowsAsync<RefusedException>(refused.ReceiveAsync);
        await refused.DisposeAsync();
        await Rig.UntilAsync(() => rig.Listener.Serving == 0);
        Assert.Equal((1, 1), (rig.Listener.Accepted, rig.Listener.Rejected));
        Assert.Equal([new(XpraErrorId.RequestRefused, 1)], rig.Listener.Refusals);
        await CheckAsync(open: 0, packetsIn: 3, packetsOut: rig.Listener.PacketsOut);
        Assert.InRange(rig.Listener.PacketsOut, 3, 4); // with or without a disconnect to the client that closed
        Assert.Equal(1, seen["xpra_aes.connection.accepted"]);
        Assert.Equal(1, seen["xpra_aes.connection.refused RequestRefused"]);

        async Task CheckAsync(long open, long packetsIn, long packetsOut)
        {
            await Rig.UntilAsync(() => rig.Listener.PacketsIn == packetsIn && rig.Listener.PacketsOut == packetsOut);
            meter.RecordObservableInstruments();
            Assert.Equal(open, seen["xpra_aes.session.active"]);
            Assert.Equal((packetsIn, packetsOut), (seen["xpra_aes.network.packets tcp receive"], seen["xpra_aes.network.packets tcp transmit"]));
            Assert.Equal((rig.Listener.BytesIn, rig.Listener.BytesOut), (seen["xpra_aes.network.io tcp receive"], seen["xpra_aes.network.io tcp transmit"]));
        }
    }

    [Fact]
    public async Task Chunks_count_as_packets()
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenProvenAsync();
        await client.WriteRawAsync(0, 0, 1, [1, 2, 3]);
        await target.ReadRawAsync();
        Assert.Equal(3, rig.Listener.PacketsIn);
    }
}
