using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Fuzz;
using XpraAes.Packets;
using XpraAes.Tests.Encodings;

namespace XpraAes.Tests.Reliability;

/// <summary>What is received equals what was sent, for generated packets, ciphers and splits of the stream. A failure shows the seed to repeat it.</summary>
[Trait("Category", "Reliability")]
public sealed class PropertyTests
{
    private const int Sessions = 60;

    public static TheoryData<AesMode, int, bool> Ciphers { get; } = new(
        from mode in Enum.GetValues<AesMode>()
        from keySize in new[] { 16, 24, 32 }
        from stream in new[] { true, false }
        select (mode, keySize, stream));

    public static TheoryData<PacketEncoding> Encodings => [PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode];

    [Theory]
    [MemberData(nameof(Ciphers))]
    public async Task What_is_encrypted_is_decrypted_in_every_mode_size_and_split(AesMode mode, int keySize, bool stream)
    {
        for (var seed = 1; seed <= Sessions; seed++)
        {
            var random = new Random(seed);
            var key = Bytes(random, keySize);
            var sent = new CipherParameters
            {
                Mode = mode,
                KeySize = keySize,
                Stream = stream,
                IV = Bytes(random, 16),
                Salt = Bytes(random, 64),
                PaddingUnit = stream && random.Next(2) == 0 ? 32 : 16,
            };
            // Only those that pad to 32 know the legacy padding. A receiver may have to find out the unit.
            if (sent.PaddingUnit == 32 && random.Next(3) == 0)
                sent = sent with { Padding = PaddingScheme.Legacy };
            var known = random.Next(3) == 0 ? sent with { PaddingUnit = 0 } : sent;
            var payloads = Enumerable.Range(0, random.Next(1, 12)).Select(_ => Bytes(random, Size(random))).ToArray();

            using var wire = new MemoryStream();
            using var writer = new PacketWriter(wire);
            writer.Arm(PacketCipher.CreateEncryptor(sent, key, portable: random.Next(2) == 0));
            foreach (var payload in payloads)
            {
                writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, payload);
                if (random.Next(2) == 0)
                    await writer.FlushAsync(default);
            }
            await writer.FlushAsync(default);

            using var reader = new PacketReader(new PiecesStream(wire.ToArray(), seed), ProtocolDefaults.MaxPacketSize);
            reader.Arm(PacketCipher.CreateDecryptor(known, key, portable: random.Next(2) == 0));
            for (var i = 0; i < payloads.Length; i++)
            {
                Assert.True(await reader.ReadAsync(default), $"seed {seed}: packet {i} is missing");
                Assert.True(reader.Payload.Span.SequenceEqual(payloads[i]), $"seed {seed}: packet {i} of {payloads[i].Length} bytes is another");
            }
            Assert.False(await reader.ReadAsync(default), $"seed {seed}: there is a packet too many");
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void What_is_encoded_is_decoded_and_encoded_to_the_same_bytes_again(PacketEncoding encoding)
    {
        for (var seed = 1; seed <= 500; seed++)
        {
            var value = Values.Random(new Random(seed), encoding);
            var encoded = PacketCodec.Encode(encoding, value);
            var decoded = PacketCodec.Decode(encoding, encoded, Values.Limits);
            Assert.True(Values.Describe(Values.AfterDecoding(value, encoding)) == Values.Describe(decoded), $"seed {seed}: the value changes");
            var again = PacketCodec.Encode(encoding, decoded);
            Assert.True(encoded.AsSpan().SequenceEqual(again), $"seed {seed}: the bytes change");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(PacketCompression.Lz4Header)]
    [InlineData(PacketCompression.ZlibHeader)]
    public void What_is_compressed_is_decompressed(byte compression)
    {
        for (var seed = 1; seed <= 300; seed++)
        {
            var random = new Random(seed);
            var content = Bytes(random, Size(random));
            // Stretches of one value among others compress, noise does not.
            for (var i = random.Next(5); i > 0; i--)
                content.AsSpan(random.Next(content.Length)).Fill((byte)random.Next(256));
            var compressed = compression switch
            {
                PacketCompression.Lz4Header => PacketCompression.CompressLz4(content),
                PacketCompression.ZlibHeader => PacketCompression.CompressZlib(content),
                _ => content,
            };
            Assert.True(PacketCompression.Decompress(compression, compressed, content.Length).AsSpan().SequenceEqual(content), $"seed {seed}: {content.Length} bytes change");
        }
    }

    /// <summary>Mostly small, often around a block, sometimes beyond one read of 64 KB.</summary>
    private static int Size(Random random) => random.Next(10) switch
    {
        0 => random.Next(60_000, 140_000),
        < 4 => 16 * random.Next(1, 20) + random.Next(-1, 2),
        _ => random.Next(1, 400),
    };

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
