using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Packets;

namespace XpraAes.Diagnostics;

/// <summary>
/// Finds out how a server really encrypted its first answer, offline and without taking it off the stream: as it was asked to, in
/// another mode, under another form of the key, or with other padding.
/// </summary>
internal sealed class EncryptedReply
{
    /// <summary>For the padding of a packet whose data has come, in one piece with it as a rule; arbitrary. In modes other than CBC none comes.</summary>
    private static readonly TimeSpan s_paddingTimeout = TimeSpan.FromMilliseconds(500);

    private readonly PacketHeader _header;
    private readonly CipherParameters _asked;
    private readonly Limits _limits;
    private byte[] _wire;

    private EncryptedReply(PacketHeader header, byte[] wire, CipherParameters asked, Limits limits)
    {
        _header = header;
        _wire = wire;
        _asked = asked;
        _limits = limits;
    }

    /// <summary>How the server encrypted, with the padding unit as far as it shows; null: in no way that we know of, so with another key.</summary>
    public CipherParameters? Found { get; private set; }

    /// <summary>The form in which the server holds our key; null where it holds the same bytes.</summary>
    public string? KeyForm { get; private set; }

    /// <summary>Whether the padding is what was asked for, of either unit.</summary>
    public bool PaddingIsRight { get; private set; } = true;

    /// <summary>Whether the session can go on: all is as it was asked for.</summary>
    public bool IsAsAsked => Found is { } found && KeyForm is null && PaddingIsRight
        && (found.Mode, found.Stream, found.KeySize, found.KeyHash) == (_asked.Mode, _asked.Stream, _asked.KeySize, _asked.KeyHash);

    /// <summary>Reads the packet at the head of the stream. Null: it is in clear.</summary>
    /// <exception cref="XpraAesException">What the peer is instead, ConnectionLost, LimitReached.</exception>
    public static async Task<EncryptedReply?> ReadAsync(PacketChannel channel, IReadOnlyList<XpraKey> keys, SecretBuffer? password, CipherParameters asked, Limits limits, CancellationToken cancellationToken)
    {
        var header = await channel.PeekHeaderAsync(cancellationToken).ConfigureAwait(false);
        if (!header.IsEncrypted)
            return null;
        if (header.PayloadSize > channel.Reader.MaxPayloadSize)
            throw new XpraAesException(XpraErrorId.LimitReached, $"The server's answer has {header.PayloadSize} bytes; {channel.Reader.MaxPayloadSize} are accepted here.");
        var reply = new EncryptedReply(header, await PeekAsync(channel, header.PayloadSize, cancellationToken).ConfigureAwait(false), asked, limits);
        // Only CBC sends more than the header says: where another mode was asked for and was used, there is nothing to wait for.
        if (asked.Mode != AesMode.CBC && keys.Any(key => reply.Try(key.Data, null, [asked])))
            return reply;
        await reply.TakePaddingAsync(channel, cancellationToken).ConfigureAwait(false);
        reply.Search(keys, password);
        return reply;
    }

    private static async Task<byte[]> PeekAsync(PacketChannel channel, int size, CancellationToken cancellationToken)
        => (await channel.PeekAsync(PacketHeader.Size + size, cancellationToken).ConfigureAwait(false))[PacketHeader.Size..].ToArray();

    /// <summary>Both units pad at least to 16 bytes: what goes beyond is not needed to tell them apart.</summary>
    private async Task TakePaddingAsync(PacketChannel channel, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(s_paddingTimeout);
        try
        {
            _wire = await PeekAsync(channel, _header.PayloadSize + PacketPadding.Size(_header.PayloadSize, ProtocolDefaults.BlockSize), timeout.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException || e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            // There is none: it is not CBC.
        }
    }

    /// <summary>The keys as they are, and the first one in other forms.</summary>
    private void Search(IReadOnlyList<XpraKey> keys, SecretBuffer? password)
    {
        var candidates = Candidates().ToArray();
        if (keys.Any(key => Try(key.Data, null, candidates)))
            return;
        using var variants = new KeyVariants(keys[0].Data, password);
        foreach (var (form, data) in variants.Items)
        {
            if (Try(data.Span, form, candidates))
                return;
        }
    }

    /// <summary>What servers are known to do with what they are asked for: as told first, then without IVs in the packets, in another mode, and as 3.1 to 4.2 always do.</summary>
    private IEnumerable<CipherParameters> Candidates()
    {
        foreach (var mode in Enum.GetValues<AesMode>().OrderBy(mode => mode != _asked.Mode))
        {
            yield return _asked with { Mode = mode };
            if (!_asked.Stream)
                yield return _asked with { Mode = mode, Stream = true };
        }
        if ((_asked.KeySize, _asked.KeyHash) != (ProtocolDefaults.KeySize, ProtocolDefaults.KeyHash))
            yield return _asked with { Mode = AesMode.CBC, Stream = true, KeySize = ProtocolDefaults.KeySize, KeyHash = ProtocolDefaults.KeyHash };
    }

    /// <summary>Derives once for all the candidates that share a key size and a hash: it is what takes the time.</summary>
    private bool Try(ReadOnlySpan<byte> keyData, string? form, IEnumerable<CipherParameters> candidates)
    {
        foreach (var alike in candidates.GroupBy(candidate => (candidate.KeySize, candidate.KeyHash)))
        {
            using var derived = new SecretBuffer(alike.Key.KeySize);
            KeyStretching.Derive(keyData, alike.First(), derived.Span);
            foreach (var candidate in alike)
            {
                if (!Fits(candidate, derived.Span))
                    continue;
                KeyForm = form;
                return true;
            }
        }
        return false;
    }

    private bool Fits(CipherParameters candidate, ReadOnlySpan<byte> derivedKey)
    {
        var (size, offset) = (_header.PayloadSize, candidate.Stream ? 0 : ProtocolDefaults.BlockSize);
        var isPadded = candidate.Mode == AesMode.CBC;
        if (size <= offset || isPadded && _wire.Length == size)
            return false;
        var plain = isPadded ? _wire.ToArray() : _wire[..size];
        using (var cipher = PacketCipher.CreateMode(candidate, derivedKey, encrypts: false, portable: false))
        {
            if (!candidate.Stream)
                cipher.Reset(plain.AsSpan(0, offset));
            cipher.Transform(plain.AsSpan(offset), plain.AsSpan(offset));
        }
        if (!KeyTrial.DecodesToPacket(plain.AsSpan(offset..size), _header, _limits))
            return false;
        Found = candidate with { PaddingUnit = 0 };
        if (isPadded)
            ReadPadding(plain.AsSpan(size), candidate);
        return true;
    }

    private void ReadPadding(ReadOnlySpan<byte> padding, CipherParameters found)
    {
        var bothUnitsAlike = _header.PayloadSize % PacketPadding.MaxUnit >= ProtocolDefaults.BlockSize;
        if (PacketPadding.IsAll(padding, (byte)padding.Length))
            Found = found with { PaddingUnit = bothUnitsAlike ? 0 : ProtocolDefaults.BlockSize };
        else if (PacketPadding.IsAll(padding, (byte)(padding.Length + ProtocolDefaults.BlockSize)) && !bothUnitsAlike)
            Found = found with { PaddingUnit = PacketPadding.MaxUnit };
        else
            PaddingIsRight = false;
        if (PacketPadding.IsAll(padding, PacketPadding.Value(PaddingScheme.Legacy, padding.Length)))
            Found = found with { Padding = PaddingScheme.Legacy };
    }
}
