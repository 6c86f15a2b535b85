using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Packets;

namespace XpraAes.Diagnostics;

/// <summary>
/// Finds out offline how a server encrypted its first answer: as requested, in another mode, under another form of the key, or with other
/// padding. The packet is only peeked at and stays in the stream.
/// </summary>
internal sealed class EncryptedReply
{
    /// <summary>Timeout for the padding, which usually arrives together with the packet; arbitrary. Only CBC has any.</summary>
    private static readonly TimeSpan s_paddingTimeout = TimeSpan.FromMilliseconds(500);

    private readonly PacketHeader _header;
    private readonly CipherParameters _requested;
    private readonly Limits _limits;
    private byte[] _wire;

    private EncryptedReply(PacketHeader header, byte[] wire, CipherParameters requested, Limits limits)
    {
        _header = header;
        _wire = wire;
        _requested = requested;
        _limits = limits;
    }

    /// <summary>How the server encrypted, with the padding unit if it shows; null: in no known way, so with another key.</summary>
    public CipherParameters? Found { get; private set; }

    /// <summary>The form in which the server holds the key; null if it holds the same bytes.</summary>
    public string? KeyForm { get; private set; }

    /// <summary>Whether the padding scheme is the requested one, with either unit.</summary>
    public bool PaddingIsRight { get; private set; } = true;

    /// <summary>Whether everything is as requested, so that the session can continue.</summary>
    public bool IsAsRequested => Found is { } found && KeyForm is null && PaddingIsRight
        && (found.Mode, found.Stream, found.KeySize, found.KeyHash) == (_requested.Mode, _requested.Stream, _requested.KeySize, _requested.KeyHash);

    /// <summary>Reads the packet at the head of the stream; null if it is not encrypted.</summary>
    /// <exception cref="XpraAesException">ConnectionLost, LimitReached, or the id of what the peer is instead.</exception>
    public static async Task<EncryptedReply?> ReadAsync(PacketChannel channel, IReadOnlyList<XpraKey> keys, SecretBuffer? password, CipherParameters requested, Limits limits, CancellationToken cancellationToken)
    {
        var header = await channel.PeekHeaderAsync(cancellationToken).ConfigureAwait(false);
        if (!header.IsEncrypted)
            return null;
        if (header.PayloadSize > channel.Reader.MaxPayloadSize)
            throw new XpraAesException(XpraErrorId.LimitReached, $"The server's answer has {header.PayloadSize} bytes, and at most {channel.Reader.MaxPayloadSize} are accepted.");
        var reply = new EncryptedReply(header, await PeekAsync(channel, header.PayloadSize, cancellationToken).ConfigureAwait(false), requested, limits);
        // Only CBC sends more bytes than the header says, so an answer in another requested mode is complete.
        if (requested.Mode != AesMode.CBC && keys.Any(key => reply.Try(key.Data, null, [requested])))
            return reply;
        await reply.PeekPaddingAsync(channel, cancellationToken).ConfigureAwait(false);
        reply.Search(keys, password);
        return reply;
    }

    private static async Task<byte[]> PeekAsync(PacketChannel channel, int size, CancellationToken cancellationToken)
        => (await channel.PeekAsync(PacketHeader.Size + size, cancellationToken).ConfigureAwait(false))[PacketHeader.Size..].ToArray();

    /// <summary>Peeks at the padding to 16 bytes, which both units have; more is not needed to tell them apart.</summary>
    private async Task PeekPaddingAsync(PacketChannel channel, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(s_paddingTimeout);
        try
        {
            _wire = await PeekAsync(channel, _header.PayloadSize + PacketPadding.Size(_header.PayloadSize, ProtocolDefaults.BlockSize), timeout.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is XpraAesException || e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            // No padding: the mode is not CBC.
        }
    }

    /// <summary>Tries the keys as they are, then the first one in other forms.</summary>
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

    /// <summary>What servers are known to make of a request: do as requested, omit the IVs in the packets, use another mode, or use the fixed parameters of 3.1 to 4.2.</summary>
    private IEnumerable<CipherParameters> Candidates()
    {
        foreach (var mode in Enum.GetValues<AesMode>().OrderBy(mode => mode != _requested.Mode))
        {
            yield return _requested with { Mode = mode };
            if (!_requested.Stream)
                yield return _requested with { Mode = mode, Stream = true };
        }
        if ((_requested.KeySize, _requested.KeyHash) != (ProtocolDefaults.KeySize, ProtocolDefaults.KeyHash))
            yield return _requested with { Mode = AesMode.CBC, Stream = true, KeySize = ProtocolDefaults.KeySize, KeyHash = ProtocolDefaults.KeyHash };
    }

    /// <summary>Derives one key for all candidates with the same key size and hash, since derivation takes most of the time.</summary>
    private bool Try(ReadOnlySpan<byte> keyData, string? form, IEnumerable<CipherParameters> candidates)
    {
        foreach (var group in candidates.GroupBy(candidate => (candidate.KeySize, candidate.KeyHash)))
        {
            using var derived = new SecretBuffer(group.Key.KeySize);
            KeyStretching.Derive(keyData, group.First(), derived.Span);
            foreach (var candidate in group)
            {
                if (!Decrypts(candidate, derived.Span))
                    continue;
                KeyForm = form;
                return true;
            }
        }
        return false;
    }

    private bool Decrypts(CipherParameters candidate, ReadOnlySpan<byte> derivedKey)
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
        var unitsPadEqually = _header.PayloadSize % PacketPadding.MaxUnit >= ProtocolDefaults.BlockSize;
        if (PacketPadding.IsAll(padding, (byte)padding.Length))
            Found = found with { PaddingUnit = unitsPadEqually ? 0 : ProtocolDefaults.BlockSize };
        else if (PacketPadding.IsAll(padding, (byte)(padding.Length + ProtocolDefaults.BlockSize)) && !unitsPadEqually)
            Found = found with { PaddingUnit = PacketPadding.MaxUnit };
        else
            PaddingIsRight = false;
        if (PacketPadding.IsAll(padding, PacketPadding.Value(PaddingScheme.Legacy, padding.Length)))
            Found = found with { Padding = PaddingScheme.Legacy };
    }
}
