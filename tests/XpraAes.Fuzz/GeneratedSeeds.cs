using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Fuzz.Targets;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Fuzz;

/// <summary>Seeds that have to be encrypted or framed, generated from the packets in the corpus.</summary>
internal static class GeneratedSeeds
{
    /// <summary>As many as an unauthenticated client's hello may have.</summary>
    private const int ManyNames = 9_000;

    private static readonly object?[][] s_packets =
    [
        ["ping", 123456L, 1700000000000L, "session"],
        ["ping_echo", 123456L, 10L, 20L, 30L, -1L],
        ["draw", 1L, 0L, 0L, 4L, 4L, "rgb32", new byte[64], 0L, 16L, new XpraDictionary { ["flush"] = 1L }],
        ["info-request", new object?[] { "uuid" }, Array.Empty<object?>(), Array.Empty<object?>()],
        ["disconnect", "server shutdown", "details"],
    ];

    public static IEnumerable<byte[]> For(string target) => target switch
    {
        "reader" or "channel" => Enumerable.Range(0, PacketTargets.Ciphers.Count).SelectMany(Streams),
        "compression" =>
        [
            [PacketCompression.Lz4Header, .. PacketCompression.CompressLz4(Sample())],
            [PacketCompression.ZlibHeader, .. PacketCompression.CompressZlib(Sample())],
            [0x41, .. Brotli(Sample())],
            [0, .. Sample()],
        ],
        "rencode" or "bencode" => Packets(target == "rencode" ? PacketEncoding.Rencode : PacketEncoding.Bencode),
        "rencodeplus" => Packets(PacketEncoding.RencodePlus),
        "translator" =>
        [
            .. Packets(PacketEncoding.Rencode).Select(packet => (byte[])[0, .. packet]),
            .. Packets(PacketEncoding.Bencode).Select(packet => (byte[])[1, .. packet]),
            .. Packets(PacketEncoding.RencodePlus).Select(packet => (byte[])[2, .. packet]),
        ],
        "listener" => Enumerable.Range(0, 2).SelectMany(password => Hellos().Select(hello => (byte[])[(byte)password, 0, .. hello]))
            .Concat(Hellos().Select(hello => (byte[])[0xf0, 0, .. hello])),
        "connector" => Answers().Select(answer => (byte[])[1, 0, .. answer]),
        "session" => Streams(0).SelectMany(stream => new byte[][] { stream, [1, .. stream.AsSpan(1)] }),
        "gateway" => HelloData().SelectMany(hello => new byte[][] { [0, .. hello], [0x3f, .. hello], [0x08, .. hello] }),
        "relay" => Streams(0),
        "proxy-header" => ProxyTargets.Seeds(),
        "accepted" => [.. ProxyTargets.Seeds(), .. Hellos(), Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Encoding.ASCII.GetBytes("POST"), [(byte)'P'], TlsTargets.ClientHello()],
        "tls-client" => [TlsTargets.ClientHello(), [.. TlsTargets.ClientHello(), .. TlsTargets.ClientHello()]],
        "tls-server" => [TlsTargets.ClientHello(), [21, 3, 3, 0, 2, 2, 40]],
        // Data, a ticket, key updates, alerts, empty records, and something that is no record.
        "tls-records" =>
        [
            [3, 5, 1, 2, 3, 4, 5, 3, 200, .. new byte[200], 1, 2, 1, 0],
            [2, 8, 4, 0, 0, 4, 1, 2, 3, 4, 3, 1, 9, 2, 5, 24, 0, 0, 1, 1, 3, 1, 9],
            [2, 3, 4, 0, 0, 2, 2, 4, 5, 3, 0, 3, 0, 3, 1, 7, 1, 2, 2, 40],
            [3, 1, 9, 0, 23, 3, 3, 0, 20],
        ],
        "tls-hello" =>
        [
            TlsTargets.ClientHello(), [.. TlsTargets.ClientHello(), 1, 2, 3], WebTargets.CertificateHello(), WebTargets.Divide(WebTargets.CertificateHello(), 7),
            WebTargets.Divide(TlsTargets.ClientHello(), 100),
        ],
        "status" => Lines(
            """{"Format":1,"Time":"2026-11-28T12:00:00Z","Started":"2026-11-28T11:00:00Z","Uptime":3600000,"Memory":1,"Heap":2,"DerivationsRunning":1,"DerivationsWaiting":2,"DerivationsCompleted":3,"Listeners":[{"Id":1,"Port":10000,"State":"listening","Sessions":1,"Accepted":2,"BytesIn":3,"BytesOut":4,"Refusals":{"KeyMismatch":5},"Endpoints":["0.0.0.0:10000"],"Target":null}],"Sessions":null}""",
            """{"Format":1,"Uptime":9223372036854775807,"Listeners":[null,{"Id":-1,"Refusals":null,"Endpoints":[null,"a"]}],"Sessions":[{"Id":7,"State":"open","Peer":"192.0.2.7:1","UserName":"\u0000\ud83d\ude00","Opened":"0001-01-01T00:00:00","Latency":1e308,"BytesIn":-1,"Ciphers":[{"Mode":"CTR","KeySize":256},[],7]}]}""",
            """{"Format":2}""", """{"Format":1,"Sessions":[{"Peer":"\ud800"}]}""", "[]"),
        "http-head" => Lines(
            "GET / HTTP/1.1|Host: localhost:10000|Accept-Encoding: gzip, deflate, br|If-None-Match: W/\"1-2\"||",
            "GET /js/a%20b.js?x=1 HTTP/1.1|Host: [::1]:10000|Cookie: a|cookie:b||GET / HTTP/1.1|",
            "HTTP/1.1 101 Switching Protocols|Upgrade: websocket||P",
            "GET /a\rb: c HTTP/1.1|a: b\nc: d||"),
        "page-path" => Lines(
            "index.html", "js/a%20b.js", "%2e%2e/secret.txt", "../secret.txt", "js/..%2f..%2fsecret.txt", "out/secret.txt", "file", ".hidden", "private.txt", "js//a b.js", "%252e%252e/secret.txt", "js/a b.js.gz"),
        "pages" => Lines(
            "GET / HTTP/1.1|Host: localhost:10000||",
            "GET /js/a%20b.js HTTP/1.1|Host: localhost:10000|Accept-Encoding: gzip||HEAD /index.html HTTP/1.1|Host: 127.0.0.1:10000|If-None-Match: *||",
            "GET /file HTTP/1.1|Host: localhost:10000|X-Smuggled: 1||",
            "GET /../secret.txt HTTP/1.0|Host: localhost:10000||",
            "GET /xpra-aes/key.json HTTP/1.1|Host: evil.example||",
            "POST / HTTP/1.1|Host: localhost:10000|Content-Length: 5||12345",
            "GET /default-settings.txt HTTP/1.1|Host: localhost:10000|Connection: close||"),
        "keys" or "reply" => Enumerable.Range(0, 8).Append(0xc0).SelectMany(choice => Answers().Select(answer => (byte[])[(byte)choice, 0, .. answer])),
        "client" => Enumerable.Range(0, 4).Append(0xc0).SelectMany(choice => SealedAnswers((AesMode)(choice % 4)).Concat(SealedAnswers((AesMode)((choice + 1) % 4))).Select(answer => (byte[])[(byte)choice, 0, .. answer])),
        _ => [],
    };

