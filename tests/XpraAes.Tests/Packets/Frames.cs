using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;

namespace XpraAes.Tests.Packets;

/// <summary>Writes packets one behind the other, as a peer would send them.</summary>
internal sealed class Frames : IDisposable
{
    private readonly MemoryStream _stream = new();
    private readonly PacketWriter _writer;

    public Frames(CipherParameters? cipher = null)
    {
        _writer = new PacketWriter(_stream);
        if (cipher is not null)
            _writer.Arm(PacketCipher.CreateEncryptor(cipher, Key));
    }

    /// <summary>The derived key of every cipher here.</summary>
    public static byte[] Key { get; } = CipherTestData.Bytes(32, seed: 3);

    /// <summary>A cipher of each kind that matters to framing: what is sent, and what the receiver knows of it beforehand.</summary>
    public static IReadOnlyDictionary<string, (CipherParameters? Sent, CipherParameters? Known)> Kinds { get; } = new Dictionary<string, (CipherParameters?, CipherParameters?)>
    {
        ["clear"] = (null, null),
        ["CBC 16"] = Both(CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = 16 }),
        ["CBC 32"] = Both(CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = 32 }),
        ["CBC 32 legacy"] = Both(CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = 32, Padding = PaddingScheme.Legacy }),
        ["CBC 16 unknown"] = (CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = 16 }, CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = 0 }),
        ["CBC 32 unknown"] = (CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = 32 }, CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = 0 }),
        ["CBC per packet"] = Both(CipherTestData.Parameters(AesMode.CBC) with { Stream = false }),
        ["CTR"] = Both(CipherTestData.Parameters(AesMode.CTR)),
        ["GCM"] = Both(CipherTestData.Parameters(AesMode.GCM)),
        ["CFB per packet"] = Both(CipherTestData.Parameters(AesMode.CFB) with { Stream = false }),
    };

    public static PacketReader Reader(Stream stream, CipherParameters? cipher = null, int maxPayloadSize = ProtocolDefaults.MaxPacketSize)
    {
        var reader = new PacketReader(stream, maxPayloadSize);
        if (cipher is not null)
            reader.Arm(PacketCipher.CreateDecryptor(cipher, Key));
        return reader;
    }

    public Frames Add(byte[] payload, byte flags = (byte)PacketEncoding.RencodePlus, byte compression = 0, byte chunkIndex = 0)
    {
        _writer.Append(flags, compression, chunkIndex, payload);
        _writer.FlushAsync(default).AsTask().GetAwaiter().GetResult();
        return this;
    }

    public Frames Add(object?[] packet, PacketEncoding encoding = PacketEncoding.RencodePlus)
        => Add(PacketCodec.Encode(encoding, packet), (byte)encoding);

    public Frames AddChunk(byte index, byte[] content) => Add(content, flags: 0, chunkIndex: index);

    public byte[] ToArray() => _stream.ToArray();

    public void Dispose() => _writer.Dispose();

    private static (CipherParameters?, CipherParameters?) Both(CipherParameters cipher) => (cipher, cipher);
}
