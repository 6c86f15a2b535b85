using System.Net;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Attacks;

/// <summary>
/// One salt twice: the oracle. Whoever gets known text encrypted under a salt that was used before has a keystream of a session that
/// he has recorded (PROTOCOL section 16). For each way to ask again, what he gets is counted in encrypted bytes, and is none.
/// </summary>
[Collection(LoopbackCollection.Name)]
public sealed class SaltReuseTests : IDisposable
{
    /// <summary>A test's own failures must not block the address of all tests.</summary>
    private static readonly Limits s_patient = new() { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(100), AuthenticationDelay = TimeSpan.Zero };

    private readonly TempFolder _folder = new();

    public static TheoryData<AesMode, AesMode> PairsOfModes => new(Enum.GetValues<AesMode>().SelectMany(first => Enum.GetValues<AesMode>().Select(then => (first, then))));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(PairsOfModes))]
    public async Task A_salt_gives_one_answer_whatever_mode_and_IV_it_is_asked_for_with(AesMode first, AesMode then)
    {
        await using var loopback = Start();
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Mode = first };
        Assert.InRange((await hello.SendAsync(loopback.Listener.Endpoint)).EncryptedBytes, 1, 2_000);
        await AssertNothingAsync(loopback.Listener.Endpoint, hello with { Mode = then, IV = "QRSTUVWXYZabcdef" });
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.SaltReused) == 1);
    }

    [Fact]
    public async Task A_salt_is_the_same_in_every_form_that_it_can_be_asked_for_in()
    {
        await using var loopback = Start();
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        Assert.NotEqual(0, (await hello.SendAsync(loopback.Listener.Endpoint)).EncryptedBytes);
        foreach (var again in new[]
        {
            hello with { IsFlat = true },
            hello with { SaltIsText = true },
            hello with { IsFlat = true, SaltIsText = true },
            hello with { Encoding = PacketEncoding.Rencode, IsFlat = true },
            hello with { Encoding = PacketEncoding.Bencode, IsFlat = true, Stream = null },
            hello with { OverWebSocket = true },
            hello with { Stream = false },
            hello with { Stream = null },
            hello with { KeySize = 16 },
            hello with { KeySize = 24 },
            hello with { KeyHash = "SHA512" },
            hello with { Iterations = 1_001 },
            hello with { More = [("request", "version")] },
            hello with { More = [("request", "connect_test"), ("connect_test_request", new string('a', 64))] },
            hello with { More = [("request", "info")] },
            hello with { More = [("challenge", true)] },
        })
        {
            await AssertNothingAsync(loopback.Listener.Endpoint, again);
        }
        await Loopback.Eventually(() => loopback.Listener.Rejected == 16);
        Assert.Equal([XpraErrorId.SaltReused], loopback.Listener.Refusals.Keys);
    }

    [Fact]
    public async Task A_salt_with_bytes_added_is_another_one_and_gives_nothing_of_the_first()
    {
        await using var loopback = Start();
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        var first = (await hello.SendAsync(loopback.Listener.Endpoint)).Encrypted.ToArray();
        foreach (var salt in new byte[][] { [.. hello.Salt, 0], [0, .. hello.Salt], [.. hello.Salt, 0, 0, 0, 1], hello.Salt[..^1] })
        {
            var other = (await (hello with { Salt = salt }).SendAsync(loopback.Listener.Endpoint)).Encrypted.ToArray();
            // Keystreams that have nothing to do with each other are alike in one byte of 256.
            Assert.InRange(first.Zip(other).Count(pair => pair.First == pair.Second), 0, 40);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(1_025)]
    public async Task A_salt_of_a_length_that_nobody_has_is_refused(int length)
    {
        await using var loopback = Start();
        await AssertNothingAsync(loopback.Listener.Endpoint, new UnauthenticatedHello(new byte[length]));
    }

    [Fact]
    public async Task The_fixed_salt_of_an_encrypted_first_packet_is_nobodys_salt()
    {
        foreach (var encrypts in new[] { false, true })
        {
            await using var loopback = Start(options => options with { EncryptFirstPacket = encrypts });
            var heard = await new UnauthenticatedHello(ProtocolDefaults.FirstPacketSalt.ToArray()).SendAsync(loopback.Listener.Endpoint);
            Assert.Equal(0, heard.EncryptedBytes);
        }
    }

    [Fact]
    public async Task A_salt_is_used_up_for_all_binds_listeners_and_times_of_a_key()
    {
        using var key = XpraKey.Generate();
        using var other = XpraKey.Generate();
        ListenerOptions Bind(XpraKey with) => new() { Key = with, Modes = Enum.GetValues<AesMode>(), Limits = s_patient };
        await using var listener = AesListener.Start(Bind(key), Bind(key));
        await using var second = AesListener.Start(Bind(key));
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        Assert.NotEqual(0, (await hello.SendAsync(listener.Endpoints[0])).EncryptedBytes);
        await AssertNothingAsync(listener.Endpoints[1], hello);
        await AssertNothingAsync(second.Endpoint, hello);

        // The key is exchanged, and comes back.
        listener.Reconfigure(options => options with { Key = other });
        Assert.NotEqual(0, (await hello.SendAsync(listener.Endpoints[0])).EncryptedBytes);
        listener.Reconfigure(options => options with { Key = key });
        await AssertNothingAsync(listener.Endpoints[0], hello);
        await listener.StopAsync(TimeSpan.Zero);
        await second.StopAsync(TimeSpan.Zero);
        await using var later = AesListener.Start(Bind(key));
        await AssertNothingAsync(later.Endpoint, hello);
    }

    [Fact]
    public async Task The_salt_of_a_clients_session_is_used_up_while_it_stands_when_it_ends_and_after_that()
    {
        await using var loopback = Start();
        await using var client = await loopback.ConnectFakeAsync();
        var generation = Generation.Named("6.2");
        byte[] salt = [];
        await client.OpenSessionAsync(generation, AesMode.CTR, hello => salt = hello.GetDictionary("encryption")!.GetBytes("key_salt")!);
        var hello = new UnauthenticatedHello(salt) { Iterations = 10_000 };
        await AssertNothingAsync(loopback.Listener.Endpoint, hello);
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
        await AssertNothingAsync(loopback.Listener.Endpoint, hello);
        Assert.Equal(1, SaltMemory.Of(loopback.Key).Proven);

        var asking = Enumerable.Range(0, 8).Select(_ => hello.SendAsync(loopback.Listener.Endpoint)).ToArray();
        client.Reset();
        foreach (var heard in await Task.WhenAll(asking))
            Assert.Equal(0, heard.EncryptedBytes);
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 0);
        await AssertNothingAsync(loopback.Listener.Endpoint, hello);
    }

    [Fact]
    public async Task Of_many_who_ask_for_one_salt_at_once_one_gets_an_answer()
    {
        await using var loopback = Start(options => options with { Limits = s_patient with { UnprovenConnectionsPerSource = 100, UnprovenConnections = 100 } });
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        var heard = await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => hello.SendAsync(loopback.Listener.Endpoint)));
        Assert.Single(heard, one => one.EncryptedBytes > 0);
    }

    [Theory]
    [InlineData(AesMode.CBC)]
    [InlineData(AesMode.CTR)]
    public async Task What_a_listener_announces_gives_nothing_as_a_clients_salt_even_after_a_restart_or_elsewhere(AesMode mode)
    {
        await using var loopback = Start();
        await using var client = await loopback.ConnectFakeAsync();
        var (_, asked) = await client.OpenSessionAsync(Generation.Named("6.2"), mode);
        var announced = asked.Salt.ToArray();
        UnauthenticatedHello hello = new(announced) { Mode = mode, IV = System.Text.Encoding.Latin1.GetString(asked.IV.Span), Iterations = asked.Iterations };
        SaltMemory.Of(loopback.Key).Clear();
        foreach (var again in new[] { hello, hello with { Mode = AesMode.CTR, IV = "QRSTUVWXYZabcdef" }, hello with { KeyHash = "SHA256" }, hello with { KeySize = 16 }, hello with { Iterations = 1_000 }, hello with { IsFlat = true } })
            await AssertNothingAsync(loopback.Listener.Endpoint, again);
        await using var elsewhere = AesListener.Start(loopback.Listener.Options with { Port = 0 });
        await AssertNothingAsync(elsewhere.Endpoint, hello);
    }

    [Fact]
    public async Task Two_processes_with_one_key_give_one_short_answer_each_and_share_no_state()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "It ends the processes with a signal.");
        using var key = XpraKey.FromText("0123456789abcdef0123456789abcdef");
        var state = Path.Combine(_folder.Root, "state");
        const string Start = "(Start-XpraAesListener -Port 0 -KeyData 0123456789abcdef0123456789abcdef -Mode CTR -WarningAction Ignore -Limit @{ FailuresBeforeBlock = 1000 }";
        string[] more = [$" -StatePath '{state}'", ""];
        var processes = more.Select(options => Engine.ShellProcess.Start("-Command", $"{Start}{options}).Endpoint; Start-Sleep 300")).ToArray();
        try
        {
            var endpoints = await Task.WhenAll(processes.Select(async process => (await process.StandardOutput.ReadLineAsync())!));
            var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { More = [("request", "connect_test"), ("connect_test_request", new string('a', 64))] };
            foreach (var endpoint in endpoints)
                Assert.InRange((await hello.SendAsync(endpoint)).EncryptedBytes, 1, 100);
            foreach (var endpoint in endpoints)
                await AssertNothingAsync(endpoint, hello with { IV = "QRSTUVWXYZabcdef" });

            // What one of them announces is nobody's salt at the other.
            await using var client = await Gateway.TestClient.ConnectAsync(endpoints[0], key);
            await client.SendHelloAsync();
            var session = await client.EstablishAsync();
            var announced = client.Leg.Send!;
            foreach (var endpoint in endpoints)
                await AssertNothingAsync(endpoint, new UnauthenticatedHello(announced.Salt.ToArray()) { IV = System.Text.Encoding.Latin1.GetString(announced.IV.Span), Iterations = announced.Iterations });
            await session.DisposeAsync();

            var (_, output, errors) = await Engine.ShellProcess.RunAsync("-Command", $"{Start} -StatePath '{state}' -ErrorVariable e -ErrorAction SilentlyContinue); $e.FullyQualifiedErrorId");
            Assert.Contains("StateInUse", output + errors, StringComparison.Ordinal);
        }
        finally
        {
            foreach (var process in processes)
            {
                process.Kill();
                process.Dispose();
            }
        }
    }

    [Fact]
    public async Task The_second_hello_after_a_challenge_needs_a_salt_of_its_own()
    {
        using var password = SecretBuffer.FromUtf8("secret");
        await using var loopback = Start(options => options with { Password = password });
        await using var client = await loopback.ConnectFakeAsync();
        var (hello, announced) = Generation.Named("6.2").Announce(AesMode.CTR);
        hello["challenge"] = true;
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);
        var challenge = await client.ReceiveAsync("challenge");
        client.SendUnder(Generation.Named("6.2").Read(challenge.Dictionary(2)!));
        var received = client.Channel.Reader.BytesRead;
        await client.SendAsync("hello", hello);
        Assert.Null(await client.TryReceiveAsync());
        Assert.Equal(received, client.Channel.Reader.BytesRead);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.SaltReused) == 1);
        // Proven by the second hello, the first one's salt is remembered for good.
        Assert.Equal(1, SaltMemory.Of(loopback.Key).Proven);
    }

    [Fact]
    public async Task After_a_restart_a_recorded_salt_gives_one_short_answer_without_a_state_and_nothing_with_one()
    {
        using var key = XpraKey.Generate();
        foreach (var state in new[] { null, _folder["state"] })
        {
            ListenerOptions options = new() { Key = key, Modes = Enum.GetValues<AesMode>(), Limits = s_patient, StatePath = state };
            byte[] salt = [];
            await using (var before = AesListener.Start(options))
            {
                await using var client = await FakePeer.ConnectAsync(before.Port, key);
                await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR, hello => salt = hello.GetDictionary("encryption")!.GetBytes("key_salt")!);
                await client.SendAsync("ping", 1L);
                await client.ReceiveAsync("ping_echo");
            }
            SaltMemory.Of(key).Clear();
            await using var after = AesListener.Start(options);
            var hello = new UnauthenticatedHello(salt) { Iterations = 10_000 };
            var heard = await hello.SendAsync(after.Endpoint, listen: TimeSpan.FromMilliseconds(300));
            if (state is null)
                Assert.InRange(heard.EncryptedBytes, 1, 2_000); // our hello, once
            else
                Assert.True(heard.IsFixedText);
            await AssertNothingAsync(after.Endpoint, hello);
        }
    }

    [Fact]
    public async Task The_same_hello_of_our_own_client_is_taken_once_and_after_a_restart_with_a_state_never()
    {
        using var key = XpraKey.Generate();
        ListenerOptions options = new() { Key = key, Limits = s_patient, StatePath = _folder["state"] };
        byte[] frame;
        await using (var before = AesListener.Start(options))
        {
            frame = NewHello(key);
            Assert.NotEqual(0, await AnswerToAsync(before, frame));
            Assert.Equal(0, await AnswerToAsync(before, frame));
        }
        SaltMemory.Of(key).Clear();
        await using var after = AesListener.Start(options);
        Assert.Equal(0, await AnswerToAsync(after, frame));
    }

    [Fact]
    public async Task A_hello_of_our_own_client_expires()
    {
        using var key = XpraKey.Generate();
        var clock = new FakeClock();
        await using var listener = AesListener.Start(new ListenerOptions { Key = key, Limits = s_patient, Clock = clock });
        var frame = NewHello(key);
        foreach (var off in new[] { TimeSpan.FromHours(1.01), TimeSpan.FromHours(-1.01), TimeSpan.FromDays(1_000) })
        {
            clock.Date = DateTimeOffset.UtcNow + off;
            Assert.Equal(0, await AnswerToAsync(listener, frame));
        }
        await Loopback.Eventually(() => listener.Refusals.GetValueOrDefault(XpraErrorId.HelloExpired) == 3);
        clock.Date = DateTimeOffset.UtcNow.AddMinutes(50);
        Assert.NotEqual(0, await AnswerToAsync(listener, frame));
    }

    [Fact]
    public async Task Nothing_of_what_a_stranger_says_comes_back_but_what_real_clients_need()
    {
        await using var loopback = Start();
        var words = new string('a', 65);
        async Task<int> SizeAsync(string request, params (string, object?)[] more)
            => (await new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Mode = AesMode.CTR, More = [("request", request), .. more] }.SendAsync(loopback.Listener.Endpoint)).EncryptedBytes;

        var empty = await SizeAsync("connect_test");
        Assert.Equal(empty, await SizeAsync("connect_test", ("connect_test_request", words)));
        Assert.Equal(empty, await SizeAsync("connect_test", ("connect_test_request", "not hexadecimal")));
        Assert.InRange(await SizeAsync("connect_test", ("connect_test_request", new string('a', 64))), empty + 64, empty + 66);
        Assert.Equal(await SizeAsync("x"), await SizeAsync(words));
        var version = await SizeAsync("version");
        Assert.InRange(version, 1, 600);
    }

    private static Loopback Start(Func<ListenerOptions, ListenerOptions>? configure = null)
        => Loopback.Start(options => configure?.Invoke(options with { Limits = s_patient }) ?? options with { Limits = s_patient });

    private static async Task AssertNothingAsync(string endpoint, UnauthenticatedHello hello)
    {
        var heard = await hello.SendAsync(endpoint);
        Assert.Equal(0, heard.EncryptedBytes);
        Assert.True(heard.IsFixedText, $"{hello}: {heard.Packets} packets, '{heard.Clear}'");
    }

    /// <summary>What our own client sends first.</summary>
    private static byte[] NewHello(XpraKey key)
    {
        var hello = Hello.ForClient(Hello.NewUuid(), null, allowXor: false);
        var parameters = CipherCapabilities.Generate(AesMode.CBC, 32, KeyHash.SHA1, 1_000, PaddingScheme.Pkcs7, 0, stream: true);
        CipherCapabilities.Write(hello, parameters, null);
        CipherCapabilities.Write(hello, parameters with { Salt = SaltMemory.Of(key).Tags.CreateClientSalt(hello, DateTimeOffset.UtcNow) }, null);
        return UnauthenticatedHello.Frame(PacketEncoding.RencodePlus, [Hello.PacketType, hello]);
    }

    private static async Task<int> AnswerToAsync(AesListener listener, byte[] frame)
    {
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, listener.Port);
        await socket.SendAsync(frame);
        var head = new byte[XpraAes.Packets.PacketHeader.Size];
        await new System.Net.Sockets.NetworkStream(socket).ReadExactlyAsync(head).AsTask().WaitAsync(Loopback.HelloTimeout);
        var header = XpraAes.Packets.PacketHeader.Parse(head);
        return header.IsEncrypted ? header.PayloadSize : 0;
    }
}
