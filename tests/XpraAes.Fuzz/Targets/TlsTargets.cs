using Org.BouncyCastle.Tls;
using XpraAes.Transports;

namespace XpraAes.Fuzz.Targets;

/// <summary>TLS with a pre-shared key: handshakes with peers that do not have it, and the records of one that has it.</summary>
internal static class TlsTargets
{
    /// <summary>A little more than a server's hello, extensions and Finished, and an alert.</summary>
    private const int MaxAnswer = 1024;

    public static XpraKey Key { get; } = XpraKey.FromText("0123456789abcdef0123456789abcdef");

    /// <summary>The bytes of a client that has no key, but may have recorded one that has.</summary>
    public static void Client(byte[] input)
    {
        var stream = new PiecesStream(input, input.Length % 3);
        try
        {
            TlsPskHandshake.AcceptAsync(stream, [Key], default).GetAwaiter().GetResult();
            Expect.That(false, "A client without the key is let in.");
        }
        finally
        {
            Expect.That(stream.Written.Length <= MaxAnswer, "The answer is longer than a handshake.");
        }
    }

    /// <summary>The bytes of a server that has no key.</summary>
    public static void Server(byte[] input)
    {
        TlsPskHandshake.ConnectAsync(new PiecesStream(input, input.Length % 3), [Key], default).GetAwaiter().GetResult();
        Expect.That(false, "A server without the key is believed.");
    }

    /// <summary>Records of a peer with the key, and then bytes that are none: the same data comes out wherever the network cuts them, and nothing that was not sent as data.</summary>
    public static void Records(byte[] input)
    {
        var (records, data) = Seal(input);
        var isClient = input.Length % 2 == 0;
        var whole = Read(records, 0, isClient);
        Expect.Same(whole, Read(records, input.Length + 1, isClient), "The same records in pieces are something else");
        Expect.That(Convert.ToHexString(data).StartsWith(whole.Split(' ')[0], StringComparison.Ordinal), "Data comes out that was not sent.");
    }

    /// <summary>What a client with the key sends first.</summary>
    public static byte[] ClientHello()
    {
        var stream = new PiecesStream(default);
        try
        {
            TlsPskHandshake.ConnectAsync(stream, [Key], default).GetAwaiter().GetResult();
        }
        catch (XpraAesException)
        {
            // There is no server.
        }
        return stream.Written.ToArray();
    }

    /// <summary>The input is a list of types, lengths and contents; with the type 0 the rest goes out as it is.</summary>
    private static (byte[] Records, byte[] Data) Seal(byte[] input)
    {
        using var protection = Protection();
        var (records, data) = (new MemoryStream(), new MemoryStream());
        var rest = input.AsSpan();
        while (rest.Length >= 2 && rest[0] != 0)
        {
            var (type, size) = (20 + rest[0] % 5, Math.Min(rest[1], rest.Length - 2));
            var content = rest.Slice(2, size);
            rest = rest[(2 + size)..];
            if (type == ContentType.application_data)
                data.Write(content);
            var record = new byte[size + TlsRecordProtection.Overhead];
            records.Write(record, 0, protection.Seal((short)type, content, record));
        }
        records.Write(rest);
        return (records.ToArray(), data.ToArray());
    }

    private static string Read(byte[] records, int seed, bool isClient)
    {
        var inner = new PiecesStream(records, seed);
        using var stream = new TlsPskStream(inner, new TlsPskAgreement(Key, CipherSuite.TLS_AES_256_GCM_SHA384, isClient, Protection(), Protection()), default);
        var content = new MemoryStream();
        var buffer = new byte[100];
        try
        {
            while (stream.Read(buffer, 0, buffer.Length) is var count and > 0)
                content.Write(buffer, 0, count);
            return $"{Convert.ToHexString(content.ToArray())} end";
        }
        catch (IOException e) when (e.InnerException is XpraAesException { Id: XpraErrorId.TlsFailed or XpraErrorId.ConnectionLost or XpraErrorId.KeyMismatch })
        {
            return $"{Convert.ToHexString(content.ToArray())} failed";
        }
        finally
        {
            Expect.That(inner.Written.Length <= MaxAnswer, "It answers with more than an alert.");
        }
    }

    private static TlsRecordProtection Protection() => new(CipherSuite.TLS_AES_256_GCM_SHA384, new byte[48]);
}
