using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Fuzz.Targets;

/// <summary>Packet headers, streams of packets under every kind of cipher, chunks and compressors.</summary>
internal static class PacketTargets
{
    private const int MaxPayload = 16 * 1024, MaxDecompressed = 64 * 1024;

    private static readonly Limits s_limits = new() { FirstPacketSize = MaxPayload, FirstPacketDecompressedSize = MaxDecompressed, PacketSize = MaxPayload, DecompressedSize = MaxDecompressed };

    /// <summary>The derived key of every cipher here.</summary>
    public static byte[] Key { get; } = SHA256.HashData("fuzz"u8);

    /// <summary>How a peer may encrypt; the first byte of the input chooses one. Null is in clear.</summary>
    public static IReadOnlyList<CipherParameters?> Ciphers { get; } =
    [
        null,
        Cipher(AesMode.CBC, unit: 16), Cipher(AesMode.CBC, unit: 32), Cipher(AesMode.CBC, unit: 0), Cipher(AesMode.CBC, unit: 32) with { Padding = PaddingScheme.Legacy },
        Cipher(AesMode.CBC, unit: 16) with { Stream = false },
        Cipher(AesMode.CTR), Cipher(AesMode.CTR) with { Stream = false },
        Cipher(AesMode.GCM), Cipher(AesMode.CFB), Cipher(AesMode.CFB) with { Stream = false },
    ];

    /// <summary>8 bytes are a header or malformed; what is a header is written as it was read.</summary>
    public static void Header(byte[] input)
    {
        if (input.Length < PacketHeader.Size)
            return;
        var header = PacketHeader.Parse(input);
        var written = new byte[PacketHeader.Size];
        header.Write(written);
        Expect.That(written.AsSpan().SequenceEqual(input.AsSpan(0, PacketHeader.Size)), "A header is written in another way than it was read.");
        Expect.That(header.PayloadSize is > 0 and <= ProtocolDefaults.MaxHeaderPayload && header.ChunkIndex <= ProtocolDefaults.MaxChunkIndex, "A header is out of its bounds.");
    }

    /// <summary>Packets and the way they end are the same wherever the network cuts the stream, and none is larger than the limit.</summary>
    public static void Reader(byte[] input) => Compare(input, ReadAll);

    /// <summary>The same with chunks put together, decompressed and decoded.</summary>
    public static void Channel(byte[] input) => Compare(input, ReceiveAll);

    /// <summary>The first byte is the header's; the result keeps the bound and compresses to something that decompresses to itself.</summary>
    public static void Compression(byte[] input)
    {
        if (input.Length == 0)
            return;
        var content = input.AsSpan(1);
        Check(PacketCompression.Lz4Header, PacketCompression.CompressLz4(content), content);
        Check(PacketCompression.ZlibHeader, PacketCompression.CompressZlib(content), content);
        // Brotli's decoder and zlib's hold windows of their own, of fixed sizes, outside of what is counted here.
        var output = Expect.WithinMemory(8 * MaxDecompressed + 8 * input.Length, () => PacketCompression.Decompress(input[0], input.AsSpan(1), MaxDecompressed));
        Expect.That(output.Length <= MaxDecompressed, "More came out than the limit allows.");
    }

    private static void Check(byte header, byte[] compressed, ReadOnlySpan<byte> content)
    {
        if (content.Length is > 0 and <= MaxDecompressed)
            Expect.That(PacketCompression.Decompress(header, compressed, content.Length).AsSpan().SequenceEqual(content), "What was compressed comes back as something else.");
    }

    private static void Compare(byte[] input, Func<ReadOnlyMemory<byte>, CipherParameters?, int, List<string>> run)
    {
        if (input.Length < 2)
            return;
        var cipher = Ciphers[input[0] % Ciphers.Count];
        var whole = run(input.AsMemory(2), cipher, 0);
        var inPieces = run(input.AsMemory(2), cipher, input[1] + 1);
        Expect.Same(string.Join('\n', whole), string.Join('\n', inPieces), "The same bytes in pieces are something else");
    }

    private static List<string> ReadAll(ReadOnlyMemory<byte> content, CipherParameters? cipher, int seed)
    {
        using var reader = new PacketReader(new PiecesStream(content, seed), MaxPayload);
        Arm(reader, cipher);
        var packets = new List<string>();
        return End(packets, () =>
        {
            while (Done(reader.ReadAsync(default)))
            {
                Expect.That(reader.Payload.Length is > 0 and <= MaxPayload, "A packet is larger than the limit.");
                packets.Add($"{reader.Header} {Convert.ToHexString(reader.Payload.Span)}");
                Expect.Same(packets.Count, (int)reader.PacketsRead, "Packets are counted wrongly");
            }
            Expect.Same(content.Length, (int)reader.BytesRead, "Bytes are counted wrongly");
        });
    }

    private static List<string> ReceiveAll(ReadOnlyMemory<byte> content, CipherParameters? cipher, int seed)
    {
        var channel = new PacketChannel(new PiecesStream(content, seed), s_limits);
        Arm(channel.Reader, cipher);
        channel.TrustPeer();
        var packets = new List<string>();
        End(packets, () =>
        {
            while (Done(channel.ReceiveAsync(default)) is { } packet)
            {
                Expect.That(packet.Items.Length > 0, "A packet has no type.");
                packets.Add($"{packet.Type} {packet.Text(1)} {Convert.ToHexString(PacketCodec.Encode(PacketEncoding.RencodePlus, packet.Items))}");
            }
        });
        channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return packets;
    }

    private static List<string> End(List<string> packets, Action read)
    {
        try
        {
            read();
            packets.Add("end");
        }
        catch (XpraAesException e)
        {
            packets.Add($"{e.Id} {e.Message}");
        }
        return packets;
    }

    private static void Arm(PacketReader reader, CipherParameters? cipher)
    {
        if (cipher is not null)
            reader.Arm(PacketCipher.CreateDecryptor(cipher, Key));
    }

    private static T Done<T>(ValueTask<T> task)
    {
        Expect.That(task.IsCompleted, "It waits for bytes although the stream has ended.");
        return task.GetAwaiter().GetResult();
    }

    private static CipherParameters Cipher(AesMode mode, int unit = 16) => new()
    {
        Mode = mode,
        IV = Key.AsMemory(0, 16),
        Salt = Key,
        PaddingUnit = unit,
    };
}
