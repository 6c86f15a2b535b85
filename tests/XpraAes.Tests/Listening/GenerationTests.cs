using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using Xunit;

namespace XpraAes.Tests.Listening;

/// <summary>Clients of every generation, with their peculiarities, against the listener.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class GenerationTests
{
    public static TheoryData<string, AesMode> GenerationsAndModes { get; } = new(
        from generation in Generation.All
        from mode in generation.Modes
        select (generation.Name, mode));

    [Theory]
    [MemberData(nameof(GenerationsAndModes))]
    public async Task Clients_of_every_generation_hold_a_session(string name, AesMode mode)
    {
        var generation = Generation.Named(name);
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        var (hello, _) = await client.OpenSessionAsync(generation, mode);
        Assert.Equal(ProtocolDefaults.AnnouncedVersion, hello.GetString("version"));

        // Every padding length, in both directions: the echo returns the session id.
        for (var filler = 0; filler < 33; filler++)
        {
            await client.SendAsync("ping", (long)filler, 0L, new string('s', filler));
            var echo = await client.ReceiveAsync("ping_echo");
            Assert.Equal((long)filler, echo[1]);
            Assert.Equal(new string('s', filler), echo.Text(6));
            Assert.Equal(generation.LaterEncoding, echo.Header.Encoding);
        }

        await client.SendAsync("info-request", new object?[] { "uuid" }, Array.Empty<object?>(), Array.Empty<object?>());
        var info = (await client.ReceiveAsync("info-response")).Dictionary(1)!;
        var cipher = info.GetDictionary("client")!.GetDictionary("connection")!.GetDictionary("input")!.GetDictionary("cipher")!;
        Assert.Equal(("AES", CipherNames.ModeName(mode)), (cipher.GetString(""), cipher.GetString("mode")));

        var server = await loopback.SingleConnectionAsync();
        Assert.Equal((true, name), (server.KeyProven, server.PeerVersion));
        Assert.Equal(mode == AesMode.CBC ? generation.PaddingUnit : 0, server.GetCipherInfo()[1].BlockSize);

        await client.SendAsync("disconnect", "client exit");
        Assert.Equal("client request", (await client.ReceiveAsync("disconnect")).Text(1));
        Assert.Null(await client.TryReceiveAsync());
        await server.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Contains("client exit", server.CloseReason, StringComparison.Ordinal);
        Assert.Null(server.CloseCause);
    }

    [Theory]
    [MemberData(nameof(GenerationsAndModes))]
    public async Task Clients_of_every_generation_with_a_password_hold_one_too(string name, AesMode mode)
    {
        var generation = Generation.Named(name);
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        client.Channel.Encoding = generation.Encoding;
        var (first, receive) = generation.Announce(mode);
        first["challenge"] = true;
        await client.SendCompressedAsync(generation.Compression, "hello", first);
        client.ReceiveUnder(receive);
        var challenge = await client.ReceiveAsync("challenge");
        Assert.InRange(challenge.Bytes(1)!.Length, 32, 256);
        Assert.StartsWith("hmac+sha", challenge.Text(3), StringComparison.Ordinal);

        client.SendUnder(generation.Read(challenge.Dictionary(2)!));
        var (second, receiveNow) = generation.Announce(mode);
        second["challenge_response"] = "anything"u8.ToArray();
        second["challenge_client_salt"] = new byte[32];
        await client.SendCompressedAsync(generation.Compression, "hello", second);
        client.ReceiveUnder(receiveNow);
        client.SendUnder(generation.Read((await client.ReceiveAsync("hello")).Dictionary(1)!));
        client.Channel.Encoding = generation.LaterEncoding;
        for (var filler = 0; filler < 33; filler++)
        {
            await client.SendAsync("ping", (long)filler, 0L, new string('s', filler));
            Assert.Equal(new string('s', filler), (await client.ReceiveAsync("ping_echo")).Text(6));
        }
    }

    [Fact]
    public async Task Requests_are_answered_under_the_clients_cipher()
    {
        await using var loopback = Loopback.Start();
        await using var attached = await loopback.ConnectAsync(options => options with { Mode = AesMode.GCM });
        foreach (var generation in new[] { "3.1", "4.4", "6.2" }.Select(Generation.Named))
        {
            var version = await AskAsync(loopback, generation, hello => hello["request"] = "version");
            Assert.Equal(ProtocolDefaults.AnnouncedVersion, version.GetString("version"));

            var id = await AskAsync(loopback, generation, hello => hello["id_request"] = true);
            Assert.Equal("XpraAes", id.GetString("session-name"));
            Assert.False(CipherCapabilities.IsIn(id));

            var echoed = await AskAsync(loopback, generation, hello =>
            {
                hello["request"] = "connect_test";
                hello["connect_test_request"] = "0123";
            });
            Assert.Equal("0123", echoed.GetString("connect_test_response"));

            var info = await AskAsync(loopback, generation, hello => hello["request"] = "info");
            Assert.Equal("GCM", info.GetDictionary("client")!.GetDictionary("connection")!.GetDictionary("output")!.GetDictionary("cipher")!.GetString("mode"));
        }
        await Loopback.Eventually(() => loopback.Listener.Accepted == 1 + 3 * 4);
    }

    [Theory]
    [InlineData("screenshot")]
    [InlineData("stop")]
    [InlineData("command")]
    [InlineData("bell\u0007")]
    public async Task An_unsupported_request_is_refused_encrypted(string request)
    {
        await using var loopback = Loopback.Start();
        var refused = await RefusedAsync(loopback, hello => hello["request"] = request);
        Assert.Contains("is not served here", refused.Text(2), StringComparison.Ordinal);
        Assert.DoesNotContain(refused.Text(2), char.IsControl);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.RequestRefused) == 1);
    }

    [Fact]
    public async Task A_client_that_needs_a_display_is_refused_with_the_reason()
    {
        await using var loopback = Loopback.Start();
        var refused = await RefusedAsync(loopback, hello =>
        {
            hello["ui_client"] = true;
            hello["windows"] = true;
        });
        Assert.Contains("has no display", refused.Text(2), StringComparison.Ordinal);
        Assert.Empty(loopback.Listener.Connections);
    }

    private static async Task<XpraDictionary> AskAsync(Loopback loopback, Generation generation, Action<XpraDictionary> request)
    {
        await using var client = await loopback.ConnectFakeAsync();
        var (hello, announced) = generation.Announce(AesMode.CBC);
        request(hello);
        client.Channel.Encoding = generation.Encoding;
        await client.SendCompressedAsync(generation.Compression, "hello", hello);
        client.ReceiveUnder(announced);
        return (await client.ReceiveAsync("hello")).Dictionary(1)!;
    }

    private static async Task<Packet> RefusedAsync(Loopback loopback, Action<XpraDictionary> change)
    {
        await using var client = await loopback.ConnectFakeAsync();
        var (hello, announced) = Generation.Named("6.2").Announce(AesMode.CBC);
        change(hello);
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);
        var answer = await client.ReceiveAsync("disconnect");
        Assert.True(answer.Header.IsEncrypted);
        await client.WaitForCloseAsync();
        return answer;
    }
}
