using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Tls;
using XpraAes.Fuzz;
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

    /// <summary>Record by record in memory, with what a peer that has the key may and may not send.</summary>
    [Theory]
    [InlineData("data, ticket, data, close", "0102", null)]
    [InlineData("data, half a ticket, its other half, data, close", "0102", null)]
    [InlineData("data, key update, data, key update asked back, data, close", "010203", null)]
    [InlineData("data, empty, data, close", "0102", null)]
    [InlineData("data, close, data", "01", null)]
    [InlineData("data, canceled, close", "01", null)]
    [InlineData("data", "01", XpraErrorId.ConnectionLost)]
    [InlineData("data, 33 empty, data", "01", XpraErrorId.TlsFailed)]
    [InlineData("33 key updates, data", "", XpraErrorId.TlsFailed)]
    [InlineData("data, ticket to a server", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, client hello", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, key update and more in its record", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, key update of no known kind", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, message of 16 MB", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, empty handshake", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, change cipher spec", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, unprotected", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, fatal alert, data", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, swapped, data", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, dropped, data", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, twice, data", "0102", XpraErrorId.TlsFailed)]
    [InlineData("data, of another connection, data", "01", XpraErrorId.TlsFailed)]
    [InlineData("data, cut short", "01", XpraErrorId.ConnectionLost)]
    public async Task Records_after_the_handshake(string sent, string data, XpraErrorId? failure)
    {
        using var sender = Protection(1);
        var records = new MemoryStream();
        byte number = 0;
        foreach (var what in sent.Split(", "))
        {
            switch (what)
            {
                case "data": Send(ContentType.application_data, ++number); break;
                case "empty": Send(ContentType.application_data); break;
                case "33 empty": Repeat(() => Send(ContentType.application_data)); break;
                case "ticket" or "ticket to a server": Send(ContentType.handshake, 4, 0, 0, 2, 9, 9); break;
                case "half a ticket": Send(ContentType.handshake, 4, 0, 0); break;
                case "its other half": Send(ContentType.handshake, 2, 9, 9); break;
                case "key update": Send(ContentType.handshake, 24, 0, 0, 1, 0); sender.Update(); break;
                case "key update asked back": Send(ContentType.handshake, 24, 0, 0, 1, 1); sender.Update(); break;
                case "33 key updates": Repeat(() => { Send(ContentType.handshake, 24, 0, 0, 1, 0); sender.Update(); }); break;
                case "key update and more in its record": Send(ContentType.handshake, 24, 0, 0, 1, 0, 24); break;
                case "key update of no known kind": Send(ContentType.handshake, 24, 0, 0, 1, 2); break;
                case "client hello": Send(ContentType.handshake, 1, 0, 0, 0); break;
                case "message of 16 MB": Send(ContentType.handshake, 4, 0xff, 0xff, 0xff); Repeat(() => Send(ContentType.handshake, new byte[1000])); break;
                case "empty handshake": Send(ContentType.handshake); break;
                case "change cipher spec": Send(ContentType.change_cipher_spec, 1); break;
                case "unprotected": records.Write([22, 3, 3, 0, 4, 4, 0, 0, 0]); break;
                case "fatal alert": Send(ContentType.alert, 2, 80); break;
                case "close": Send(ContentType.alert, 1, 0); break;
                case "canceled": Send(ContentType.alert, 1, 90); break;
                case "swapped": var (first, second) = (Seal(sender, ++number), Seal(sender, ++number)); records.Write(second); records.Write(first); break;
                case "dropped": Seal(sender, ++number); break;
                case "twice": var record = Seal(sender, ++number); records.Write(record); records.Write(record); break;
                case "of another connection": using (var other = Protection(2)) { Seal(other, 0); records.Write(Seal(other, ++number)); } break;
                case "cut short": records.Write(Seal(sender, ++number).AsSpan(..^3)); break;
                default: throw new ArgumentException(what);
            }
        }
        var (near, far) = DuplexStream.CreatePair();
        await using var stream = Over(near, Protection(1), Protection(9), isClient: !sent.Contains("to a server", StringComparison.Ordinal));
        await far.WriteAsync(records.ToArray());
        far.Dispose();

        var (arrived, buffer) = (new MemoryStream(), new byte[5]);
        var error = await RunAsync(async () =>
        {
            while (await stream.ReadAsync(buffer, Deadline()) is var count and > 0)
                arrived.Write(buffer, 0, count);
        });
        Assert.Equal(data, Convert.ToHexString(arrived.ToArray()));
        Assert.Equal(failure, (error?.InnerException as XpraAesException)?.Id);

        void Send(short type, params byte[] content)
        {
            var record = new byte[content.Length + TlsRecordProtection.Overhead];
            sender.Seal(type, content, record);
            records.Write(record);
        }

        static void Repeat(Action send)
        {
            for (var i = 0; i < 33; i++)
                send();
        }
    }

    [Fact]
    public async Task Each_direction_closes_on_its_own()
    {
        var (client, server) = await ConnectAsync([_key], [_key]);
        await using var closing = client;
        await using var closingToo = server;
        await client.CloseSendAsync(default);
        Assert.Equal(0, await server.ReadAsync(new byte[1]));
        await server.WriteAsync("still here"u8.ToArray());
        await server.CloseSendAsync(default);
        var arrived = new byte[100];
        Assert.Equal(10, await client.ReadAtLeastAsync(arrived, 100, throwOnEndOfStream: false));
        await Assert.ThrowsAsync<IOException>(() => client.WriteAsync(new byte[1]).AsTask());
    }

    /// <summary>Both ends change keys every few records, and every change asks for none.</summary>
    [Fact]
    public async Task Keys_change_after_so_many_records()
    {
        var (near, far) = DuplexStream.CreatePair();
        await using var client = Over(near, Protection(1), Protection(2), isClient: true, recordsPerKey: 3);
        await using var server = Over(far, Protection(2), Protection(1), isClient: false, recordsPerKey: 2);
        var sent = RandomNumberGenerator.GetBytes(600_000);
        foreach (var (from, to) in new[] { (client, server), (server, client), (client, server) })
        {
            var writing = from.WriteAsync(sent).AsTask();
            var arrived = new byte[sent.Length];
            await to.ReadExactlyAsync(arrived, Deadline());
            await writing;
            Assert.Equal(sent, arrived);
        }
    }

    /// <summary>What an idle connection waits with needs no buffer, and is over at once where something is at hand.</summary>
    [Fact]
    public async Task An_empty_read_waits_for_data_only()
    {
        var (near, far) = DuplexStream.CreatePair();
        await using var client = Over(near, Protection(1), Protection(2), isClient: true);
        await using var server = Over(far, Protection(2), Protection(1), isClient: false);
        var waiting = client.ReadAsync(Memory<byte>.Empty, Deadline()).AsTask();
        Assert.False(waiting.IsCompleted);
        await server.WriteAsync(new byte[10]);
        await server.WriteAsync(new byte[10]);
        Assert.Equal(0, await waiting);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(0, await client.ReadAsync(Memory<byte>.Empty, Deadline()));
            Assert.Equal(1, await client.ReadAsync(new byte[1], Deadline()));
        }
        using var over = new CancellationTokenSource();
        waiting = client.ReadAsync(Memory<byte>.Empty, over.Token).AsTask();
        Assert.False(waiting.IsCompleted);
        // Nobody else would see how it ends, and a test that looks for such exceptions may run beside this one.
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    /// <summary>A record of which only a part has left cannot be followed by another.</summary>
    [Fact]
    public async Task After_a_failed_write_nothing_more_is_sent()
    {
        var inner = new FailingStream();
        await using var stream = Over(inner, Protection(1), Protection(2), isClient: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.WriteAsync(new byte[1], new CancellationToken(true)).AsTask());
        await stream.WriteAsync(new byte[1]);
        inner.Fails = true;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.WriteAsync(new byte[1]).AsTask());
        inner.Fails = false;
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[1]).AsTask());
        Assert.Equal(1, inner.Writes);
    }

    /// <summary>openssl asks for new keys, in its own directions and in both, and gets data with them.</summary>
    [Theory]
    [InlineData("k")]
    [InlineData("K")]
    public async Task Openssl_changes_keys(string command)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed.");
        var psk = TlsPskSecrets.Of(_key).Sha256;
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 1);
        var serving = Task.Run(async () =>
        {
            await using var stream = await TlsPskHandshake.AcceptAsync(new NetworkStream(await listening.AcceptAsync(Deadline()), true), [_key], Deadline());
            foreach (var expected in new[] { "before\n", "behind\n" })
            {
                var arrived = new byte[7];
                await stream.ReadExactlyAsync(arrived, Deadline());
                Assert.Equal(expected, Encoding.ASCII.GetString(arrived));
                await stream.WriteAsync(arrived);
            }
            await stream.CloseSendAsync(default);
        });
        using var process = StartOpenssl(listening, ["-tls1_3", "-psk_identity", psk.Identity, "-psk", Convert.ToHexStringLower(psk.Key.Span)], quiet: false);
        await process.StandardInput.WriteAsync("before\n");
        await process.StandardInput.FlushAsync();
        await ReadUntilAsync(process.StandardOutput, "before");
        await process.StandardInput.WriteAsync($"{command}\n");
        await process.StandardInput.FlushAsync();
        await ReadUntilAsync(process.StandardError, "KEYUPDATE");
        await process.StandardInput.WriteAsync("behind\n");
        await process.StandardInput.FlushAsync();
        await ReadUntilAsync(process.StandardOutput, "behind");
        await serving;
        process.Kill();
    }

    /// <summary>openssl as the server: it sends tickets, pads its records, and asks for another group.</summary>
    [Theory]
    [InlineData("-record_padding", "512")]
    [InlineData("-groups", "P-256")]
    [InlineData("-num_tickets", "10")]
    public async Task Openssl_is_a_server(string option, string value)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed.");
        var psk = TlsPskSecrets.Of(_key).Sha256;
        using var process = Process.Start(new ProcessStartInfo("openssl", ["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-tls1_3", "-nocert", "-psk_identity", psk.Identity, "-psk", Convert.ToHexStringLower(psk.Key.Span), "-rev", option, value])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var line = await ReadUntilAsync(process.StandardOutput, "ACCEPT");
        var endpoint = IPEndPoint.Parse(line[(line.IndexOf("ACCEPT", StringComparison.Ordinal) + 7)..].Trim());
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endpoint, Deadline());
        await using (var stream = await TlsPskHandshake.ConnectAsync(new NetworkStream(socket), [_other, _key], Deadline()))
        {
            Assert.Equal((128, _key.Fingerprint), (stream.KeySize, stream.Key.Fingerprint));
            foreach (var word in new[] { "stressed\n", "live\n" })
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes(word));
                var arrived = new byte[word.Length];
                await stream.ReadExactlyAsync(arrived, Deadline());
                Assert.Equal(new string([.. word[..^1].Reverse()]), Encoding.ASCII.GetString(arrived)[..^1]);
            }
        }
        process.Kill();
    }

    /// <summary>A client whose key share is of a group that is not ours is asked for another, once.</summary>
    [Fact]
    public async Task Openssl_is_asked_for_another_group()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed.");
        var psk = TlsPskSecrets.Of(_key).Sha256;
        using var listening = TcpTransport.Listen(IPAddress.Loopback, 0, 1);
        var serving = RunAsync(async () =>
        {
            await using var stream = await TlsPskHandshake.AcceptAsync(new NetworkStream(await listening.AcceptAsync(Deadline()), true), [_key], Deadline());
            await stream.WriteAsync("psk\n"u8.ToArray());
            await stream.CloseSendAsync(default);
        });
        using var process = StartOpenssl(listening, "-tls1_3", "-groups", "P-384:P-256", "-psk_identity", psk.Identity, "-psk", Convert.ToHexStringLower(psk.Key.Span));
        Assert.Equal("psk\n", await process.StandardOutput.ReadToEndAsync());
        Assert.Null(await serving);
    }

    /// <summary>The length in its header is enough: a client that has not proven anything is given no memory for more.</summary>
    [Fact]
    public async Task A_hello_that_is_too_long_is_refused_at_its_start()
    {
        var (near, far) = DuplexStream.CreatePair();
        await far.WriteAsync(new byte[] { 22, 3, 1, 0, 4, 1, 0, 0x40, 1 });
        var failure = await RunAsync(async () => await TlsPskHandshake.AcceptAsync(near, [_key], Deadline()));
        Assert.Equal(XpraErrorId.TlsFailed, (failure as XpraAesException)?.Id);
    }

    /// <summary>With the right key, but without Diffie-Hellman a recorded connection could be read once the key is known.</summary>
    [Fact]
    public async Task A_client_that_wants_no_forward_secrecy_gets_nothing()
    {
        var (near, far) = Pair();
        var accepting = RunAsync(async () => await TlsPskHandshake.AcceptAsync(far, [_key], Deadline()), far);
        var protocol = new TlsClientProtocol();
        using var crypto = new PlatformTlsCrypto();
        protocol.Connect(new ClientWithoutDiffieHellman(crypto, _key));
        var hello = new byte[protocol.GetAvailableOutputBytes()];
        protocol.ReadOutput(hello, 0, hello.Length);
        await near.WriteAsync(hello);
        Assert.Equal(XpraErrorId.TlsFailed, (await accepting as XpraAesException)?.Id);
        var answer = new byte[100];
        Assert.Equal(7, await near.ReadAtLeastAsync(answer, 100, throwOnEndOfStream: false)); // an alert
        Assert.Equal(ContentType.alert, answer[0]);
    }

    private sealed class ClientWithoutDiffieHellman(PlatformTlsCrypto crypto, XpraKey key) : AbstractTlsClient(crypto)
    {
        public override short[] GetPskKeyExchangeModes() => [PskKeyExchangeMode.psk_ke];

        public override IList<TlsPskExternal> GetExternalPsks() => [TlsPskRules.ToExternal(Crypto, TlsPskSecrets.Of(key), CipherSuite.TLS_AES_256_GCM_SHA384)];

        public override TlsAuthentication GetAuthentication() => throw new NotSupportedException();

        protected override ProtocolVersion[] GetSupportedVersions() => TlsPskRules.Versions;

        protected override int[] GetSupportedCipherSuites() => TlsPskRules.Suites;
    }

    private sealed class FailingStream : PeerStream
    {
        public bool Fails { get; set; }

        public int Writes { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(0);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Fails)
                throw new OperationCanceledException();
            Writes++;
            return default;
        }
    }

    private TlsPskStream Over(Stream inner, TlsRecordProtection reading, TlsRecordProtection writing, bool isClient, long recordsPerKey = TlsPskStream.DefaultRecordsPerKey)
        => new(inner, new TlsPskAgreement(_key, CipherSuite.TLS_AES_256_GCM_SHA384, isClient, reading, writing), default) { RecordsPerKey = recordsPerKey };

    private static TlsRecordProtection Protection(byte secret) => new(CipherSuite.TLS_AES_256_GCM_SHA384, [.. Enumerable.Repeat(secret, 48)]);

    private static byte[] Seal(TlsRecordProtection sender, byte content)
    {
        var record = new byte[1 + TlsRecordProtection.Overhead];
        sender.Seal(ContentType.application_data, [content], record);
        return record;
    }

    private static async Task<string> ReadUntilAsync(StreamReader reader, string text)
    {
        while (await reader.ReadLineAsync(Deadline()) is { } line)
        {
            if (line.Contains(text, StringComparison.Ordinal))
                return line;
        }
        throw new InvalidOperationException($"{text} did not come.");
    }

    private static Process StartOpenssl(ListeningSocket listening, params string[] arguments) => StartOpenssl(listening, arguments, quiet: true);

    private static Process StartOpenssl(ListeningSocket listening, string[] arguments, bool quiet)
        => Process.Start(new ProcessStartInfo("openssl", ["s_client", "-connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{listening.Endpoint.Port}"), .. arguments, .. quiet ? new[] { "-quiet" } : []])
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
