using System.Diagnostics;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Packets;

namespace XpraAes.Tests.Listening;

/// <summary>The browser client derives its keys without waiting for them: it can neither read at once, nor does it always encrypt what it says meanwhile.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class BrowserClientTests
{
    /// <summary>By how much a timer may be early: a tick of the coarsest clock, Windows' own.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(16);

    private static readonly Generation s_html5 = Generation.Named("HTML5");

    [Fact]
    public async Task It_has_time_for_its_key_before_anything_is_encrypted_for_it()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        var start = Stopwatch.GetTimestamp();
        await client.OpenSessionAsync(s_html5, AesMode.CBC);
        var took = Stopwatch.GetElapsedTime(start);
        Assert.True(took >= Limits.Default.BrowserKeyTime - s_tick, $"{took}");
    }

    [Fact]
    public async Task What_it_says_before_it_can_encrypt_is_not_acted_on_and_the_session_goes_on()
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(s_html5, AesMode.CBC);
        for (var i = 0; i < 16; i++)
            await client.SendRawAsync(Plain("disconnect", "a stranger's"));
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
        var connection = await loopback.SingleConnectionAsync();
        Assert.True(connection.KeyProven);
        Assert.Equal(ConnectionState.Open, connection.State);

        // From its first encrypted packet on, nothing else is.
        await client.SendRawAsync(Plain("ping", 2L));
        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(XpraErrorId.PlaintextPacket, connection.CloseCause);
    }

    [Theory]
    [InlineData("HTML5", 17)]
    [InlineData("6.2", 1)] // encrypts from its second packet on
    public async Task Too_much_of_it_ends_the_session(string generation, int count)
    {
        await using var loopback = Loopback.Start();
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named(generation), AesMode.CBC);
        var connection = await loopback.SingleConnectionAsync();
        for (var i = 0; i < count; i++)
            await client.SendRawAsync(Plain("ping", (long)i));
        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Equal((XpraErrorId.PlaintextPacket, false), (connection.CloseCause, connection.KeyProven));
    }

    [Fact]
    public async Task A_password_that_it_sends_before_it_can_encrypt_is_asked_for_again()
    {
        using var password = new SecretBuffer("secret"u8);
        await using var loopback = Loopback.Start(options => options with { Password = password });
        await using var client = await loopback.ConnectFakeAsync();
        client.Channel.Encoding = s_html5.Encoding;
        var (hello, announced) = s_html5.Announce(AesMode.CBC);
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);
        var first = await client.ReceiveAsync("challenge");
        Assert.NotNull(first.Dictionary(2));

        // It still cannot encrypt.
        await client.SendRawAsync(Plain("hello", hello));
        var second = await client.ReceiveAsync("challenge");
        Assert.Equal(first[1], second[1]);
        Assert.Empty(loopback.Listener.Connections);

        // A third time is too often.
        await client.SendRawAsync(Plain("hello", hello));
        await client.ReceiveAsync("challenge");
        await client.SendRawAsync(Plain("hello", hello));
        await client.WaitForCloseAsync();
        await Loopback.Eventually(() => loopback.Listener.Refusals.Values.Sum() == 1);
        Assert.Equal(0, loopback.Listener.Accepted);
    }

    private static byte[] Plain(params object?[] packet)
    {
        var data = PacketCodec.Encode(PacketEncoding.RencodePlus, packet);
        var wire = new byte[PacketHeader.Size + data.Length];
        new PacketHeader((byte)PacketEncoding.RencodePlus, 0, 0, data.Length).Write(wire);
        data.CopyTo(wire, PacketHeader.Size);
        return wire;
    }
}