    private static IEnumerable<byte[]> Lines(params string[] texts) => texts.Select(text => Encoding.Latin1.GetBytes(text.Replace("|", "\r\n", StringComparison.Ordinal)));

    /// <summary>Hellos of every size that an unauthenticated client may send; large ones show superlinear costs.</summary>
    private static IEnumerable<byte[]> HelloData()
    {
        var hello = XpraAes.Handshake.Hello.ForClient("0", "user", allowXor: false);
        hello["encodings"] = new XpraDictionary { ["core"] = new object?[] { "rgb32" }, [""] = new object?[] { "png" } };
        yield return PacketCodec.Encode(PacketEncoding.RencodePlus, hello);
        foreach (var prefix in new[] { "mmap_", "mmap.", "encryption.", "cipher.", "command_request.", "" })
        {
            var large = hello.Clone();
            for (var i = 0; i < ManyNames; i++)
                large[$"{prefix}{i}"] = true;
            yield return PacketCodec.Encode(PacketEncoding.RencodePlus, large);
            yield return PacketCodec.Encode(PacketEncoding.RencodePlus, new XpraDictionary { ["encodings"] = large, ["keymap"] = large });
        }
    }

    private static IEnumerable<byte[]> SealedAnswers(AesMode mode)
    {
        var hello = XpraAes.Handshake.Hello.ForServer("0");
        CipherCapabilities.Write(hello, CipherCapabilities.Generate(mode, 32, KeyHash.SHA1, ProtocolDefaults.MinIterations, PaddingScheme.Pkcs7, 16, stream: true), stream: true);
        return [Write(null, [["hello", hello]]), .. Answers()];
    }

