using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Fuzz;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Reliability;

/// <summary>
/// Someone who changes encrypted packets on the way, or sends noise, must not learn from what follows how far it came: wrong padding,
/// compression and encoding have one error, one message, one answer. (A packet's header is unencrypted anyway.)
/// </summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class OneOutcomeTests
{
    private static readonly byte[] s_key = CipherTestData.Bytes(32, seed: 5);
    private static readonly object?[] s_good = ["ping", 1L];

    // 40 MB, and 600,000 values: more than any peer may send, in few bytes.
    private static readonly byte[] s_bomb = PacketCompression.CompressLz4(new byte[40 << 20]);
    private static readonly byte[] s_crowd = PacketCompression.CompressLz4([0x3b, .. Enumerable.Repeat((byte)1, 600_000), 0x7f]);

    public static TheoryData<AesMode, bool, int> Modes => SentSession.Modes;

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_receiver_reacts_the_same_way_to_anything_that_does_not_decrypt(AesMode mode, bool stream, int unit)
    {
        foreach (var trusted in new[] { false, true })
            AssertAllEqual(Bad(Cipher(mode, stream, unit)).Select(bad => (bad.What, Receive(Cipher(mode, stream, unit), bad.Wire, trusted))));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_session_breaks_off_without_a_word_whatever_does_not_decrypt(AesMode mode, bool stream, int unit)
    {
        var cipher = Cipher(mode, stream, unit);
        foreach (var (good, nameless) in new[] { (0, true), (1, false) })
        {
            foreach (var isClient in new[] { false, true })
            {
                var outcomes = new List<(string, string)>();
                // A server may send packets without a name: it has proven its key by its hello.
                foreach (var (what, wire) in Bad(cipher, good, nameless && !isClient))
                    outcomes.Add((what, await RunSessionAsync(cipher, wire, isClient)));
                AssertAllEqual(outcomes);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_relay_sends_both_ends_the_same_for_anything_that_does_not_decrypt(AesMode mode, bool stream, int unit)
    {
        var cipher = Cipher(mode, stream, unit);
        foreach (var (good, nameless) in new[] { (0, true), (1, false) })
        {
            var (fromClient, fromTarget) = (new List<(string, string)>(), new List<(string, string)>());
            foreach (var (what, wire) in Bad(cipher, good, nameless))
            {
                fromClient.Add((what, await RelayAsync(cipher, new PiecesStream(wire), new SilentStream())));
                if (!nameless)
                    fromTarget.Add((what, await RelayAsync(cipher, new SilentStream(), new PiecesStream(wire))));
            }
            AssertAllEqual(fromClient);
            AssertAllEqual(fromTarget);
        }
    }

    [Theory]
    [InlineData(AesMode.CBC)]
    [InlineData(AesMode.CTR)]
    public async Task A_listener_closes_alike_on_every_answer_to_its_challenge_that_does_not_decrypt(AesMode mode)
    {
        using var password = new SecretBuffer("password"u8);
        await using var loopback = Loopback.Start(options => options with
        {
            Password = password,
            Limits = new() { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(100) },
        });
        var failures = new List<string>();
        loopback.Listener.HandshakeFailed += (_, e) =>
        {
            lock (failures)
                failures.Add($"{e.Cause} {e.Message}");
        };
        var kinds = Bad(Cipher(mode, true, 16), nameless: true).Select(bad => bad.What).ToArray();
        for (var kind = 0; kind < kinds.Length; kind++)
        {
            await using var client = await loopback.ConnectFakeAsync();
            var generation = Generation.Named("6.2");
            var (hello, announced) = generation.Announce(mode);
            await client.SendAsync("hello", hello);
            client.ReceiveUnder(announced);
            var asked = generation.Read((await client.ReceiveAsync("challenge")).Dictionary(2)!);
            var heard = client.Channel.Reader.BytesRead;
            using var encryptor = SessionCiphers.CreateEncryptor(loopback.Key, asked);
            await client.SendRawAsync(Bad(encryptor, nameless: true, kinds[kind]).Single().Wire);
            await client.WaitForCloseAsync();
            Assert.Equal(heard, client.Channel.Reader.BytesRead);
            await Loopback.Eventually(() => Count(failures) == kind + 1);
        }
        AssertAllEqual(kinds.Zip(failures));
        Assert.Equal([XpraErrorId.KeyMismatch], loopback.Listener.Refusals.Keys);
    }

    [Fact]
    public async Task An_unauthenticated_client_gets_the_same_bytes_for_any_hello_and_any_configuration()
    {
        using var password = new SecretBuffer("password"u8);
        Func<ListenerOptions, ListenerOptions>[] configurations =
        [
            options => options,
            options => options with { Modes = [AesMode.GCM], KeySize = 16, KeyHash = KeyHash.SHA512, Iterations = 50_000 },
            options => options with { Password = password, UserName = "someone" },
            options => options with { Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", 9) } },
        ];
        var heard = new List<(string, string)>();
        for (var i = 0; i < configurations.Length; i++)
        {
            await using var loopback = Loopback.Start(options => configurations[i](options) with
            {
                Limits = new() { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(100) },
            });
            foreach (var (what, hello) in UnauthenticatedHellos())
            {
                await using var client = await loopback.ConnectFakeAsync();
                await client.SendAsync("hello", hello);
                var received = new List<string>();
                while (await client.TryReceiveAsync() is { } packet)
                    received.Add($"{packet.Header} {Values(packet)}");
                heard.Add(($"{i} {what}", string.Join('\n', received)));
            }
        }
        AssertAllEqual(heard);
        Assert.EndsWith(Refusals.ForUnproven, heard[0].Item2, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("version")]
    [InlineData("id")]
    [InlineData("info")]
    [InlineData("connect_test")]
    [InlineData("stop")]
    [InlineData("screenshot")]
    public async Task Everything_that_a_client_gets_before_it_has_proven_the_key_is_encrypted_or_the_fixed_text(string? request)
    {
        await using var loopback = Loopback.Start(options => options with { Modes = [AesMode.CTR], Limits = new() { CloseGrace = TimeSpan.FromMilliseconds(100), AnsweredTimeout = TimeSpan.FromMilliseconds(100) } });
        foreach (var mode in new[] { AesMode.CTR, AesMode.CBC })
        {
            await using var client = await loopback.ConnectFakeAsync();
            var (hello, announced) = Generation.Named("6.2").Announce(mode);
            if (request is not null)
                hello["request"] = request;
            await client.SendAsync("hello", hello);
            client.ReceiveUnder(announced);
            // An unencrypted packet would be processed.
            client.Channel.Reader.AllowPlaintext = true;
            var first = await client.ReceiveAsync();
            if (mode == AesMode.CBC)
            {
                // Nothing is encrypted in a mode that is refused.
                Assert.False(first.Header.IsEncrypted);
                Assert.Equal(Refusals.ForUnproven, Refusals.Reason(first));
                Assert.Null(await client.TryReceiveAsync());
                continue;
            }
            Assert.True(first.Header.IsEncrypted);
            // A session is open and waits for the client's first packet; everything else ends here.
            if (first.Type == "hello" && request is null)
                continue;
            while (await client.TryReceiveAsync() is { } packet)
                Assert.True(packet.Header.IsEncrypted);
        }
    }

    [Fact]
    public async Task A_refused_client_that_has_sent_no_plaintext_gets_none()
    {
        await using var loopback = Loopback.Start(options => options with { EncryptFirstPacket = true, Modes = [AesMode.CTR] });
        await using var client = await loopback.ConnectFakeAsync();
        client.SendUnder(FirstPacket.Variants[0].Parameters(AesMode.CTR));
        await client.SendAsync("hello", new XpraDictionary { ["version"] = "6.2.5" });
        await client.WaitForCloseAsync();
        Assert.Equal(0, client.Channel.Reader.BytesRead);
        await Loopback.Eventually(() => loopback.Listener.Refusals.ContainsKey(XpraErrorId.CipherCapabilitiesMissing));
    }

    private static IEnumerable<(string What, XpraDictionary Hello)> UnauthenticatedHellos()
    {
        yield return ("no cipher", new XpraDictionary { ["version"] = "6.2.5" });
        foreach (var (name, value) in new (string, object?)[]
        {
            ("cipher", "DES"), ("iv", "short"), ("iv", null), ("key_salt", Array.Empty<byte>()), ("key_salt", null), ("key_size", 17L), ("key_hash", "MD5"), ("key_stretch", "scrypt"),
            ("key_stretch_iterations", 10L), ("key_stretch_iterations", 999_999L), ("key_stretch_iterations", null), ("mode", "OFB"), ("padding", "zero"),
        })
        {
            var (hello, _) = Generation.Named("6.2").Announce(AesMode.CBC);
            hello.GetDictionary("encryption")![name] = value;
            yield return ($"{name}={value}", hello);
        }
    }

    private static CipherParameters Cipher(AesMode mode, bool stream, int unit) => CipherTestData.Parameters(mode) with { Stream = stream, PaddingUnit = unit };

    private static IEnumerable<(string What, byte[] Wire)> Bad(CipherParameters cipher, int good = 0, bool nameless = false)
    {
        using var encryptor = PacketCipher.CreateEncryptor(cipher, s_key);
        // Each begins with the same packets, so each needs a new encryptor.
        foreach (var what in Bad(encryptor, nameless).Select(bad => bad.What).ToArray())
        {
            using var fresh = PacketCipher.CreateEncryptor(cipher, s_key);
            byte[] start = [.. Enumerable.Range(0, good).SelectMany(_ => Frame(fresh, PacketCodec.Encode(PacketEncoding.RencodePlus, s_good)))];
            yield return (what, [.. start, .. Bad(fresh, nameless, what).Single().Wire]);
        }
    }

    /// <summary>Packets that are invalid in different ways.</summary>
    private static IEnumerable<(string What, byte[] Wire)> Bad(PacketEncryptor encryptor, bool nameless, string? only = null)
    {
        var ping = PacketCodec.Encode(PacketEncoding.RencodePlus, s_good);
        var deep = new byte[60];
        deep.AsSpan().Fill(0xc1);
        (string What, Func<byte[]> Write)[] kinds =
        [
            ("noise", () => Frame(encryptor, CipherTestData.Bytes(50, seed: 1))),
            ("cut off", () => Frame(encryptor, ping[..^2])),
            ("more behind it", () => Frame(encryptor, [.. ping, 0])),
            ("no list", () => Frame(encryptor, PacketCodec.Encode(PacketEncoding.RencodePlus, "ping"))),
            ("an empty list", () => Frame(encryptor, [0xc0])),
            ("too deep", () => Frame(encryptor, deep)),
            ("too many values", () => Frame(encryptor, s_crowd, PacketCompression.Lz4Header)),
            ("bad lz4", () => Frame(encryptor, CipherTestData.Bytes(50, seed: 2), PacketCompression.Lz4Header)),
            ("bad zlib", () => Frame(encryptor, CipherTestData.Bytes(50, seed: 3), PacketCompression.ZlibHeader)),
            ("zlib with a dictionary", () => Frame(encryptor, Convert.FromHexString("78bb0000000100000000"), PacketCompression.ZlibHeader)),
            ("bad brotli", () => Frame(encryptor, CipherTestData.Bytes(50, seed: 4), 0x41)),
            ("a bomb", () => Frame(encryptor, s_bomb, PacketCompression.Lz4Header)),
        ];
        foreach (var (what, write) in kinds)
        {
            if (only is null || only == what)
                yield return (what, write());
        }
        if (encryptor.Parameters.Mode == AesMode.CBC && only is null or "padding")
        {
            var wire = Frame(encryptor, ping);
            wire[^1] ^= 1;
            yield return ("padding", wire);
        }
        if (nameless && only is null or "no name")
            yield return ("no name", Frame(encryptor, PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "\u0001\u0002\u0003", 1L })));
    }

    private static byte[] Frame(PacketEncryptor encryptor, byte[] data, byte compression = 0)
    {
        var wire = new byte[PacketHeader.Size + encryptor.WireSize(data.Length)];
        new PacketHeader((byte)PacketEncoding.RencodePlus | PacketHeader.EncryptedFlag, compression, 0, encryptor.PayloadSize(data.Length)).Write(wire);
        var payload = wire.AsSpan(PacketHeader.Size);
        data.CopyTo(payload[encryptor.DataOffset..]);
        encryptor.Encrypt(payload, data.Length);
        return wire;
    }

    private static string Receive(CipherParameters cipher, byte[] wire, bool trusted)
    {
        var channel = Open(new PiecesStream(wire), cipher);
        if (trusted)
            channel.TrustPeer();
        return Describe(Assert.ThrowsAny<XpraAesException>(() => channel.ReceiveAsync(default).AsTask().GetAwaiter().GetResult()));
    }

    private static async Task<string> RunSessionAsync(CipherParameters cipher, byte[] wire, bool isClient)
    {
        var stream = new PiecesStream(wire);
        var channel = Open(stream, cipher);
        await using var session = new EndpointSession(channel, CipherLeg.Of("peer", null, cipher, cipher, null, channel), [], isClient, Limits.Default, null);
        var end = await Assert.ThrowsAnyAsync<XpraAesException>(() => session.RunAsync(default).WaitAsync(SentSession.HelloTimeout));
        // The echo of the good packet, where there was one. Ciphers of its own for each run: lengths are what an observer sees.
        return $"{Describe(end)} {stream.Written.Length}";
    }

    private static async Task<string> RelayAsync(CipherParameters cipher, Stream client, Stream target)
    {
        var (clientChannel, targetChannel) = (Open(client, cipher), Open(target, cipher));
        targetChannel.TrustPeer();
        await using var relay = new RelaySession(
            clientChannel, CipherLeg.Of("client", null, cipher, cipher, null, clientChannel),
            targetChannel, CipherLeg.Of("target", null, cipher, cipher, null, targetChannel),
            new PacketTranslator(PacketEncoding.Rencode, Limits.Default), new PacketTranslator(PacketEncoding.Rencode, Limits.Default), holdUntilProven: false, Limits.Default);
        var end = await Assert.ThrowsAnyAsync<XpraAesException>(() => relay.RunAsync(default).WaitAsync(SentSession.HelloTimeout));
        return $"{Describe(end)} {clientChannel.Writer.BytesWritten} {targetChannel.Writer.BytesWritten}";
    }

    private static PacketChannel Open(Stream stream, CipherParameters cipher)
    {
        var channel = new PacketChannel(stream, Limits.Default);
        channel.Reader.Arm(PacketCipher.CreateDecryptor(cipher, s_key));
        channel.Writer.Arm(PacketCipher.CreateEncryptor(cipher, s_key));
        return channel;
    }

    private static string Describe(XpraAesException e) => $"{e.GetType().Name} {e.Id} {e.Message} {e.RecommendedAction}";

    private static string Values(Packet packet) => string.Join(' ', packet.Items.Select((_, i) => packet.Text(i)));

    private static int Count(List<string> list)
    {
        lock (list)
            return list.Count;
    }

    private static void AssertAllEqual(IEnumerable<(string What, string Outcome)> outcomes)
    {
        foreach (var group in outcomes.GroupBy(one => one.Outcome).Skip(1))
            Assert.Fail($"{string.Join(", ", group.Select(one => one.What))}: {group.Key}\nothers: {outcomes.First().Outcome}");
    }
}
