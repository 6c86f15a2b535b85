using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;
using XpraAes.Tests.Transports;

namespace XpraAes.Tests.Attacks;

/// <summary>A client that has only sent a hello gets nothing but the answer to it, also from a gateway, whatever the target sends.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class UnprovenTests
{
    private static readonly TimeSpan s_listenTime = TimeSpan.FromMilliseconds(400);

    public static TheoryData<string, object?> Requests
    {
        get
        {
            object?[] command = ["start", "touch /tmp/never"];
            var all = new TheoryData<string, object?>();
            foreach (var name in (string[])["stop", "exit", "detach", "screenshot", "icon", "print", "event", "command", "run", "new", "help", "stop_request", "exit_request", "info_request_request", "STOP", " stop", "stop\0"])
                all.Add("request", name);
            foreach (var name in (string[])["stop_request", "exit_request", "detach_request", "screenshot_request", "print_request", "event_request", "info_request", "version_request_request", "stop_request_request"])
                all.Add(name, true);
            all.Add("command_request", command);
            all.Add("command_request", "start,touch /tmp/never");
            all.Add("run_request", command);
            all.Add("start-new-session", new XpraDictionary { ["mode"] = "start", ["start"] = command });
            all.Add("request", command);
            all.Add("request", new XpraDictionary { ["stop_request"] = 1L });
            all.Add("request", 1L);
            all.Add("request", true);
            all.Add("request", 0.5);
            return all;
        }
    }

    [Theory]
    [InlineData(AesMode.GCM)]
    [InlineData(AesMode.CTR)]
    public async Task A_listeners_session_sends_no_ping_before_the_clients_first_packet(AesMode mode)
    {
        foreach (var allowed in new[] { false, true })
        {
            await using var loopback = Loopback.Start(options => options with { AllowSilentClients = allowed, Limits = new() { PingInterval = TimeSpan.FromMilliseconds(20) } });
            var reply = await new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Mode = mode }.SendAsync(loopback.Listener.Endpoint, listen: s_listenTime);
            if (allowed)
                Assert.InRange(reply.Packets, 2, 1_000);
            else
                Assert.Equal(1, reply.Packets);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_after_the_targets_hello_is_sent_before_the_clients_first_packet(bool allowed)
    {
        await using var rig = new Rig(configure: options => options with { AllowSilentClients = allowed });
        var replying = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()).SendAsync(rig.Listener.Endpoint, listen: s_listenTime);
        await using var target = await rig.Target.AcceptAsync();
        for (var i = 0; i < 10; i++)
            await target.SendAsync("draw", 1L, new byte[5_000]);
        var reply = await replying;
        if (allowed)
            Assert.InRange(reply.EncryptedBytes, 50_000, 60_000);
        else
            Assert.Equal(1, reply.Packets);
    }

    [Fact]
    public async Task Held_packets_arrive_once_and_in_order_after_the_clients_first_packet()
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenAsync(AesMode.CTR);
        for (var i = 0L; i < 20; i++)
            await target.SendAsync("draw", i, new byte[2_000]);
        await Task.Delay(50);
        await client.SendAsync("ping", 1L);
        Assert.Equal("ping", (await target.ReceiveAsync())!.Type);
        await target.SendAsync("draw", 20L);
        for (var i = 0L; i <= 20; i++)
            Assert.Equal(i, (await client.ReceiveAsync())![1]);
    }

    [Fact]
    public async Task A_client_that_proves_its_key_and_takes_nothing_is_the_one_that_ends_the_session()
    {
        var cipher = CipherTestData.Parameters(AesMode.GCM);
        var key = CipherTestData.Bytes(32, seed: 6);
        var ((nearClient, farClient), (nearTarget, farTarget)) = (DuplexStream.CreatePair(), DuplexStream.CreatePair());
        var targetStream = new WatchedStream(nearTarget);
        PacketChannel client = Open(new WatchedStream(nearClient) { FailsWrites = true }), target = new(targetStream, Limits.Default);
        await using PacketChannel clientPeer = Open(farClient), targetPeer = new(farTarget, Limits.Default);
        await using var relay = new RelaySession(
            client, CipherLeg.Of("client", null, cipher, cipher, null, client),
            target, CipherLeg.Of("target", null, null, null, null, target), toTarget: null, toClient: null, holdUntilProven: true, Limits.Default);
        await targetPeer.SendAsync(["draw", 1L], default);
        var running = relay.RunAsync(default);
        // The packet is held once the next one is waited for.
        await Loopback.Eventually(() => targetStream.IsReading && target.Reader.PacketsRead == 1);
        await clientPeer.SendAsync(["ping", 1L], default);
        var end = await Assert.ThrowsAnyAsync<XpraAesException>(() => running.WaitAsync(Loopback.HelloTimeout));
        Assert.Equal((XpraErrorId.ConnectionLost, "The connection was lost."), (end.Id, end.Message)); // else it names the target
        Assert.False(targetStream.IsReading);

        PacketChannel Open(Stream stream)
        {
            var channel = new PacketChannel(stream, Limits.Default);
            channel.Reader.Arm(PacketCipher.CreateDecryptor(cipher, key));
            channel.Writer.Arm(PacketCipher.CreateEncryptor(cipher, key));
            return channel;
        }
    }

    [Theory]
    [InlineData(10, 200_000)] // many
    [InlineData(1, 3_000_000)] // one that is larger than the limit
    public async Task Packets_beyond_the_limit_stay_with_the_target_and_arrive_later(int count, int size)
    {
        await using var rig = new Rig();
        var (client, target) = await rig.OpenAsync(AesMode.CTR);
        var sending = Task.Run(async () =>
        {
            for (var i = 0L; i < count; i++)
                await target.SendAsync("draw", i, new byte[size]);
        });
        await Task.Delay(300);
        await client.SendAsync("ping", 1L);
        for (var i = 0L; i < count; i++)
        {
            var packet = (await client.ReceiveAsync())!;
            Assert.Equal((i, size), (packet[1], packet.Bytes(2)!.Length));
        }
        await sending.WaitAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task A_gateway_holds_no_more_than_its_limit_for_an_unproven_client()
    {
        await using var rig = new Rig();
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        var replying = hello.SendAsync(rig.Listener.Endpoint, listen: TimeSpan.FromSeconds(2));
        await using var target = await rig.Target.AcceptAsync();
        var sent = 0;
        using var full = new CancellationTokenSource(TimeSpan.FromSeconds(1.5));
        try
        {
            // Far more than the socket buffers hold.
            while (sent < 200)
            {
                await target.SendAsync("draw", 1L, new byte[200_000]).WaitAsync(full.Token);
                sent++;
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway does not read it.
        }
        Assert.InRange(sent, 1, 100);
        Assert.Equal(1, (await replying).Packets);
    }

    [Fact]
    public async Task A_target_that_closes_before_the_key_is_proven_ends_the_session_silently()
    {
        await using var rig = new Rig();
        var replying = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()).SendAsync(rig.Listener.Endpoint, listen: TimeSpan.FromSeconds(5));
        await using (var target = await rig.Target.AcceptAsync())
            await target.SendAsync("draw", 1L, new byte[100]);
        Assert.Equal(1, (await replying).Packets);
        await Rig.UntilAsync(() => rig.Listener.Connections.Count == 0);
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task No_request_that_changes_state_reaches_the_target_from_an_unproven_client(string name, object? value)
    {
        await using var rig = new Rig(configure: options => options with { Limits = options.Limits with { TargetConnectTimeout = TimeSpan.FromMilliseconds(500), HandshakeTimeout = TimeSpan.FromSeconds(1) } });
        foreach (var encoding in new[] { PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode })
        {
            if (encoding == PacketEncoding.Bencode && value is double)
                continue; // bencode has no floats
            foreach (var beside in new (string, object?)[][] { [], [("request", "info")], [("request", "version")], [("request", "")] })
            {
                if (beside.Length > 0 && name == "request")
                    continue;
                var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Encoding = encoding, IsFlat = encoding != PacketEncoding.RencodePlus, Stream = null, More = [.. beside, (name, value)] };
                var reply = await hello.SendAsync(rig.Listener.Endpoint);
                Assert.InRange(reply.EncryptedBytes, 1, 600); // a refusal, or the version
                Assert.Equal(0, rig.Target.Connects);
            }
        }
    }

    [Theory]
    [InlineData("info", "stop")]
    [InlineData("stop", "info")]
    [InlineData("version", "stop")]
    [InlineData("stop", "version")]
    [InlineData("command", "connect_test")]
    public async Task A_duplicate_name_in_a_hello_allows_no_other_request(string first, string second)
    {
        await using var rig = new Rig(configure: options => options with { AllowRequests = ["info"], Limits = options.Limits with { TargetConnectTimeout = TimeSpan.FromMilliseconds(500), HandshakeTimeout = TimeSpan.FromSeconds(1) } });
        foreach (var encoding in new[] { PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode })
        {
            var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt())
            {
                Encoding = encoding, IsFlat = encoding != PacketEncoding.RencodePlus, Stream = null,
                More = [("request", first), ("requesU", second)],
                Patch = bytes => [.. System.Text.Encoding.Latin1.GetBytes(System.Text.Encoding.Latin1.GetString(bytes).Replace("requesU", "request", StringComparison.Ordinal))],
            };
            var replying = hello.SendAsync(rig.Listener.Endpoint);
            if (second == "info" && encoding != PacketEncoding.Bencode)
            {
                // The last one counts, as in Python, and only that one is forwarded.
                var (target, _, asked) = await rig.Target.AcceptHelloAsync();
                await using (target)
                    Assert.Equal("info", asked.Request);
                Assert.DoesNotContain(asked.PeerHello, item => item.Value is "stop");
            }
            await replying;
        }
        if (second != "info")
            Assert.Equal(0, rig.Target.Connects);
    }

    [Fact]
    public async Task Unencrypted_packets_after_the_hello_are_ignored()
    {
        await using var rig = new Rig();
        foreach (var packet in new object?[][]
        {
            ["hello", new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { More = [("request", "stop")] }.ToHello()],
            ["hello", new XpraDictionary { ["request"] = "command", ["command_request"] = new object?[] { "start", "true" } }],
            ["start-command", "x", "true", true],
            ["command_request", "start", "true"],
            [1L, "start", "true"],
        })
        {
            var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt())
            {
                More = [("aliases", new XpraDictionary { ["start-command"] = 1L, ["command_request"] = 2L })],
                Patch = bytes => [.. bytes, .. UnauthenticatedHello.Frame(PacketEncoding.RencodePlus, packet)],
            };
            var replying = hello.SendAsync(rig.Listener.Endpoint, listen: s_listenTime);
            var (target, handshake, asked) = await rig.Target.AcceptHelloAsync();
            await using (target)
            {
                Assert.Null(asked.Request);
                Assert.False(asked.PeerHello.ContainsKey("aliases"));
                await handshake.SendHelloAsync([], default);
                // At most the gateway's own disconnect, and nothing from the client.
                var reply = await target.ReceiveAsync();
                Assert.True(reply is null or { Type: "disconnect" }, reply?.Type);
            }
            Assert.InRange((await replying).Packets, 1, 2); // the hello, and the disconnect
        }
    }

    [Fact]
    public async Task Info_is_forwarded_only_for_a_hello_from_a_key_holder()
    {
        await using var rig = new Rig();
        var reply = await new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { More = [("request", "info")] }.SendAsync(rig.Listener.Endpoint);
        Assert.InRange(reply.EncryptedBytes, 1, 300);
        Assert.Equal(0, rig.Target.Connects);

        // As with Get-XpraCipherInfo -Uri, the salt shows that the client holds the key.
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("request", "info"));
        var (target, handshake, asked) = await rig.Target.AcceptHelloAsync();
        await using (target)
        {
            Assert.Equal("info", asked.Request);
            await handshake.SendAnswerAsync("info", [], default);
            Assert.Equal("hello", (await client.ReceiveAsync()).Type);
        }
    }
}
