using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>A flapping target, and streams through the gateway while others misbehave.</summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class GatewayFaultTests
{
    private static readonly Limits s_shortTimeouts = Limits.Default with { TargetConnectTimeout = TimeSpan.FromSeconds(2), HalfCloseTimeout = TimeSpan.FromMilliseconds(100), CloseGrace = TimeSpan.FromMilliseconds(100) };

    [Fact]
    public async Task A_flapping_target_ends_only_its_own_sessions()
    {
        var port = RealXpra.FreePort();
        await using var rig = new Rig(limits: s_shortTimeouts, targetPort: port);
        rig.Target.Close();
        for (var round = 0; round < 20; round++)
        {
            await using (var refused = await TestClient.ConnectAsync(rig.Listener, rig.Key))
            {
                await refused.SendHelloAsync();
                var words = await Assert.ThrowsAsync<RefusedException>(refused.ReceiveAsync);
                Assert.Contains("the gateway's target", words.Message, StringComparison.Ordinal);
            }
            await using var target = new TestTarget(port: port);
            await using var client = await TestClient.ConnectAsync(rig.Listener, rig.Key);
            await client.SendHelloAsync();
            await using var peer = await target.AcceptAsync();
            var session = await client.EstablishAsync();
            await session.SendAsync("ping", (long)round);
            Assert.Equal((long)round, (await peer.ReceiveAsync())![1]);
            target.Close();
            peer.Reset();
            Assert.Contains("the gateway's target", await session.ExpectDisconnectAsync(), StringComparison.Ordinal);
        }
        await Rig.UntilAsync(() => rig.Listener.Serving == 0);
        Assert.Empty(rig.Listener.Connections);
    }

    [Fact]
    public Task Streams_arrive_once_and_in_order_beside_a_flood() => StreamAsync(sessions: 8, megabytes: 2);

    [Fact(Explicit = true)]
    public Task Many_long_streams_arrive_once_and_in_order_beside_a_flood() => StreamAsync(sessions: 50, megabytes: 100);

    /// <summary>Each session sends that much in both directions at once, in packets of all sizes; what arrives has the same length and SHA-256.</summary>
    private static async Task StreamAsync(int sessions, int megabytes)
    {
        await using var rig = new Rig(limits: s_shortTimeouts);
        var endpoint = System.Net.IPEndPoint.Parse(rig.Listener.Endpoint);
        using var over = new CancellationTokenSource();
        var ends = new List<(TestPeer Client, TestPeer Target)>();
        for (var i = 0; i < sessions; i++)
        {
            var (client, target) = await rig.OpenAsync((AesMode)(i % 4));
            await client.SendAsync("ping", 1L);
            await target.ReceiveAsync();
            ends.Add((client, target));
        }
        await Rig.UntilAsync(() => rig.Listener.Connections.All(connection => connection.KeyProven));
        var flood = Sources.Exist
            ? Task.WhenAll(Enumerable.Range(0, 20).Select(source => Task.Run(async () =>
            {
                for (var i = source; !over.IsCancellationRequested; i++)
                    await UnauthenticatedClient.ConnectAsync(endpoint, Sources.Number(source), UnauthenticatedClient.Kinds[i % 4], over.Token);
            })))
            : Task.CompletedTask;

        var streams = ends.SelectMany((pair, i) => new[] { PassAsync(pair.Client, pair.Target, 2 * i), PassAsync(pair.Target, pair.Client, 2 * i + 1) }).ToArray();
        foreach (var (sent, received) in await Task.WhenAll(streams))
            Assert.Equal(sent, received);
        await over.CancelAsync();
        await flood.WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(sessions, rig.Listener.Connections.Count);

        async Task<(string Sent, string Received)> PassAsync(TestPeer from, TestPeer to, int seed)
        {
            var total = (long)megabytes * 1024 * 1024;
            var sending = Task.Run(() => SendAsync(from.Channel, total, new Random(seed)));
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            long received = 0;
            while (received < total && await to.Channel.Reader.ReadAsync(default).AsTask().WaitAsync(TimeSpan.FromMinutes(5)))
            {
                hash.AppendData(to.Channel.Reader.Payload.Span);
                received += to.Channel.Reader.Payload.Length;
            }
            return ($"{total} {await sending}", $"{received} {Convert.ToHexString(hash.GetHashAndReset())}");
        }

        static async Task<string> SendAsync(PacketChannel channel, long total, Random random)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (long sent = 0; sent < total;)
            {
                var packet = new byte[Math.Min(random.Next(4) == 0 ? random.Next(1, 300_000) : random.Next(1, 2_000), total - sent)];
                random.NextBytes(packet);
                hash.AppendData(packet);
                channel.Writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, packet);
                if (channel.Writer.Pending > 64 * 1024)
                    await channel.Writer.FlushAsync(default);
                sent += packet.Length;
            }
            await channel.Writer.FlushAsync(default);
            return Convert.ToHexString(hash.GetHashAndReset());
        }
    }
}
