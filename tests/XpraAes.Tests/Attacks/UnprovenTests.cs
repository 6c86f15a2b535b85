using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Attacks;

/// <summary>What one hears and does who has sent a hello and no more: nothing but the answer to it, in a gateway too, whatever the target has to say.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class UnprovenTests
{
    private static readonly TimeSpan s_while = TimeSpan.FromMilliseconds(400);

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
    public async Task A_session_of_a_listener_sends_no_ping_before_the_first_packet_of_the_client(AesMode mode)
    {
        foreach (var allowed in new[] { false, true })
        {
            await using var loopback = Loopback.Start(options => options with { AllowSilentClients = allowed, Limits = new() { PingInterval = TimeSpan.FromMilliseconds(20) } });
            var heard = await new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Mode = mode }.SendAsync(loopback.Listener.Endpoint, listen: s_while);
            if (allowed)
                Assert.InRange(heard.Packets, 2, 1_000);
            else
                Assert.Equal(1, heard.Packets);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_what_the_target_sends_after_its_hello_nothing_goes_out_before_the_clients_first_packet(bool allowed)
    {
        await using var rig = new Rig(configure: options => options with { AllowSilentClients = allowed });
        var hearing = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()).SendAsync(rig.Listener.Endpoint, listen: s_while);
        await using var target = await rig.Target.AcceptAsync();
        for (var i = 0; i < 10; i++)
            await target.SendAsync("draw", 1L, new byte[5_000]);
        var heard = await hearing;
        if (allowed)
            Assert.InRange(heard.EncryptedBytes, 50_000, 60_000);
        else
            Assert.Equal(1, heard.Packets);
    }

    [Fact]
    public async Task What_was_kept_arrives_once_and_in_order_with_the_first_packet_of_the_client()
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

    [Theory]
    [InlineData(10, 200_000)] // many
    [InlineData(1, 3_000_000)] // one that is larger than what is kept
    public async Task What_does_not_fit_stays_with_the_target_and_arrives_too(int count, int size)
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
    public async Task A_gateway_keeps_no_more_than_its_limit_for_one_who_has_proven_nothing()
    {
        await using var rig = new Rig();
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        var hearing = hello.SendAsync(rig.Listener.Endpoint, listen: TimeSpan.FromSeconds(2));
        await using var target = await rig.Target.AcceptAsync();
        var sent = 0;
        using var full = new CancellationTokenSource(TimeSpan.FromSeconds(1.5));
        try
        {
            // Far more than the system's own buffers take.
            while (sent < 200)
            {
                await target.SendAsync("draw", 1L, new byte[200_000]).WaitAsync(full.Token);
                sent++;
            }
        }
        catch (OperationCanceledException)
        {
            // It is not read from.
        }
        Assert.InRange(sent, 1, 100);
        Assert.Equal(1, (await hearing).Packets);
    }

    [Fact]
    public async Task A_target_that_closes_before_the_client_has_proven_the_key_ends_the_session_without_a_word()
    {
        await using var rig = new Rig();
        var hearing = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()).SendAsync(rig.Listener.Endpoint, listen: TimeSpan.FromSeconds(5));
        await using (var target = await rig.Target.AcceptAsync())
            await target.SendAsync("draw", 1L, new byte[100]);
        Assert.Equal(1, (await hearing).Packets);
        await Rig.UntilAsync(() => rig.Listener.Connections.Count == 0);
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Nothing_that_changes_state_reaches_the_target_for_one_who_has_proven_nothing(string name, object? value)
    {
        await using var rig = new Rig(configure: options => options with { Limits = options.Limits with { TargetConnectTimeout = TimeSpan.FromMilliseconds(500), HandshakeTimeout = TimeSpan.FromSeconds(1) } });
        foreach (var encoding in new[] { PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode })
        {
            if (encoding == PacketEncoding.Bencode && value is double)
                continue; // which it has not
            foreach (var beside in new (string, object?)[][] { [], [("request", "info")], [("request", "version")], [("request", "")] })
            {
                if (beside.Length > 0 && name == "request")
                    continue;
                var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Encoding = encoding, IsFlat = encoding != PacketEncoding.RencodePlus, Stream = null, More = [.. beside, (name, value)] };
                var heard = await hello.SendAsync(rig.Listener.Endpoint);
                Assert.InRange(heard.EncryptedBytes, 1, 600); // refused, or the version told
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
    public async Task A_name_that_stands_there_twice_asks_for_nothing_more(string first, string second)
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
            var hearing = hello.SendAsync(rig.Listener.Endpoint);
            if (second == "info" && encoding != PacketEncoding.Bencode)
            {
                // The last one counts, as in Python, and alone goes on.
                var (target, _, asked) = await rig.Target.AcceptHelloAsync();
                await using (target)
                    Assert.Equal("info", asked.Request);
                Assert.DoesNotContain(asked.PeerHello, item => item.Value is "stop");
            }
            await hearing;
        }
        if (second != "info")
            Assert.Equal(0, rig.Target.Connects);
    }

    [Fact]
    public async Task What_a_stranger_sends_after_his_hello_in_clear_is_not_heard()
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
            var hearing = hello.SendAsync(rig.Listener.Endpoint, listen: s_while);
            var (target, handshake, asked) = await rig.Target.AcceptHelloAsync();
            await using (target)
            {
                Assert.Null(asked.Request);
                Assert.False(asked.PeerHello.ContainsKey("aliases"));
                await handshake.SendHelloAsync([], default);
                // Words of ours to the target, if any, and nothing of the stranger's.
                var heard = await target.ReceiveAsync();
                Assert.True(heard is null or { Type: "disconnect" }, heard?.Type);
            }
            Assert.InRange((await hearing).Packets, 1, 2); // the hello, and why it is over
        }
    }

    [Fact]
    public async Task The_targets_information_is_for_those_whose_hello_shows_the_key_for_whom_the_owner_allows_it_or_who_know_the_password()
    {
        await using var rig = new Rig();
        var heard = await new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { More = [("request", "info")] }.SendAsync(rig.Listener.Endpoint);
        Assert.InRange(heard.EncryptedBytes, 1, 300);
        Assert.Equal(0, rig.Target.Connects);

        // As Get-XpraCipherInfo -Uri asks: its salt shows the key.
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
