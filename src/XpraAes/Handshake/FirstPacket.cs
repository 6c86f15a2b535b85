using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>
/// xpra's XPRA_ENCRYPT_FIRST_PACKET: the first hello is encrypted under a fixed salt and IV, with the sender's default iterations and
/// padding, which nothing announces (PROTOCOL section 6). A client tries one variant per connection, a listener all on one packet.
/// </summary>
internal sealed record FirstPacket(int Iterations, PaddingScheme Padding, int PaddingUnit, PacketEncoding Encoding)
{
    /// <summary>The timeout for the padding once a packet's data has arrived, usually together with it; arbitrary. A client in a mode without padding sends none, and waits for our answer.</summary>
    private static readonly TimeSpan s_paddingTimeout = TimeSpan.FromSeconds(2);

    /// <summary>What each generation sends, newest first: 6.2 and later, 6.0 and 6.1, 5.1, 4.3 to 5.0, 3.1 to 4.2.</summary>
    public static IReadOnlyList<FirstPacket> Variants { get; } =
    [
        new(10_000, PaddingScheme.Pkcs7, 16, PacketEncoding.RencodePlus),
        new(1_000, PaddingScheme.Pkcs7, 32, PacketEncoding.RencodePlus),
        new(10_000, PaddingScheme.Legacy, 32, PacketEncoding.RencodePlus),
        new(1_000, PaddingScheme.Legacy, 32, PacketEncoding.RencodePlus),
        new(1_000, PaddingScheme.Legacy, 32, PacketEncoding.Rencode),
    ];

    /// <summary>
    /// The variants in the order in which a client tries them. The larger padding comes first: a server that gets more bytes than it
    /// expects hangs up, while one that gets fewer waits forever.
    /// </summary>
    public static IReadOnlyList<FirstPacket> Attempts { get; } = [.. Variants.OrderByDescending(variant => variant.PaddingUnit)];

    /// <summary>The cipher parameters that both sides assume.</summary>
    public CipherParameters Parameters(AesMode mode) => new()
    {
        Mode = mode,
        IV = ProtocolDefaults.FirstPacketIV.ToArray(),
        Salt = ProtocolDefaults.FirstPacketSalt.ToArray(),
        KeySize = ProtocolDefaults.KeySize,
        KeyHash = KeyHash.SHA1,
        Iterations = Iterations,
        Padding = Padding,
        PaddingUnit = PaddingUnit,
    };

    /// <summary>Finds the key and variant under which the next packet decrypts, without consuming it. Null where none does, or where it is unencrypted.</summary>
    public static async Task<(XpraKey Key, CipherParameters Parameters)?> DetectAsync(PacketReader reader, IReadOnlyList<XpraKey> keys, IEnumerable<AesMode> modes, Limits limits, DerivationGate.Entrance derivations, CancellationToken cancellationToken)
    {
        var header = await reader.PeekHeaderAsync(cancellationToken).ConfigureAwait(false);
        if (!header.IsEncrypted || header.PayloadSize > reader.MaxPayloadSize)
            return null;
        // Both units pad at least to 16 bytes, which is enough to tell them apart.
        var padded = header.PayloadSize + PacketPadding.Size(header.PayloadSize, ProtocolDefaults.BlockSize);
        await reader.PeekAsync(PacketHeader.Size + header.PayloadSize, cancellationToken).ConfigureAwait(false);
        // Modes without padding first, as all their bytes have arrived.
        foreach (var mode in modes.OrderBy(mode => mode == AesMode.CBC))
        {
            var size = mode == AesMode.CBC ? padded : header.PayloadSize;
            if (await TryPeekAsync(reader, PacketHeader.Size + size, cancellationToken).ConfigureAwait(false) is not { } packet)
                return null;
            var wire = packet[PacketHeader.Size..];
            foreach (var iterations in Variants.Select(variant => variant.Iterations).Distinct())
            {
                var candidate = Variants.First(variant => variant.Iterations == iterations).Parameters(mode);
                foreach (var key in keys)
                {
                    var plain = await derivations.RunAsync(() => Decrypt(key, candidate, wire.Span), cancellationToken).ConfigureAwait(false);
                    if (DecodesToPacket(plain, header, limits) && FindPadding(candidate, plain.AsSpan(header.PayloadSize)) is { } found)
                        return (key, found);
                }
            }
        }
        return null;
    }

    /// <summary>The first <paramref name="count"/> bytes of the packet; null where it ends earlier, without padding.</summary>
    private static async Task<ReadOnlyMemory<byte>?> TryPeekAsync(PacketReader reader, int count, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(s_paddingTimeout);
        try
        {
            return await reader.PeekAsync(count, timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private static byte[] Decrypt(XpraKey key, CipherParameters parameters, ReadOnlySpan<byte> wire)
    {
        var plain = new byte[wire.Length];
        using var cipher = SessionCiphers.CreateMode(key, parameters, encrypts: false);
        cipher.Transform(wire, plain);
        return plain;
    }

    private static bool DecodesToPacket(byte[] plain, PacketHeader header, Limits limits)
    {
        try
        {
            var data = plain.AsSpan(0, header.PayloadSize);
            if (header.Compression != 0)
                data = PacketCompression.Decompress(header.Compression, data, limits.FirstPacketDecompressedSize);
            return PacketCodec.Decode(header.Encoding, data, new DecodeLimits(limits.EncodingDepth, limits.FirstPacketItems)) is object?[] items
                && new Packet(items, header).HasName;
        }
        catch (MalformedPacketException)
        {
            return false;
        }
    }

    private static CipherParameters? FindPadding(CipherParameters candidate, ReadOnlySpan<byte> padding)
    {
        if (candidate.Mode != AesMode.CBC)
            return candidate;
        if (PacketPadding.IsAll(padding, (byte)' '))
            return candidate with { Padding = PaddingScheme.Legacy, PaddingUnit = 32 };
        if (PacketPadding.IsAll(padding, (byte)padding.Length))
            return candidate with { Padding = PaddingScheme.Pkcs7, PaddingUnit = 0 }; // 16, or 32 where both pad alike
        if (PacketPadding.IsAll(padding, (byte)(padding.Length + 16)))
            return candidate with { Padding = PaddingScheme.Pkcs7, PaddingUnit = 32 };
        return null;
    }
}
