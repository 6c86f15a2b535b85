using System.Text;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Tests.Gateway;

/// <summary>
/// A gateway between ends that share no packet encoding: xpra 3.1 to 4.2 know rencode, whose strings are all bytes, and 6.0 and later
/// rencodeplus, which tells text from bytes and where each field must be what it is (PROTOCOL sections 0 and 2).
/// </summary>
public sealed class TranslationTests
{
    // Bytes that are valid text.
    private static readonly byte[] s_pixels = "pixels that are valid UTF-8"u8.ToArray();

    private static readonly byte[] s_noise = [0xff, 0xfe, 0x00, 0x80];

    [Fact]
    public void Translated_packets_are_decompressed_only_within_the_limit()
    {
        var limits = Limits.Default with { DecompressedSize = 100_000 };
        var translator = new PacketTranslator(PacketEncoding.Rencode, limits);
        foreach (var (size, fits) in new[] { (50_000, true), (200_000, false) })
        {
            var bomb = PacketCompression.CompressLz4(PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "text", new string('x', size) }));
            var header = new PacketHeader((byte)PacketEncoding.RencodePlus, PacketCompression.Lz4Header, 0, bomb.Length);
            if (fits)
                Assert.NotEmpty(translator.Translate(header, bomb));
            else
                Assert.Throws<MalformedPacketException>(() => translator.Translate(header, bomb));
        }
    }

    [Fact]
    public async Task A_rencode_client_and_a_rencodeplus_target_understand_each_other()
    {
        await using var rig = new Rig();
        var (client, target) = await OpenAsync(rig, PacketEncoding.Rencode, PacketEncoding.RencodePlus);
        Assert.Equal("someone", target.Hello["username"]);
        Assert.Equal("rencodeplus", Assert.Single(target.Hello.GetStrings("encoders")));
        Assert.Equal("rencode", Assert.Single(client.Hello.GetStrings("encoders")));

        var dictionary = new XpraDictionary { ["name"] = "value" };
        dictionary.Set(7L, s_noise);
        await client.SendAsync("any", "t\u00eates", 5L, dictionary);
        var packet = await ReceiveInAsync(PacketEncoding.RencodePlus, target);
        Assert.Equal("t\u00eates", packet[1]);
        Assert.Equal(5L, packet[2]);
        Assert.Equal("value", packet.Dictionary(3)!["name"]);
        Assert.Equal(s_noise, packet.Dictionary(3)!.Single(pair => pair.Key is 7L).Value);

        await target.SendAsync("draw", 1L, 0L, 0L, 8L, 8L, "rgb24", s_pixels, 1L, 24L, new XpraDictionary { ["rgb_format"] = "RGB" });
        packet = await ReceiveInAsync(PacketEncoding.Rencode, client);
        Assert.Equal("rgb24", packet.Text(6));
        Assert.Equal(s_pixels, packet.Bytes(7));
        Assert.Equal("RGB"u8.ToArray(), packet.Dictionary(10)!.GetBytes("rgb_format"));
    }

    [Fact]
    public async Task A_rencodeplus_client_and_a_rencode_target_understand_each_other()
    {
        await using var rig = new Rig();
        var (client, target) = await OpenAsync(rig, PacketEncoding.RencodePlus, PacketEncoding.Rencode);
        Assert.Equal("rencodeplus", Assert.Single(client.Hello.GetStrings("encoders")));
        Assert.IsType<string>(client.Hello["version"]);

        await client.SendAsync("map-window", 1L, "title", s_noise);
        var packet = await ReceiveInAsync(PacketEncoding.Rencode, target);
        Assert.Equal("title", packet.Text(2));
        Assert.Equal(s_noise, packet.Bytes(3));

        await target.SendAsync("new-window", 1L, new XpraDictionary { ["title"] = "a title", ["icon"] = s_pixels });
        packet = await ReceiveInAsync(PacketEncoding.RencodePlus, client);
        Assert.Equal("new-window", packet[0]);
        Assert.Equal("a title", packet.Dictionary(2)!["title"]);
        Assert.Equal(s_pixels, packet.Dictionary(2)!["icon"]);
    }

    [Theory]
    [InlineData("draw", 7)]
    [InlineData("cursor", 9)]
    [InlineData("window-icon", 5)]
    [InlineData("sound-data", 2)]
    [InlineData("send-file", 6)]
    [InlineData("send-file-chunk", 3)]
    [InlineData("clipboard-token", 7)]
    [InlineData("clipboard-contents", 6)]
    [InlineData("webcam-frame", 6)]
    public async Task Binary_fields_stay_bytes_even_where_they_are_valid_text(string type, int position)
    {
        await using var rig = new Rig(configure: options => options with { AllowSilentClients = true });
        var (client, target) = await OpenAsync(rig, PacketEncoding.RencodePlus, PacketEncoding.Rencode);
        var items = Enumerable.Repeat((object?)"text", position + 2).ToArray();
        items[0] = type;
        items[position] = s_pixels;
        await target.SendAsync(items);
        var packet = await ReceiveInAsync(PacketEncoding.RencodePlus, client);
        Assert.Equal(s_pixels, packet[position]);
        Assert.Equal("text", packet[position - 1]);
        Assert.Equal("text", packet[position + 1]);
    }

    [Fact]
    public async Task Compressed_packets_and_chunks_are_translated_too()
    {
        await using var rig = new Rig(configure: options => options with { AllowSilentClients = true });
        var (client, target) = await OpenAsync(rig, PacketEncoding.RencodePlus, PacketEncoding.Rencode);
        await target.WriteRawAsync(flags: 0, compression: 0, chunkIndex: 7, s_pixels);
        var main = PacketCodec.Encode(PacketEncoding.Rencode, new object?[] { "draw", 1L, 0L, 0L, 8L, 8L, "rgb24", Array.Empty<byte>(), 1L, 24L });
        await target.WriteRawAsync((byte)PacketEncoding.Rencode, PacketCompression.ZlibHeader, chunkIndex: 0, PacketCompression.CompressZlib(main));
        var packet = await ReceiveInAsync(PacketEncoding.RencodePlus, client);
        Assert.Equal(0, packet.Header.Compression);
        Assert.Equal("rgb24", packet[6]);
        Assert.Equal(s_pixels, packet[7]);
    }

    [Theory]
    [InlineData((byte)PacketEncoding.Rencode, false)]
    [InlineData((byte)PacketEncoding.RencodePlus, false)]
    [InlineData((byte)PacketEncoding.RencodePlus, true)] // as the browser client writes it
    public async Task A_challenge_and_its_answer_survive_the_translation(byte clientEncoding, bool saltIsText)
    {
        var (own, other) = clientEncoding == (byte)PacketEncoding.Rencode
            ? (PacketEncoding.Rencode, PacketEncoding.RencodePlus)
            : (PacketEncoding.RencodePlus, PacketEncoding.Rencode);
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        client.Channel.Encoding = own;
        await client.Leg.SendHelloAsync(HelloIn(own), default);
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync(other);
        await using var closing = target;

        var answering = handshake.ChallengeAsync(["challenge", s_pixels, null, "hmac+sha512", "hmac+sha256", "password"], default);
        var challenge = await client.ReceiveAsync();
        Assert.Equal(s_pixels, challenge.Bytes(1));
        Assert.Equal("hmac+sha512", challenge.Text(3));
        if (own == PacketEncoding.RencodePlus)
        {
            Assert.IsType<string>(challenge[0]);
            Assert.IsType<byte[]>(challenge[1]);
            Assert.IsType<string>(challenge[4]);
        }

        client.Leg.Accept(challenge.Dictionary(2));
        var hello = HelloIn(own);
        hello["challenge_response"] = Encoding.ASCII.GetBytes("0123456789abcdef");
        hello["challenge_client_salt"] = saltIsText ? Encoding.Latin1.GetString(s_noise) : s_noise;
        await client.Leg.SendHelloAsync(hello, default);
        var answer = await answering;
        Assert.Equal("0123456789abcdef"u8.ToArray(), answer.PeerHello["challenge_response"]);
        Assert.Equal(s_noise, answer.PeerHello["challenge_client_salt"]);
    }

    [Fact]
    public async Task A_client_that_switches_to_the_targets_encoding_late_is_translated_until_then()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        // xpra 4.3 and 4.4 send the first hello in rencode, and also packets that were queued before the server's hello.
        client.Channel.Encoding = PacketEncoding.Rencode;
        await client.SendHelloAsync();
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync(PacketEncoding.RencodePlus);
        await using var closing = target;
        await handshake.SendHelloAsync(Hello.ForServer(Hello.NewUuid()), default);
        var session = await client.EstablishAsync();

        session.Channel.Encoding = PacketEncoding.Rencode;
        await session.SendAsync("early", "text");
        Assert.Equal("text", (await ReceiveInAsync(PacketEncoding.RencodePlus, target))[1]);

        var data = PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "late", "text" });
        var compressed = PacketCompression.CompressLz4(data);
        await session.WriteRawAsync((byte)PacketEncoding.RencodePlus, PacketCompression.Lz4Header, chunkIndex: 0, compressed);
        var (header, payload) = await target.ReadRawAsync();
        Assert.Equal(PacketCompression.Lz4Header, header.Compression);
        Assert.Equal(compressed, payload);
    }

    [Fact]
    public async Task An_old_target_gets_a_new_clients_nested_capabilities_by_flat_names_too()
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(
            ("encodings", new XpraDictionary { [""] = "png", ["core"] = new object?[] { "png", "rgb32" }, ["packet"] = true }),
            ("batch", new XpraDictionary { ["delay"] = 5L }),
            ("batch.delay", 7L),
            ("long", new XpraDictionary { [new string('x', 100)] = 1L }));
        var (target, _, _) = await rig.Target.AcceptHelloAsync();
        rig.Own(target);
        Assert.Equal(["png", "rgb32"], target.Hello.GetStrings("encodings.core"));
        Assert.True(target.Hello.GetBoolean("encodings.packet"));
        Assert.Equal(7L, target.Hello["batch.delay"]);
        Assert.Equal(["batch.delay", "encodings.core", "encodings.packet"],
            target.Hello.Select(pair => (string)pair.Key).Where(name => name.Contains('.') && name is not "encoding.generic").Order());
    }

    [Fact]
    public async Task An_old_target_gets_a_new_clients_keymap_by_flat_names_too()
    {
        await using var rig = new Rig();
        var keymap = new XpraDictionary { ["layout"] = "us", ["keycodes"] = new object?[] { new object?[] { 97L, "a", 38L, 0L, 0L } } };
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("encodings", new XpraDictionary()), ("keymap", keymap));
        var (other, _, _) = await rig.Target.AcceptHelloAsync();
        rig.Own(other);
        Assert.Equal("us", other.Hello.GetString("xkbmap_layout"));

        var (sender, target) = await OpenAsync(rig, PacketEncoding.RencodePlus, PacketEncoding.Rencode);
        await sender.SendAsync("keymap-changed", new XpraDictionary { ["keymap"] = keymap });
        var properties = (await ReceiveInAsync(PacketEncoding.Rencode, target)).Dictionary(1)!;
        Assert.Equal("us", properties.GetString("xkbmap_layout"));
        Assert.Equal("a"u8.ToArray(), ((object?[])((object?[])properties["xkbmap_keycodes"]!)[0]!)[1]);
    }

    [Theory]
    [InlineData("6.5", true)]
    [InlineData("6.5.3", true)]
    [InlineData("6.2.5", false)]
    public async Task A_6_5_client_gets_the_file_capability_that_it_needs(string version, bool added)
    {
        await using var rig = new Rig();
        var client = await rig.ConnectAsync();
        await client.SendHelloAsync(("version", version));
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync();
        rig.Own(target);
        var hello = Hello.ForServer(Hello.NewUuid());
        hello.Remove("file");
        await handshake.SendHelloAsync(hello, default);
        Assert.Equal(added, (await client.EstablishAsync()).Hello.ContainsKey("file"));
    }

    /// <summary>An established session between a client and a target with one encoding each.</summary>
    private static async Task<(TestPeer Client, TestPeer Target)> OpenAsync(Rig rig, PacketEncoding ofClient, PacketEncoding ofTarget)
    {
        var client = await rig.ConnectAsync();
        client.Channel.Encoding = ofClient;
        await client.Leg.SendHelloAsync(HelloIn(ofClient), default);
        var (target, handshake, _) = await rig.Target.AcceptHelloAsync(ofTarget);
        rig.Own(target);
        var hello = Hello.ForServer(Hello.NewUuid());
        Hello.AnnounceOnly(hello, ofTarget);
        await handshake.SendHelloAsync(hello, default);
        return (await client.EstablishAsync(), target);
    }

    private static XpraDictionary HelloIn(PacketEncoding only)
    {
        var hello = TestClient.NewHello();
        Hello.AnnounceOnly(hello, only);
        return hello;
    }

    private static async Task<Packet> ReceiveInAsync(PacketEncoding encoding, TestPeer peer)
    {
        var packet = await peer.ReceiveAsync();
        Assert.NotNull(packet);
        Assert.Equal(encoding, packet.Header.Encoding);
        return packet;
    }
}
