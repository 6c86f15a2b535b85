using XpraAes.Encodings;
using XpraAes.Connections;
using XpraAes.Listening;
using XpraAes.Tests.Attacks;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Interop;

/// <summary>An attacker in the middle who rewrites the client's hello, between a real xpra and XpraAes, gets no more than one answer, which he cannot read.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class RealWireTests(RealXpra xpra) : IClassFixture<RealXpra>
{
    private static readonly byte[] s_salt = UnauthenticatedHello.NewSalt();

    /// <summary>What 3.1.3 says under <c>cipher.…</c>, and we in both forms; and three names that are not the cipher's.</summary>
    public static TheoryData<string, object?> Changes => new()
    {
        { "key_salt", s_salt },
        { "iv", "QRSTUVWXYZabcdef" },
        { "key_stretch_iterations", 1_234L },
        { "key_size", 16L },
        { "mode", "CTR" },
        { "stream", false },
        { ":aliases", new XpraDictionary { ["hello"] = 1L, ["ping"] = 2L } },
        { ":compressors", new object?[] { "lz4", "zlib" } },
        { ":request", "command" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Between_its_client_and_our_listener(string what, object? value)
    {
        xpra.Require();
        await using var listener = AesListener.Start(new ListenerOptions { Key = xpra.Key, Limits = new Limits { FailuresBeforeBlock = 1000, DelayPerFailure = TimeSpan.Zero } });
        await using var attacker = new WireAttacker(listener.Port) { ChangeHello = hello => WireAttacker.Set(hello, what, value) };
        await using var client = xpra.StartClient("info", attacker.Port);
        await client.WaitForExitAsync();
        // The answer to the changed hello is sent once, under a salt that is then used up.
        Assert.InRange(attacker.FromListener, 0, 4_000);
        Assert.Equal(0, attacker.FromClient);
        Assert.True(what is ":compressors" or ":aliases" || !client.Output.Contains("network.encryption=AES", StringComparison.Ordinal), client.Output);
        // The salt that it answered under, asked for once more.
        var heard = await new UnauthenticatedHello(attacker.ForwardedHellos[0].GetBytes("cipher.key_salt")!) { Mode = XpraAes.Ciphers.AesMode.CBC }.SendAsync(listener.Endpoint);
        Assert.True(attacker.FromListener == 0 ^ heard.EncryptedBytes == 0, "One answer comes under a salt.");
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Between_our_client_and_its_server(string what, object? value)
    {
        xpra.Require();
        await using var attacker = new WireAttacker(xpra.ServerOptions.Endpoint.Port) { ChangeHello = hello => WireAttacker.Set(hello, what, value) };
        try
        {
            await using var connection = await XpraConnector.ConnectAsync(xpra.ServerOptions with { Endpoint = xpra.ServerOptions.Endpoint with { Port = attacker.Port }, Timeout = TimeSpan.FromSeconds(10) });
            // 3.1.3 always answers in CBC with 256 bits and without IVs in packets; salt, IV and iterations must be those of the hello, or nothing decrypts.
            Assert.True(what is "key_size" or "mode" or "stream" or ":aliases" or ":compressors", $"It connects in spite of {what}.");
            Assert.NotEqual(connection.GetCipherInfo()[0].Salt, connection.GetCipherInfo()[1].Salt);
            Assert.All(connection.GetCipherInfo(), row => Assert.Equal((256, true), (row.KeySize, row.Stream)));
        }
        catch (XpraAesException)
        {
            Assert.Equal(0, attacker.FromClient);
        }
    }
}
