using System.Net;
using System.Reflection;
using System.Reflection.Emit;
using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Packets;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Handshake;

/// <summary>A listener with a password.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class AuthenticationTests : IDisposable
{
    private static readonly Limits s_limits = Limits.Default with { AuthenticationDelay = TimeSpan.Zero, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(100) };

    private readonly XpraKey _key = XpraKey.FromText("the key");
    private readonly SecretBuffer _password = SecretBuffer.FromUtf8("the password");

    public void Dispose()
    {
        _key.Dispose();
        _password.Dispose();
    }

    [Theory]
    [InlineData("hmac+sha512", new[] { "hmac+sha224", "hmac+sha512", "hmac+sha256", "xor" })]
    [InlineData("hmac+sha384", new[] { "hmac+sha384", "hmac+sha256" })]
    [InlineData("hmac+sha256", new[] { "xor", "hmac+md5", "hmac+sha1", "hmac+sha224", "hmac+sha256" })]
    public async Task The_challenge_uses_the_clients_strongest_digest_and_the_right_response_is_accepted(string expected, string[] offered)
    {
        await using var listener = Start();
        await using var client = await TestClient.ConnectAsync(listener, _key);
        var digests = offered.ToArray<object?>();
        await client.SendHelloAsync(("digest", digests), ("salt-digest", digests));
        var challenge = await client.ReceiveAsync();
        Assert.Equal(("challenge", true, expected, expected, "password"), (challenge.Type, challenge.Header.IsEncrypted, challenge.Text(3), challenge.Text(4), challenge.Text(5)));
        Assert.Equal(64, challenge.Bytes(1)!.Length);
        await AnswerAsync(client, challenge, _password);
        Assert.Equal("hello", (await client.ReceiveAsync()).Type);
        await Rig.UntilAsync(() => listener.Connections.Count == 1);
        Assert.True(listener.Connections[0].KeyProven);
    }

    [Theory]
    [InlineData("hmac+sha224")]
    [InlineData("hmac+sha1")]
    [InlineData("hmac+md5")]
    [InlineData("xor")]
    [InlineData("des")]
    public async Task A_client_with_only_weaker_digests_gets_the_reason(string digest)
    {
        await using var listener = Start();
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync(("digest", new object?[] { digest }), ("salt-digest", new object?[] { digest }));
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Contains("SHA-256 or stronger", refusal.Message, StringComparison.Ordinal);
        await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.AuthenticationUnsupported) == 1);
    }

    [Fact]
    public async Task The_challenge_has_bare_flat_and_nested_cipher_capabilities()
    {
        await using var listener = Start();
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync();
        var capabilities = (await client.ReceiveAsync()).Dictionary(2)!;
        var salt = capabilities.GetBytes("key_salt");
        Assert.Equal(64, salt!.Length);
        Assert.Equal(salt, capabilities.GetBytes("cipher.key_salt"));
        Assert.Equal(salt, capabilities.GetDictionary("encryption")!.GetBytes("key_salt"));
    }

    [Fact]
    public async Task Challenges_are_unique_and_a_response_to_one_does_not_answer_another()
    {
        await using var listener = Start();
        await using var first = await TestClient.ConnectAsync(listener, _key);
        await first.SendHelloAsync();
        var challenge = await first.ReceiveAsync();
        var response = Respond(challenge, _password);
        await using var second = await TestClient.ConnectAsync(listener, _key);
        await second.SendHelloAsync();
        var other = await second.ReceiveAsync();
        Assert.NotEqual(challenge.Bytes(1), other.Bytes(1));
        await second.AnswerAsync(other, ("challenge_response", response), ("challenge_client_salt", new byte[32]));
        Assert.Equal(XpraErrorId.AuthenticationFailed, (await Assert.ThrowsAsync<RefusedException>(second.ReceiveAsync)).Id);
    }

    public static TheoryData<string> Wrongs() => ["password", "user", "no user", "both", "no response", "half a response", "no salt", "a short salt", "xor", "text"];

    [Theory]
    [MemberData(nameof(Wrongs))]
    public async Task Every_wrong_response_has_the_same_result(string wrong)
    {
        await using var listener = Start(options => options with { UserName = "the user" });
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync();
        var challenge = await client.ReceiveAsync();
        using var wrongPassword = SecretBuffer.FromUtf8("the passwore");
        var clientSalt = RandomNumberGenerator.GetBytes(wrong == "a short salt" ? 15 : 32);
        var response = Respond(challenge, wrong is "password" or "both" ? wrongPassword : _password, clientSalt);
        object? said = wrong switch
        {
            "no response" => null,
            "half a response" => response[..^1],
            "xor" => Challenge.Respond(_password.Span, challenge.Bytes(1), clientSalt, "xor", challenge.Text(4)),
            "text" => 5L,
            _ => response,
        };
        await client.AnswerAsync(challenge,
            ("challenge_response", said),
            ("challenge_client_salt", wrong == "no salt" ? null : clientSalt),
            ("username", wrong switch { "user" or "both" => "The user", "no user" => "", _ => "the user" }));
        var refusal = await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        Assert.Equal(["disconnect", "authentication error", "authentication failed"], refusal.Disconnect.Items);
        Assert.True(refusal.Disconnect.Header.IsEncrypted);
        await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.AuthenticationFailed) == 1);
        Assert.Equal(0, listener.Accepted);
    }

    [Theory]
    [InlineData("the user", "the user")]
    [InlineData(null, "anybody")]
    [InlineData(null, "")]
    public async Task The_right_user_name_is_accepted_and_any_name_where_none_is_required(string? asked, string given)
    {
        await using var listener = Start(options => options with { UserName = asked });
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync();
        var challenge = await client.ReceiveAsync();
        await AnswerAsync(client, challenge, _password, ("username", given));
        Assert.Equal("hello", (await client.ReceiveAsync()).Type);
    }

    [Fact]
    public async Task A_wrong_response_is_answered_after_a_second_without_delaying_other_clients()
    {
        await using var listener = Start(limits: s_limits with { AuthenticationDelay = Limits.Default.AuthenticationDelay });
        using var wrong = SecretBuffer.FromUtf8("not the password");
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync();
        var challenge = await client.ReceiveAsync();
        var started = Environment.TickCount64; // the clock of .NET's timers, which may be a tick behind others
        await AnswerAsync(client, challenge, wrong);
        var refused = Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);

        await using var other = await TestClient.ConnectAsync(listener, _key);
        await other.SendHelloAsync();
        await AnswerAsync(other, await other.ReceiveAsync(), _password);
        Assert.Equal("hello", (await other.ReceiveAsync()).Type);
        Assert.False(refused.IsCompleted);
        await refused;
        Assert.InRange(TimeSpan.FromMilliseconds(Environment.TickCount64 - started), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_five_wrong_responses_an_address_is_blocked_even_if_other_clients_there_know_the_password(bool othersDo)
    {
        var clock = new FakeClock();
        await using var listener = Start(options => options with { Clock = clock });
        using var wrong = SecretBuffer.FromUtf8("not the password");
        await using var other = othersDo ? await TestClient.ConnectAsync(listener, _key) : null;
        if (other is not null)
        {
            await other.SendHelloAsync();
            await AnswerAsync(other, await other.ReceiveAsync(), _password);
            await other.ReceiveAsync();
        }
        for (var i = 0; i < 5; i++)
        {
            await using var client = await TestClient.ConnectAsync(listener, _key);
            await client.SendHelloAsync();
            await AnswerAsync(client, await client.ReceiveAsync(), wrong);
            await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync);
        }
        await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.AuthenticationFailed) == 5);
        await using (var blocked = await TestClient.ConnectAsync(listener, _key))
            await Assert.ThrowsAsync<XpraAesException>(async () =>
            {
                await blocked.SendHelloAsync();
                await blocked.ReceiveAsync();
            });
        Assert.Equal(1, listener.Refusals[XpraErrorId.LimitReached]);

        clock.Advance(Limits.Default.FailureWindow + TimeSpan.FromSeconds(1));
        await using var late = await TestClient.ConnectAsync(listener, _key);
        await late.SendHelloAsync();
        await AnswerAsync(late, await late.ReceiveAsync(), _password);
        Assert.Equal("hello", (await late.ReceiveAsync()).Type);
    }

    [Fact]
    public async Task Each_failure_from_an_address_increases_the_delay_of_its_next_connection()
    {
        await using var listener = Start(limits: s_limits with { DelayPerFailure = TimeSpan.FromMilliseconds(300) });
        using var wrong = SecretBuffer.FromUtf8("not the password");
        for (var failures = 0; failures < 3; failures++)
        {
            var started = Environment.TickCount64; // as above
            await using var client = await TestClient.ConnectAsync(listener, _key);
            await client.SendHelloAsync();
            var challenge = await client.ReceiveAsync();
            Assert.InRange(Environment.TickCount64 - started, 300 * failures, 300 * failures + 2000);
            await AnswerAsync(client, challenge, wrong);
            await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.AuthenticationFailed) == failures + 1);
        }
    }

    [Fact]
    public async Task A_closed_connection_is_no_failure()
    {
        await using var listener = Start();
        for (var i = 0; i < 10; i++)
        {
            await using var client = await TestClient.ConnectAsync(listener, _key);
            await client.SendHelloAsync();
            await client.ReceiveAsync();
        }
        await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.ConnectionLost) == 10);
        await using var honest = await TestClient.ConnectAsync(listener, _key);
        await honest.SendHelloAsync();
        await AnswerAsync(honest, await honest.ReceiveAsync(), _password);
        Assert.Equal("hello", (await honest.ReceiveAsync()).Type);
    }

    [Fact]
    public async Task A_trusted_source_is_never_blocked()
    {
        await using var listener = Start(options => options with { TrustedSources = [IPNetwork.Parse("127.0.0.0/8")] });
        using var wrong = SecretBuffer.FromUtf8("not the password");
        for (var i = 0; i < 7; i++)
        {
            await using var client = await TestClient.ConnectAsync(listener, _key);
            await client.SendHelloAsync();
            await AnswerAsync(client, await client.ReceiveAsync(), wrong);
            Assert.Equal(XpraErrorId.AuthenticationFailed, (await Assert.ThrowsAsync<RefusedException>(client.ReceiveAsync)).Id);
        }
    }

    [Theory]
    [InlineData("version", "hello")]
    [InlineData("id", "challenge")]
    [InlineData("connect_test", "challenge")]
    [InlineData("info", "challenge")]
    [InlineData("event", "challenge")]
    [InlineData("stop", "challenge")]
    public async Task Only_the_version_is_answered_without_a_password(string request, string answer)
    {
        await using var listener = Start();
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync(("request", request));
        Assert.Equal(answer, (await client.ReceiveAsync()).Type);
    }

    [Fact]
    public async Task An_unencrypted_answer_is_always_refused()
    {
        await using var listener = Start();
        await using var client = await TestClient.ConnectAsync(listener, _key);
        await client.SendHelloAsync();
        var challenge = await client.ReceiveAsync();
        using var writer = new PacketWriter(client.Transport);
        var hello = TestClient.NewHello(("challenge_response", Respond(challenge, _password)), ("challenge_client_salt", new byte[32]));
        writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { "hello", hello }));
        await writer.FlushAsync(default);
        await Assert.ThrowsAsync<XpraAesException>(client.ReceiveAsync);
        await Rig.UntilAsync(() => listener.Refusals.GetValueOrDefault(XpraErrorId.PlaintextPacket) == 1);
        Assert.Equal(0, listener.Accepted);
    }

    [Fact]
    public void Responses_and_user_names_are_compared_in_constant_time_without_early_exits()
    {
        var called = typeof(Authenticator).GetMethods(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly)
            .Where(method => method.Name is "Verify" or "IsRightUser")
            .SelectMany(Calls)
            .ToArray();
        Assert.Equal(2, called.Count(method => method.DeclaringType == typeof(CryptographicOperations) && method.Name == nameof(CryptographicOperations.FixedTimeEquals)));
        Assert.DoesNotContain(called, method => method.Name is "SequenceEqual" or "Equals" or "op_Equality");
    }

    private AesListener Start(Func<ListenerOptions, ListenerOptions>? configure = null, Limits? limits = null)
    {
        var options = new ListenerOptions { Key = _key, Modes = Enum.GetValues<AesMode>(), Password = _password, Limits = limits ?? s_limits };
        return AesListener.Start(configure?.Invoke(options) ?? options);
    }

    private static byte[] Respond(Packet challenge, SecretBuffer password, byte[]? clientSalt = null)
        => Challenge.Respond(password.Span, challenge.Bytes(1), clientSalt ?? new byte[32], challenge.Text(3), challenge.Text(4));

    private static Task AnswerAsync(TestClient client, Packet challenge, SecretBuffer password, params (string, object?)[] capabilities)
        => client.AnswerAsync(challenge, [("challenge_response", Respond(challenge, password)), ("challenge_client_salt", new byte[32]), .. capabilities]);

    /// <summary>The methods that a method calls, read from its IL.</summary>
    private static IEnumerable<MethodBase> Calls(MethodInfo method)
    {
        var code = method.GetMethodBody()!.GetILAsByteArray()!;
        for (var i = 0; i + 4 < code.Length; i++)
        {
            if (code[i] != OpCodes.Call.Value && code[i] != OpCodes.Callvirt.Value)
                continue;
            MethodBase? called = null;
            try
            {
                called = method.Module.ResolveMethod(BitConverter.ToInt32(code, i + 1));
            }
            catch (ArgumentException)
            {
                // These bytes are part of another instruction's operand.
            }
            if (called is not null)
                yield return called;
        }
    }
}
