using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Tests.Diagnostics;
using XpraAes.Tests.Listening;
using XpraAes.Tests.Logging;
using XpraAes.Transports;

namespace XpraAes.Tests.Attacks;

/// <summary>A server with the key, or a man in the middle who changes its answer, that asks for an unsafe cipher: the client encrypts nothing with it.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class ServersAnswerTests : IDisposable
{
    private readonly XpraKey _key = XpraKey.Generate();

    public void Dispose() => _key.Dispose();

    public static TheoryData<string, object?, XpraErrorId> Odd => new()
    {
        { "key_stretch_iterations", 100L, XpraErrorId.IterationsRejected },
        { "key_stretch_iterations", 999L, XpraErrorId.IterationsRejected },
        { "key_stretch_iterations", 9_999L, XpraErrorId.IterationsRejected },
        { "key_stretch_iterations", 1_000_000L, XpraErrorId.IterationsRejected },
        { "key_salt", "a"u8.ToArray(), XpraErrorId.CipherCapabilitiesInvalid },
        { "key_salt", new byte[15], XpraErrorId.CipherCapabilitiesInvalid },
        { "key_salt", Array.Empty<byte>(), XpraErrorId.CipherCapabilitiesInvalid },
        { "key_salt", "0000000000000000"u8.ToArray(), XpraErrorId.SaltReused },
        { "key_size", 16L, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_size", 24L, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_size", 8L, XpraErrorId.CipherCapabilitiesInvalid },
        { "mode", "CBC", XpraErrorId.ModeRejected },
        { "mode", "GCM", XpraErrorId.ModeRejected },
        { "mode", "ECB", XpraErrorId.ModeRejected },
        { "iv", "short", XpraErrorId.CipherCapabilitiesInvalid },
    };

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task An_invalid_answer_ends_the_connection_before_anything_is_encrypted_with_it(string what, object? value, XpraErrorId cause)
        => Assert.Equal(cause, await FailAsync((_, announced) => announced[what] = value));

    [Theory]
    [InlineData("SHA224", 49_000L)]
    [InlineData("SHA512", 49_000L)]
    public async Task Iterations_are_refused_by_their_cost_even_if_the_number_is_allowed(string hash, long iterations)
        => Assert.Equal(XpraErrorId.IterationsRejected, await FailAsync((_, announced) =>
        {
            announced["key_hash"] = hash;
            announced["key_stretch_iterations"] = iterations;
        }));

    [Fact]
    public async Task The_clients_own_salt_is_not_accepted_from_the_server()
    {
        Assert.Equal(XpraErrorId.SaltReused, await FailAsync((own, announced) => announced["key_salt"] = own.GetBytes("key_salt")));
        // Nor one that any other XpraAes client created.
        var other = SaltMemory.Of(_key).Tags.CreateClientSalt(Hello.ForClient("0", null, allowXor: false), DateTimeOffset.UtcNow.AddYears(-1));
        Assert.Equal(XpraErrorId.SaltReused, await FailAsync((_, announced) => announced["key_salt"] = other));
    }

    [Fact]
    public async Task A_listeners_salt_is_accepted_only_in_answer_to_the_hello_that_it_was_made_for()
    {
        byte[] recorded = [];
        Assert.Null(await FailAsync((own, announced) =>
        {
            var parameters = CipherCapabilities.Read(announced)!.Parameters;
            recorded = SaltMemory.Of(_key).Tags.CreateListenerSalt(own.GetBytes("key_salt"), parameters, parameters.Stream);
            announced["key_salt"] = recorded;
        }));
        Assert.Equal(XpraErrorId.HelloAltered, await FailAsync((_, announced) => announced["key_salt"] = recorded));
        // With parameters that it was not created for.
        Assert.Equal(XpraErrorId.HelloAltered, await FailAsync((own, announced) =>
        {
            var parameters = CipherCapabilities.Read(announced)!.Parameters;
            announced["key_salt"] = SaltMemory.Of(_key).Tags.CreateListenerSalt(own.GetBytes("key_salt"), parameters, parameters.Stream);
            announced["iv"] = "QRSTUVWXYZabcdef";
        }));
    }

    [Fact]
    public async Task A_servers_salt_is_not_accepted_twice()
    {
        var salt = UnauthenticatedHello.NewSalt();
        Assert.Null(await FailAsync((_, announced) => announced["key_salt"] = salt));
        Assert.Equal(XpraErrorId.SaltReused, await FailAsync((_, announced) => announced["key_salt"] = salt));
    }

    [Theory]
    [InlineData("4.4", 1_000, true)]
    [InlineData("6.1", 1_000, true)]
    [InlineData("5.1", 10_000, false)]
    [InlineData("6.2", 10_000, false)]
    public async Task A_generation_with_1000_iterations_is_accepted_with_a_warning(string name, int iterations, bool warns)
    {
        var log = new ListLogger();
        Assert.Null(await FailAsync((_, announced) => announced["key_stretch_iterations"] = (long)iterations, Generation.Named(name), log));
        Assert.Equal(warns, log.All.Contains($"with {iterations} iterations instead of the 10000 requested", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_password_is_not_sent_with_xor_unless_allowed()
    {
        var seen = new List<string>();
        await using var server = new Listening.FakeServer(_key, async peer =>
        {
            var generation = Generation.Named("6.2");
            var hello = (await peer.ReceiveAsync("hello")).Dictionary(1)!;
            seen.AddRange(hello.GetStrings("digest"));
            peer.SendUnder(generation.Read(hello));
            var (capabilities, announced) = generation.Announce(AesMode.CTR);
            await peer.SendAsync("challenge", new byte[64], capabilities, "xor", "hmac+sha512", "password");
            peer.ReceiveUnder(announced);
            await peer.TryReceiveAsync();
        });
        using var password = SecretBuffer.FromUtf8("secret");
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(Options(server) with { Password = password }));
        Assert.Equal(XpraErrorId.AuthenticationUnsupported, failure.Id);
        Assert.Contains("-AllowXor", failure.RecommendedAction, StringComparison.Ordinal);
        Assert.DoesNotContain("xor", seen);
    }

    /// <summary>Connects to a server with a changed answer. Returns the error, or null if the session is established.</summary>
    private async Task<XpraErrorId?> FailAsync(Action<XpraDictionary, XpraDictionary> change, Generation? generation = null, ILogger? log = null)
    {
        generation ??= Generation.Named("6.2");
        var received = 0L;
        await using var server = new Listening.FakeServer(_key, async peer =>
        {
            var hello = (await peer.ReceiveAsync("hello")).Dictionary(1)!;
            peer.SendUnder(generation.Read(hello));
            var (answer, parameters) = generation.Announce(AesMode.CTR);
            var announced = generation.IsNested ? answer.GetDictionary("encryption")! : new XpraDictionary();
            if (!generation.IsNested)
            {
                foreach (var (name, value) in answer.Where(pair => pair.Key is string key && key.StartsWith("cipher", StringComparison.Ordinal)))
                    announced[((string)name).Replace("cipher.", "", StringComparison.Ordinal)] = value;
            }
            change(hello.GetDictionary("encryption")!, announced);
            if (!generation.IsNested)
            {
                foreach (var (name, value) in announced)
                    answer[(string)name == "cipher" ? "cipher" : $"cipher.{name}"] = value;
            }
            else if (generation.IsFlat)
            {
                foreach (var (name, value) in announced)
                    answer[(string)name == "cipher" ? "cipher" : $"cipher.{name}"] = value;
            }
            var before = peer.Channel.Reader.BytesRead;
            await peer.SendAsync("hello", answer);
            try
            {
                peer.ReceiveUnder(generation.Read(answer));
                await peer.SendAsync("ping_echo", (await peer.ReceiveAsync("ping"))[1], 0L, 0L, 0L, -1L);
                await peer.WaitForCloseAsync();
            }
            catch (Exception e) when (e is XpraAesException or EndOfStreamException or ArgumentException)
            {
                // The client ends the connection.
            }
            received = peer.Channel.Reader.BytesRead - before;
        });
        try
        {
            await (await XpraConnector.ConnectAsync(Options(server) with { Logger = log ?? Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance })).CloseAsync();
            return null;
        }
        catch (XpraAesException e)
        {
            await server.Finished;
            Assert.Equal(0, received);
            return e.Id;
        }
    }

    private ConnectOptions Options(Listening.FakeServer server) => new()
    {
        Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", server.Port),
        Key = _key,
        Mode = AesMode.CTR,
        Timeout = Loopback.HelloTimeout,
    };
}
