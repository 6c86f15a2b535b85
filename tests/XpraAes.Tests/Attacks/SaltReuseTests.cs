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
/// Reusing a salt must not give an attacker an oracle: known plaintext encrypted under a used salt reveals the keystream of a recorded
/// session (PROTOCOL section 16). Each way to ask again must get no encrypted bytes.
/// </summary>
[Collection(LoopbackCollection.Name)]
public sealed class SaltReuseTests : IDisposable
{
    /// <summary>Failures must not block the address that all tests share.</summary>
    private static readonly Limits s_limits = new() { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(100), AuthenticationDelay = TimeSpan.Zero };

    private readonly TempFolder _folder = new();

    public static TheoryData<AesMode, AesMode> PairsOfModes => new(Enum.GetValues<AesMode>().SelectMany(first => Enum.GetValues<AesMode>().Select(then => (first, then))));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(PairsOfModes))]
    public async Task A_salt_gets_one_answer_whatever_the_mode_and_IV(AesMode first, AesMode then)
    {
        await using var loopback = Start();
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt()) { Mode = first };
        Assert.InRange((await hello.SendAsync(loopback.Listener.Endpoint)).EncryptedBytes, 1, 2_000);
        await AssertRefusedAsync(loopback.Listener.Endpoint, hello with { Mode = then, IV = "QRSTUVWXYZabcdef" });
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.SaltReused) == 1);
    }

    [Fact]
    public async Task A_salt_is_recognised_in_every_form_of_the_hello()
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
            await AssertRefusedAsync(loopback.Listener.Endpoint, again);
        }
        await Loopback.Eventually(() => loopback.Listener.Rejected == 16);
        Assert.Equal([XpraErrorId.SaltReused], loopback.Listener.Refusals.Keys);
    }

    [Fact]
    public async Task A_salt_with_bytes_added_is_a_different_one_with_an_unrelated_keystream()
    {
        await using var loopback = Start();
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        var first = (await hello.SendAsync(loopback.Listener.Endpoint)).Encrypted.ToArray();
        foreach (var salt in new byte[][] { [.. hello.Salt, 0], [0, .. hello.Salt], [.. hello.Salt, 0, 0, 0, 1], hello.Salt[..^1] })
        {
            var other = (await (hello with { Salt = salt }).SendAsync(loopback.Listener.Endpoint)).Encrypted.ToArray();
            // Unrelated keystreams match in one byte of 256.
            Assert.InRange(first.Zip(other).Count(pair => pair.First == pair.Second), 0, 40);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(1_025)]
    public async Task A_salt_of_an_unusual_length_is_refused(int length)
    {
        await using var loopback = Start();
        await AssertRefusedAsync(loopback.Listener.Endpoint, new UnauthenticatedHello(new byte[length]));
    }

    [Fact]
    public async Task The_fixed_salt_of_an_encrypted_first_packet_is_refused()
    {
        foreach (var encrypts in new[] { false, true })
        {
            await using var loopback = Start(options => options with { EncryptFirstPacket = encrypts });
            var reply = await new UnauthenticatedHello(ProtocolDefaults.FirstPacketSalt.ToArray()).SendAsync(loopback.Listener.Endpoint);
            Assert.Equal(0, reply.EncryptedBytes);
        }
    }

    [Fact]
    public async Task A_used_salt_is_refused_by_all_binds_and_listeners_of_a_key_at_any_time()
    {
        using var key = XpraKey.Generate();
        using var other = XpraKey.Generate();
        ListenerOptions Bind(XpraKey with) => new() { Key = with, Modes = Enum.GetValues<AesMode>(), Limits = s_limits };
        await using var listener = AesListener.Start(Bind(key), Bind(key));
        await using var second = AesListener.Start(Bind(key));
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        Assert.NotEqual(0, (await hello.SendAsync(listener.Endpoints[0])).EncryptedBytes);
        await AssertRefusedAsync(listener.Endpoints[1], hello);
        await AssertRefusedAsync(second.Endpoint, hello);

        // The key is replaced, and then restored.
        listener.Reconfigure(options => options with { Key = other });
        Assert.NotEqual(0, (await hello.SendAsync(listener.Endpoints[0])).EncryptedBytes);
        listener.Reconfigure(options => options with { Key = key });
        await AssertRefusedAsync(listener.Endpoints[0], hello);
        await listener.StopAsync(TimeSpan.Zero);
        await second.StopAsync(TimeSpan.Zero);
        await using var later = AesListener.Start(Bind(key));
        await AssertRefusedAsync(later.Endpoint, hello);
    }

    [Fact]
    public async Task The_salt_of_a_session_is_refused_while_it_is_open_as_it_ends_and_afterwards()
    {
        await using var loopback = Start();
        await using var client = await loopback.ConnectFakeAsync();
        var generation = Generation.Named("6.2");
        byte[] salt = [];
        await client.OpenSessionAsync(generation, AesMode.CTR, hello => salt = hello.GetDictionary("encryption")!.GetBytes("key_salt")!);
        var hello = new UnauthenticatedHello(salt) { Iterations = 10_000 };
        await AssertRefusedAsync(loopback.Listener.Endpoint, hello);
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
        await AssertRefusedAsync(loopback.Listener.Endpoint, hello);
        Assert.Equal(1, SaltMemory.Of(loopback.Key).Proven);

        var asking = Enumerable.Range(0, 8).Select(_ => hello.SendAsync(loopback.Listener.Endpoint)).ToArray();
        client.Reset();
        foreach (var reply in await Task.WhenAll(asking))
            Assert.Equal(0, reply.EncryptedBytes);
        await Loopback.Eventually(() => loopback.Listener.Connections.Count == 0);
        await AssertRefusedAsync(loopback.Listener.Endpoint, hello);
    }

    [Fact]
    public async Task Only_one_of_many_simultaneous_hellos_with_the_same_salt_is_answered()
    {
        await using var loopback = Start(options => options with { Limits = s_limits with { UnprovenConnectionsPerSource = 100, UnprovenConnections = 100 } });
        var hello = new UnauthenticatedHello(UnauthenticatedHello.NewSalt());
        var reply = await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => hello.SendAsync(loopback.Listener.Endpoint)));
        Assert.Single(reply, one => one.EncryptedBytes > 0);
    }

    [Theory]
    [InlineData(AesMode.CBC)]
    [InlineData(AesMode.CTR)]
    public async Task A_listeners_salt_is_refused_as_a_clients_salt_even_after_a_restart_or_by_another_listener(AesMode mode)
    {
        await using var loopback = Start();
        await using var client = await loopback.ConnectFakeAsync();
        var (_, asked) = await client.OpenSessionAsync(Generation.Named("6.2"), mode);
        var announced = asked.Salt.ToArray();
        UnauthenticatedHello hello = new(announced) { Mode = mode, IV = System.Text.Encoding.Latin1.GetString(asked.IV.Span), Iterations = asked.Iterations };
        SaltMemory.Of(loopback.Key).Clear();
        foreach (var again in new[] { hello, hello with { Mode = AesMode.CTR, IV = "QRSTUVWXYZabcdef" }, hello with { KeyHash = "SHA256" }, hello with { KeySize = 16 }, hello with { Iterations = 1_000 }, hello with { IsFlat = true } })
            await AssertRefusedAsync(loopback.Listener.Endpoint, again);
        await using var elsewhere = AesListener.Start(loopback.Listener.Options with { Port = 0 });
        await AssertRefusedAsync(elsewhere.Endpoint, hello);
    }

    [Fact]
    public async Task Two_processes_with_the_same_key_give_one_short_answer_each_and_share_no_state()
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
                await AssertRefusedAsync(endpoint, hello with { IV = "QRSTUVWXYZabcdef" });

            // A salt that one of them announces is refused by the other.
            await using var client = await Gateway.TestClient.ConnectAsync(endpoints[0], key);
            await client.SendHelloAsync();
            var session = await client.EstablishAsync();
            var announced = client.Leg.Send!;
            foreach (var endpoint in endpoints)
                await AssertRefusedAsync(endpoint, new UnauthenticatedHello(announced.Salt.ToArray()) { IV = System.Text.Encoding.Latin1.GetString(announced.IV.Span), Iterations = announced.Iterations });
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
    public async Task The_second_hello_after_a_challenge_needs_a_new_salt()
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
        // The second hello proves the key, so the first one's salt is never forgotten.
        Assert.Equal(1, SaltMemory.Of(loopback.Key).Proven);
    }

    [Fact]
    public async Task After_a_restart_a_recorded_salt_gets_one_short_answer_without_a_state_path_and_none_with_one()
    {
        using var key = XpraKey.Generate();
        foreach (var state in new[] { null, _folder["state"] })
        {
            ListenerOptions options = new() { Key = key, Modes = Enum.GetValues<AesMode>(), Limits = s_limits, StatePath = state };
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
            var reply = await hello.SendAsync(after.Endpoint, listen: TimeSpan.FromMilliseconds(300));
            if (state is null)
                Assert.InRange(reply.EncryptedBytes, 1, 2_000); // one hello
            else
                Assert.True(reply.IsFixedText);
            await AssertRefusedAsync(after.Endpoint, hello);
        }
    }

    [Fact]
    public async Task A_hello_of_our_own_client_is_accepted_once_and_with_a_state_path_not_after_a_restart()
    {
        using var key = XpraKey.Generate();
        ListenerOptions options = new() { Key = key, Limits = s_limits, StatePath = _folder["state"] };
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
        await using var listener = AesListener.Start(new ListenerOptions { Key = key, Limits = s_limits, Clock = clock });
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
    public async Task An_unauthenticated_clients_data_is_echoed_only_where_real_clients_need_it()
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
        => Loopback.Start(options => configure?.Invoke(options with { Limits = s_limits }) ?? options with { Limits = s_limits });

    private static async Task AssertRefusedAsync(string endpoint, UnauthenticatedHello hello)
    {
        var reply = await hello.SendAsync(endpoint);
        Assert.Equal(0, reply.EncryptedBytes);
        Assert.True(reply.IsFixedText, $"{hello}: {reply.Packets} packets, '{reply.Plaintext}'");
    }

    /// <summary>The first packet of an XpraAes client.</summary>
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