    private static IEnumerable<byte[]> Packets(PacketEncoding encoding)
        => s_packets.Select(packet => PacketCodec.Encode(encoding, packet));

    private static IEnumerable<byte[]> Streams(int cipher)
    {
        yield return [(byte)cipher, 0, .. Write(PacketTargets.Ciphers[cipher], s_packets)];
        yield return [(byte)cipher, 7, .. Write(PacketTargets.Ciphers[cipher], s_packets.Reverse())];
    }

    internal static byte[] Write(CipherParameters? cipher, IEnumerable<object?[]> packets)
    {
        var stream = new MemoryStream();
        using var writer = new PacketWriter(stream);
        if (cipher is not null)
            writer.Arm(PacketCipher.CreateEncryptor(cipher with { PaddingUnit = cipher.PaddingUnit == 0 ? 32 : cipher.PaddingUnit }, PacketTargets.Key));
        foreach (var packet in packets)
        {
            var data = PacketCodec.Encode(PacketEncoding.RencodePlus, packet);
            if (packet.Length > 5)
                writer.Append(0, 0, chunkIndex: 5, [1, 2, 3, 4]);
            if (data.Length > 60)
                writer.Append((byte)PacketEncoding.RencodePlus, PacketCompression.Lz4Header, 0, PacketCompression.CompressLz4(data));
            else
                writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, data);
        }
        writer.FlushAsync(default).AsTask().GetAwaiter().GetResult();
        return stream.ToArray();
    }

    private static IEnumerable<byte[]> Hellos()
    {
        var hello = XpraAes.Handshake.Hello.ForClient("0", "user", allowXor: false);
        var withCipher = hello.Clone();
        CipherCapabilities.Write(withCipher, CipherCapabilities.Generate(AesMode.CTR, 32, KeyHash.SHA1, ProtocolDefaults.MinIterations, PaddingScheme.Pkcs7, 16, stream: true), stream: true);
        var answer = hello.Clone();
        answer["challenge_response"] = new byte[128];
        answer["challenge_client_salt"] = new byte[32];
        var info = hello.Clone();
        info["request"] = "info";
        yield return Write(null, [["hello", hello]]);
        yield return Write(null, [["hello", withCipher]]);
        yield return Write(null, [["hello", hello], ["hello", answer]]);
        yield return Write(null, [["hello", info]]);
    }

    private static IEnumerable<byte[]> Answers()
    {
        object?[] challenge = ["challenge", new byte[64], new XpraDictionary(), "hmac+sha512", "hmac+sha256", "password"];
        object?[] hello = ["hello", XpraAes.Handshake.Hello.ForServer("0")];
        yield return Write(null, [hello]);
        yield return Write(null, [challenge, hello]);
        yield return Write(null, [["disconnect", "authentication failed"]]);
        yield return Encoding.ASCII.GetBytes("disconnect: server error\n");
    }

    private static byte[] Sample() => PacketCodec.Encode(PacketEncoding.RencodePlus, s_packets);

    private static byte[] Brotli(byte[] data)
    {
        var output = new MemoryStream();
        using (var brotli = new System.IO.Compression.BrotliStream(output, System.IO.Compression.CompressionLevel.Fastest))
            brotli.Write(data);
        return output.ToArray();
    }
}
