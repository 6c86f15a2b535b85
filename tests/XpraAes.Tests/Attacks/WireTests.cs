using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Attacks;

/// <summary>A man in the middle between an XpraAes client and listener who rewrites the hello is noticed before anything is encrypted with his changes.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class WireTests
{
    private static readonly Limits s_limits = new() { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(100) };

    /// <summary>Single changes to the client's hello, in both forms of its capabilities.</summary>
    public static TheoryData<string, object?> Changes => new()
    {
        { "mode", "GCM" },
        { "iv", "QRSTUVWXYZabcdef" },
        { "key_stretch_iterations", 1_000L },
        { "key_size", 16L },
        { "key_hash", "SHA512" },
        { "stream", false },
        { "padding", "legacy" },
        { "padding.options", new object?[] { "legacy" } },
        { ":request", "info" },
        { ":request", "connect_test" },
        { ":aliases", new XpraDictionary { ["disconnect"] = 1L } },
        { ":compressors", new object?[] { "lz4" } },
        { ":lz4", true },
        { ":compression_level", 1L },
        { ":encoders", new object?[] { "bencode" } },
        { ":username", "eve" },
        { ":version", "3.1" },
        { ":challenge", true },
        { ":something", "added" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_hello_changed_in_transit_gets_nothing_encrypted(string what, object? value)
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_limits });
        await using var attacker = new WireAttacker(loopback.Listener.Port) { ChangeHello = hello => WireAttacker.Set(hello, what, value) };
        await Assert.ThrowsAsync<XpraAesException>(() => loopback.ConnectAsync(Through(attacker)));
        Assert.Equal((0, 0), (attacker.FromListener, attacker.FromClient));
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.HelloAltered) >= 1);
    }

    [Fact]
    public async Task An_unchanged_hello_is_accepted_through_the_attacker()
    {
        await using var loopback = Loopback.Start();
        await using var attacker = new WireAttacker(loopback.Listener.Port);
        foreach (var mode in Enum.GetValues<AesMode>())
        {
            await using var connection = await loopback.ConnectAsync(options => Through(attacker)(options) with { Mode = mode });
            Assert.Equal(mode, connection.Mode);
        }
    }

    [Fact]
    public async Task A_hello_that_the_attacker_sends_first_locks_the_client_out_and_gets_one_answer_that_he_cannot_read()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_limits });
        var early = 0;
        await using var attacker = new WireAttacker(loopback.Listener.Port)
        {
            ChangeHello = hello => early = SendAsync(loopback.Listener.Endpoint, hello).GetAwaiter().GetResult(),
        };
        await Assert.ThrowsAsync<XpraAesException>(() => loopback.ConnectAsync(Through(attacker)));
        // With the client's own IV; nothing else is encrypted under this salt.
        Assert.InRange(early, 1, 2_000);
        Assert.Equal((0, 0), (attacker.FromListener, attacker.FromClient));
    }

    [Fact]
    public async Task A_stolen_salt_with_another_IV_gets_nothing_even_before_the_client_connects()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_limits });
        UnauthenticatedHello.Reply? reply = null;
        await using var attacker = new WireAttacker(loopback.Listener.Port)
        {
            ChangeHello = hello => reply = new UnauthenticatedHello(hello.GetDictionary("encryption")!.GetBytes("key_salt")!) { Iterations = 10_000 }.SendAsync(loopback.Listener.Endpoint).GetAwaiter().GetResult(),
        };
        await using var connection = await loopback.ConnectAsync(Through(attacker));
        Assert.Equal(0, reply!.EncryptedBytes);
    }

    [Fact]
    public async Task The_client_rejects_the_answer_to_a_hello_with_the_attackers_salt()
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_limits });
        await using var attacker = new WireAttacker(loopback.Listener.Port) { ChangeHello = hello => WireAttacker.Set(hello, "key_salt", UnauthenticatedHello.NewSalt()) };
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => loopback.ConnectAsync(options => Through(attacker)(options) with { Mode = AesMode.CTR }));
        Assert.Equal(XpraErrorId.KeyMismatch, failure.Id);
        Assert.Equal(0, attacker.FromClient);
    }

    [Theory]
    [InlineData(AesMode.CTR)]
    [InlineData(AesMode.GCM)]
    [InlineData(AesMode.CFB)]
    public async Task An_answer_with_any_byte_changed_never_starts_a_session_with_a_different_salt(AesMode mode)
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_limits });
        for (var at = 0; at < 1_200; at += 23)
        {
            await using var attacker = new WireAttacker(loopback.Listener.Port)
            {
                ChangeAnswer = payload => payload[at % payload.Length] ^= 0x11,
            };
            try
            {
                await using var connection = await loopback.ConnectAsync(options => Through(attacker)(options) with { Mode = mode, Timeout = TimeSpan.FromSeconds(2) });
                // The changed byte does not matter to the cipher; both ends must then use the same salt.
                var server = await loopback.SingleConnectionAsync();
                Assert.Equal(server.GetCipherInfo()[1].Salt, connection.GetCipherInfo()[0].Salt);
                Assert.Equal(server.GetCipherInfo()[1].IV, connection.GetCipherInfo()[0].IV);
                await connection.CloseAsync();
            }
            catch (XpraAesException)
            {
                // Noticed.
            }
            await Loopback.Eventually(() => loopback.Listener.Connections.Count == 0);
        }
    }

    private static Func<ConnectOptions, ConnectOptions> Through(WireAttacker attacker)
        => options => options with { Endpoint = options.Endpoint with { Port = attacker.Port } };

    private static async Task<int> SendAsync(string endpoint, XpraDictionary hello)
    {
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        await socket.ConnectAsync(System.Net.IPEndPoint.Parse(endpoint));
        await socket.SendAsync(UnauthenticatedHello.Frame(PacketEncoding.RencodePlus, ["hello", hello]));
        var head = new byte[XpraAes.Packets.PacketHeader.Size];
        await new System.Net.Sockets.NetworkStream(socket).ReadExactlyAsync(head);
        var header = XpraAes.Packets.PacketHeader.Parse(head);
        return header.IsEncrypted ? header.PayloadSize : 0;
    }
}
