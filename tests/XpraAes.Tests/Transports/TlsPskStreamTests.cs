using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

/// <summary>TLS 1.3 with a pre-shared key: between two ends of ours, with openssl, and under attack (docs/sealed.md).</summary>
public sealed class TlsPskStreamTests : IDisposable
{
    private readonly XpraKey _key = XpraKey.FromText("0123456789abcdef0123456789abcdef");
    private readonly XpraKey _other = XpraKey.FromText("another key that is as good as the first");

    public void Dispose()
    {
        _key.Dispose();
        _other.Dispose();
    }

    /// <summary>Made by a program of its own in another language, from the words of docs/sealed.md.</summary>
    [Fact]
    public void Key_data_becomes_the_documented_keys_and_identities()
    {
        var secrets = TlsPskSecrets.Of(_key);
        Assert.Equal("xpra-aes-sha256-736ff8e5bc3c8dabd68f2bf0ead30486", secrets.Sha256.Identity);
        Assert.Equal("8f2a0a09921a28624f904b1876a1809f6f264eb575285f3b6560155133626067", Convert.ToHexStringLower(secrets.Sha256.Key.Span));
        Assert.Equal("xpra-aes-sha384-889d0263feb144c68518825a5cf8a84a", secrets.Sha384.Identity);
        Assert.Equal("a546d7fc90f69c0556aca231f50d01c8d43f1b55fadeca2169fa1de159b69102a43a240ade70cbce9cd16d160359933f", Convert.ToHexStringLower(secrets.Sha384.Key.Span));
        Assert.Same(secrets, TlsPskSecrets.Of(_key));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16_384)]
    [InlineData(300_000)]
    public async Task Bytes_arrive_as_they_were_sent_in_both_directions(int size)
    {
        var (client, server) = await ConnectAsync([_key], [_other, _key]);
        await using var closing = client;
        await using var closingToo = server;
        Assert.Equal((256, 256), (client.KeySize, server.KeySize));
        Assert.Equal((_key.Fingerprint, _key.Fingerprint), (client.Key.Fingerprint, server.Key.Fingerprint));
        var sent = RandomNumberGenerator.GetBytes(size);
        foreach (var (from, to) in new[] { (client, server), (server, client) })
        {
            var writing = from.WriteAsync(sent).AsTask();
            var arrived = new byte[size];
            await to.ReadExactlyAsync(arrived);
            await writing;
            Assert.Equal(sent, arrived);
        }
    }

    [Fact]
    public async Task What_was_sent_before_the_end_arrives_and_then_the_end()
    {
        var (client, server) = await ConnectAsync([_key], [_key]);
        await using var closing = client;
        await using var closingToo = server;
        await client.WriteAsync("last words"u8.ToArray());
        await client.CloseSendAsync(default);
        var arrived = new byte[100];
        Assert.Equal(10, await server.ReadAtLeastAsync(arrived, 10));
        Assert.Equal(0, await server.ReadAsync(arrived));
    }

    [Fact]
    public async Task A_client_of_several_keys_learns_which_one_the_server_has()
    {
        var (client, server) = await ConnectAsync([_other, _key], [_key]);
        await using var closing = client;
        await using var closingToo = server;
        Assert.Equal(_key.Fingerprint, client.Key.Fingerprint);
    }

    [Fact]
    public async Task Another_key_is_a_mismatch_on_both_ends()
    {
        var (client, server) = await TryConnectAsync([_other], [_key]);
        Assert.Equal((XpraErrorId.KeyMismatch, XpraErrorId.KeyMismatch), (client?.Id, server?.Id));
    }

    /// <summary>Whatever bit is changed on the way: an error at one end or both, if only by the deadline where a length grows, and no other bytes.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_bit_changed_on_the_way_ends_the_connection(bool fromClient)
    {
        for (var offset = 0; offset < 700; offset += 3)
        {
            var ((client, server), (near, far)) = (Pair(), Pair());
            var relay = Task.WhenAll(CopyAsync(server, near, fromClient ? offset : -1), CopyAsync(near, server, fromClient ? -1 : offset));
            var accepting = RunAsync(async () =>
            {
                await using var stream = await TlsPskHandshake.AcceptAsync(far, [_key], Deadline(1.5));
                await stream.WriteAsync(new byte[300]);
                var arrived = new byte[300];
                await stream.ReadExactlyAsync(arrived, Deadline(1.5));
                Assert.Equal(new byte[300], arrived);
            }, far);
            var connecting = RunAsync(async () =>
            {
                await using var stream = await TlsPskHandshake.ConnectAsync(client, [_key], Deadline(1.5));
                await stream.WriteAsync(new byte[300]);
                var arrived = new byte[300];
                await stream.ReadExactlyAsync(arrived, Deadline(1.5));
                Assert.Equal(new byte[300], arrived);
            }, client);
            var failures = await Task.WhenAll(accepting, connecting);
            var sent = (await relay)[fromClient ? 0 : 1];
            if (sent.Length <= offset)
                return;
            Assert.True(failures.Any(failure => failure is not null) || IsIgnored(sent, offset), $"A change at {offset} goes unnoticed.");
        }
    }

    /// <summary>Everything that a client with the key has sent in one connection, sent again in another.</summary>
    [Fact]
    public async Task A_recorded_connection_cannot_be_replayed()
    {
        var ((client, server), (near, far)) = (Pair(), Pair());
        var relay = Task.WhenAll(CopyAsync(server, near, -1), CopyAsync(near, server, -1));
        var accepting = TlsPskHandshake.AcceptAsync(far, [_key], Deadline());
        await using (var stream = await TlsPskHandshake.ConnectAsync(client, [_key], Deadline()))
        {
            await stream.WriteAsync("stop"u8.ToArray());
            await using var other = await accepting;
            await other.ReadExactlyAsync(new byte[4]);
        }
        var recorded = (await relay)[0];
        var (again, listener) = Pair();
        var served = RunAsync(async () =>
        {
            await using var stream = await TlsPskHandshake.AcceptAsync(listener, [_key], Deadline());
            await stream.ReadExactlyAsync(new byte[4], Deadline());
        }, listener);
        await again.WriteAsync(recorded);
        var failure = await served;
        Assert.True(failure is XpraAesException { Id: XpraErrorId.TlsFailed or XpraErrorId.KeyMismatch or XpraErrorId.ConnectionLost }, $"{failure}");
        again.Dispose();
    }

    /// <summary>A client that offers an older version, no pre-shared key, or one without Diffie-Hellman gets no further than its first message.</summary>
    [Theory]
    [InlineData("-tls1_2", true)]
    [InlineData("-tls1_3", false)]
    [InlineData("-tls1_3 -groups ffdhe2048", true)]
    [InlineData("-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", true)]
    public async Task Openssl_gets_nothing_weaker_than_agreed(string arguments, bool givesKey)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed.");
        var psk = TlsPskSecrets.Of(_key).Sha256;
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 1);
        var serving = RunAsync(async () => await TlsPskHandshake.AcceptAsync(new NetworkStream(await listening.AcceptAsync(Deadline()), true), [_key], Deadline()));
        string[] key = givesKey ? ["-psk_identity", psk.Identity, "-psk", Convert.ToHexStringLower(psk.Key.Span)] : [];
        using var process = StartOpenssl(listening, [.. arguments.Split(' '), .. key]);
        var failure = await serving as XpraAesException;
        Assert.True(failure?.Id is XpraErrorId.TlsFailed, $"{failure}");
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        Assert.NotEqual(0, process.ExitCode);
    }

    [Fact]
    public async Task A_connection_that_is_cut_off_is_no_orderly_end()
    {
        var (a, b) = Pair();
        var accepting = TlsPskHandshake.AcceptAsync(b, [_key], Deadline());
        var client = await TlsPskHandshake.ConnectAsync(a, [_key], Deadline());
        await using var server = await accepting;
        a.Dispose();
        await Assert.ThrowsAnyAsync<IOException>(() => server.ReadAsync(new byte[1], Deadline()).AsTask());
        await client.DisposeAsync();
    }

    [Theory]
    [InlineData("right", "psk")]
    [InlineData("wrong", "decrypt error")]
    [InlineData("unknown", "decrypt error")]
    public async Task Openssl_is_let_in_with_the_right_key_alone(string which, string expected)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed.");
        var psk = TlsPskSecrets.Of(_key).Sha256;
        var identity = which == "unknown" ? "xpra-aes-sha256-00000000000000000000000000000000" : psk.Identity;
        var secret = which == "wrong" ? new string('0', 64) : Convert.ToHexStringLower(psk.Key.Span);
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 1);
        var serving = RunAsync(async () =>
        {
            await using var stream = await TlsPskHandshake.AcceptAsync(new NetworkStream(await listening.AcceptAsync(Deadline()), true), [_key], Deadline());
            Assert.Equal(128, stream.KeySize);
            await stream.WriteAsync("psk\n"u8.ToArray());
            await stream.CloseSendAsync(default);
        });
        using var process = StartOpenssl(listening, "-tls1_3", "-psk_identity", identity, "-psk", secret);
        var output = await process.StandardOutput.ReadToEndAsync() + await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Contains(expected, output, StringComparison.Ordinal);
        Assert.Equal(which == "right", await serving is null);
    }

    private static Process StartOpenssl(ListeningSocket listening, params string[] arguments)
        => Process.Start(new ProcessStartInfo("openssl", ["s_client", "-connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{listening.Endpoint.Port}"), .. arguments, "-quiet"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;

    private static CancellationToken Deadline(double seconds = 20) => new CancellationTokenSource(TimeSpan.FromSeconds(seconds)).Token;

    private static async Task<(TlsPskStream Client, TlsPskStream Server)> ConnectAsync(XpraKey[] clients, XpraKey[] servers)
    {
        var (a, b) = Pair();
        var accepting = TlsPskHandshake.AcceptAsync(b, servers, Deadline());
        return (await TlsPskHandshake.ConnectAsync(a, clients, Deadline()), await accepting);
    }

    private static async Task<(XpraAesException? Client, XpraAesException? Server)> TryConnectAsync(XpraKey[] clients, XpraKey[] servers)
    {
        var (a, b) = Pair();
        var accepting = RunAsync(async () => await TlsPskHandshake.AcceptAsync(b, servers, Deadline()), b);
        var connecting = RunAsync(async () => await TlsPskHandshake.ConnectAsync(a, clients, Deadline()), a);
        return (await connecting as XpraAesException, await accepting as XpraAesException);
    }

    /// <summary>What it threw, once its stream is closed so that the other end learns of it.</summary>
    private static async Task<Exception?> RunAsync(Func<Task> work, Stream? stream = null)
    {
        try
        {
            await work();
            return null;
        }
        catch (Exception e) when (e is XpraAesException or IOException or OperationCanceledException)
        {
            return e;
        }
        finally
        {
            stream?.Dispose();
        }
    }

    /// <summary>The version in the header of a record that is not encrypted means nothing, and is to be ignored (RFC 8446 section 5.1).</summary>
    private static bool IsIgnored(byte[] records, int offset)
    {
        for (var start = 0; start + 5 <= records.Length; start += 5 + (records[start + 3] << 8 | records[start + 4]))
        {
            if (offset == start + 1 || offset == start + 2)
                return records[start] is 20 or 22;
        }
        return false;
    }

    /// <summary>What was sent, unchanged.</summary>
    private static async Task<byte[]> CopyAsync(Stream from, Stream to, int flipAt)
    {
        var (buffer, position) = (new byte[4096], 0);
        using var sent = new MemoryStream();
        try
        {
            while (await from.ReadAsync(buffer) is var count and > 0)
            {
                sent.Write(buffer, 0, count);
                if (flipAt >= position && flipAt < position + count)
                    buffer[flipAt - position] ^= 1;
                position += count;
                await to.WriteAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
        }
        finally
        {
            await to.DisposeAsync();
        }
        return sent.ToArray();
    }

    private static (NetworkStream, NetworkStream) Pair()
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.Connect(listening.LocalEndPoint!);
        var server = listening.Accept();
        server.NoDelay = true;
        return (new NetworkStream(client, true), new NetworkStream(server, true));
    }
}
