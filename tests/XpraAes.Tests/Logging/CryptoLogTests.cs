using System.Text;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Logging;

/// <summary>What the log contains about a connection, on both sides, and what it never contains.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class CryptoLogTests : IDisposable
{
    private const string KeyText = "the key data of this very test";
    private const string PasswordText = "and its password";

    private readonly ListLogger _log = new();
    private readonly XpraKey _key = XpraKey.FromText(KeyText);
    private readonly SecretBuffer _password = SecretBuffer.FromUtf8(PasswordText);

    public void Dispose()
    {
        _key.Dispose();
        _password.Dispose();
    }

    [Fact]
    public async Task Steps_parameters_sizes_and_padding_are_logged_on_both_sides()
    {
        var server = new ListLogger();
        await using var listener = Start(server, options => options with { Password = _password });
        await using (var connection = await ConnectAsync(listener, options => options with { Mode = AesMode.CBC, Password = _password, Iterations = 2000 }))
            await connection.PingAsync(TimeSpan.FromSeconds(30));

        AssertLogs(_log,
            "connecting",
            "announced AES-CBC, 256 bits, SHA1, 2000 iterations, PKCS#7 padding to 16 or 32 bytes, stream True",
            "sent hello, ", "in RencodePlus, unencrypted",
            "received challenge, ", "compression none, AES-CBC with ",
            "challenge received, digest hmac+sha512",
            "asks for AES-CBC, 256 bits, SHA1, 10000 iterations",
            "sent hello, ", "AES-CBC with ", "bytes of padding",
            "received hello, ",
            "session open, xpra ", "sent ping, ", "received ping_echo, ");
        AssertLogs(server,
            "Listening on ", "connected",
            "received hello, ", "unencrypted",
            "asks for AES-CBC, 256 bits, SHA1, 2000 iterations",
            "announced AES-CBC, 256 bits, SHA1, 10000 iterations",
            "challenge sent, digest hmac+sha512", "sent challenge, ",
            "response to the challenge is right",
            "sent hello, ", "session open", "received ping, ");
        Assert.All(Steps(_log).Concat(Steps(server)), text => Assert.Contains("127.0.0.1:", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Packets_of_a_session_are_logged_at_trace_level_only()
    {
        await using var listener = Start(new ListLogger());
        await using (var connection = await ConnectAsync(listener))
            await connection.PingAsync(TimeSpan.FromSeconds(30));
        Assert.All(_log.Events.Where(e => e.Text.Contains("ping", StringComparison.Ordinal)), e => Assert.Equal(LogLevel.Trace, e.Level));
        Assert.Contains(_log.Events, e => e.Level == LogLevel.Trace);
        Assert.Contains(_log.Events, e => e.Level == LogLevel.Debug && e.Text.Contains("sent hello", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_reason_of_a_refusal_is_logged_on_either_side()
    {
        var server = new ListLogger();
        await using var listener = Start(server, options => options with { Modes = [AesMode.CTR] });
        var refusal = await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(listener, options => options with { Mode = AesMode.GCM }));
        Assert.Equal(XpraErrorId.PeerDisconnected, refusal.Id);
        AssertLogs(_log, "received disconnect", "failed, PeerDisconnected: ", "needs AES encryption with a shared key");
        await Loopback.Eventually(() => server.All.Contains("refused, ModeRejected", StringComparison.Ordinal));

        using var other = XpraKey.FromText("another key");
        await using var otherListener = Start(server);
        refusal = await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(otherListener, options => options with { Key = other }));
        Assert.Equal(XpraErrorId.KeyMismatch, refusal.Id);
        AssertLogs(_log, "failed, KeyMismatch: ");
    }

    [Fact]
    public async Task The_chosen_key_is_logged()
    {
        using var other = XpraKey.FromText("another key");
        await using var listener = Start(new ListLogger());
        await (await ConnectAsync(listener, options => options with { Key = other, OtherKeys = [_key] })).CloseAsync();
        AssertLogs(_log, $"chose key {_key.Fingerprint}, which decrypts");
    }

    [Fact]
    public async Task Keys_derived_keys_and_passwords_are_never_logged()
    {
        var secrets = new HashSet<string>();
        AddSecret(secrets, Encoding.UTF8.GetBytes(KeyText));
        AddSecret(secrets, Encoding.UTF8.GetBytes(PasswordText));
        foreach (var mode in Enum.GetValues<AesMode>())
        {
            foreach (var encryptFirstPacket in new[] { false, true })
            {
                await using var listener = Start(_log, options => options with { Password = _password, EncryptFirstPacket = encryptFirstPacket });
                await using var connection = await ConnectAsync(listener, options => options with { Mode = mode, Password = _password, EncryptFirstPacket = encryptFirstPacket });
                await connection.PingAsync(TimeSpan.FromSeconds(30));
                foreach (var row in connection.GetCipherInfo())
                    AddDerivedKey(secrets, row, _key);
            }
        }
        await using (var listener = Start(_log, options => options with { Password = _password }))
        {
            using var wrong = XpraKey.FromText(KeyText + "\n", KeySource.KeyData);
            using var wrongPassword = SecretBuffer.FromUtf8(PasswordText + "!");
            await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(listener, options => options with { Key = wrong }));
            await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(listener, options => options with { Password = wrongPassword }));
            var found = await EndpointProbe.RunAsync(Options(listener) with { Key = wrong, Password = _password }, null, default);
            Assert.DoesNotContain(found, diagnosis => secrets.Any(secret => diagnosis.ToString().Contains(secret, StringComparison.OrdinalIgnoreCase) || diagnosis.Message.Contains(secret, StringComparison.OrdinalIgnoreCase)));
        }
        Assert.Equal(2 * 3 + 2 * 2 * 4 * 3 * 2, secrets.Count);
        AssertLogsNone(secrets);
    }

    [Fact]
    public async Task A_gateway_never_logs_them_either()
    {
        const string frontKeyText = "the key of the gateway's clients";
        using var frontKey = XpraKey.FromText(frontKeyText);
        var secrets = new HashSet<string>();
        foreach (var text in new[] { KeyText, frontKeyText, PasswordText })
            AddSecret(secrets, Encoding.UTF8.GetBytes(text));
        await using var target = Start(_log, options => options with { Password = _password });
        await using var gateway = Start(_log, options => options with
        {
            Key = frontKey,
            Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", target.Port), Keys = [_key], Mode = AesMode.CTR },
        });
        await using (var connection = await ConnectAsync(gateway, options => options with { Key = frontKey, Password = _password }))
        {
            await connection.PingAsync(TimeSpan.FromSeconds(30));
            var rows = Assert.Single(gateway.Connections).GetCipherInfo();
            Assert.Equal(4, rows.Count);
            foreach (var row in rows)
                AddDerivedKey(secrets, row, row.KeyFingerprint == _key.Fingerprint ? _key : frontKey);
        }
        using var wrongPassword = SecretBuffer.FromUtf8(PasswordText + "!");
        await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(gateway, options => options with { Key = frontKey, Password = wrongPassword }));
        await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(gateway, options => options with { Password = _password })); // the target's key
        AssertLogs(_log, "asks for AES-CBC", "asks for AES-CTR");
        Assert.Equal(3 * 3 + 4 * 2 * 3, secrets.Count);
        AssertLogsNone(secrets);
    }

    private AesListener Start(ListLogger log, Func<ListenerOptions, ListenerOptions>? change = null)
    {
        var options = new ListenerOptions { Key = _key, Modes = Enum.GetValues<AesMode>(), Logger = log };
        return AesListener.Start(change?.Invoke(options) ?? options);
    }

    private ConnectOptions Options(AesListener listener) => new()
    {
        Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", listener.Port),
        Key = _key,
        Timeout = TimeSpan.FromSeconds(30),
        Logger = _log,
    };

    private Task<XpraConnection> ConnectAsync(AesListener listener, Func<ConnectOptions, ConnectOptions>? change = null)
        => XpraConnector.ConnectAsync(change?.Invoke(Options(listener)) ?? Options(listener));

    private static IEnumerable<string> Steps(ListLogger log) => log.Events.Select(e => e.Text);

    /// <summary>The texts were logged in this order, possibly with others between them.</summary>
    private static void AssertLogs(ListLogger log, params string[] texts)
    {
        var all = log.All;
        var place = 0;
        foreach (var text in texts)
        {
            var next = all.IndexOf(text, place, StringComparison.Ordinal);
            Assert.True(next >= 0, $"'{text}' is not there, or not in its place:\n{all}");
            place = next;
        }
    }

    /// <summary>None of the secrets was logged at any level, Trace included.</summary>
    private void AssertLogsNone(HashSet<string> secrets)
    {
        Assert.Equal([LogLevel.Trace, LogLevel.Debug, LogLevel.Information], _log.Events.Select(e => e.Level).Distinct().Order());
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, _log.All, StringComparison.OrdinalIgnoreCase));
    }

    private static void AddDerivedKey(HashSet<string> secrets, CipherInfo row, XpraKey key)
    {
        var derived = new byte[row.KeySize!.Value / 8];
        KeyStretching.Derive(key.Data, new CipherParameters
        {
            Mode = row.Mode!.Value,
            IV = Convert.FromHexString(row.IV!),
            Salt = Convert.FromHexString(row.Salt!),
            KeySize = derived.Length,
            KeyHash = row.KeyHash!.Value,
            Iterations = row.Iterations!.Value,
        }, derived);
        AddSecret(secrets, derived);
        AddSecret(secrets, Convert.FromHexString(row.Salt!));
    }

    private static void AddSecret(HashSet<string> secrets, byte[] secret)
    {
        secrets.Add(Encoding.Latin1.GetString(secret));
        secrets.Add(Convert.ToHexString(secret));
        secrets.Add(Convert.ToBase64String(secret));
    }
}
