using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>
/// Creates and checks salts that every holder of the key can recognise. To xpra a salt is any 64 bytes; those of XpraAes are
/// <code>
///  0   8  creation time: milliseconds since 1970, big endian
///  8  16  random
/// 24  16  HMAC-SHA256 of the above, truncated: whether a client or a listener made it
/// 40  24  HMAC-SHA256 of the above and of the hello or answer that it belongs to, truncated
/// </code>
/// The HMAC key is PBKDF2 of the key data, so that a tag makes guessing the key data no cheaper than a packet does.
/// </summary>
internal sealed class SaltTags : IDisposable
{
    /// <summary>As expensive as a key's fingerprint, and more than any packet that <see cref="Limits.MaxIterations"/> allows; computed once per key and process.</summary>
    public const int Iterations = 100_000;

    private const int TimeSize = 8, RandomSize = 16, OriginSize = 16, BindingSize = 24;
    private const int OriginOffset = TimeSize + RandomSize, BindingOffset = OriginOffset + OriginSize;

    private readonly SecretBuffer _key = new(32);

    public SaltTags(ReadOnlySpan<byte> keyData)
        => Rfc2898DeriveBytes.Pbkdf2(keyData, "XpraAes salt tags 1"u8, _key.Span, Iterations, HashAlgorithmName.SHA256);

    private static ReadOnlySpan<byte> ClientLabel => "client"u8;

    private static ReadOnlySpan<byte> ListenerLabel => "listener"u8;

    /// <summary>The name of the key's salt file: 16 hexadecimal digits that reveal nothing about the key.</summary>
    public string FileName => Convert.ToHexString(Compute("file"u8, [], []).AsSpan(0, 8)).ToLowerInvariant();

    /// <summary>Creates a client's salt, bound to the hello that announces it.</summary>
    /// <param name="hello">The complete hello; its salt is ignored.</param>
    /// <param name="now">The creation time, which the listener compares with its clock.</param>
    public byte[] CreateClientSalt(XpraDictionary hello, DateTimeOffset now) => Create(ClientLabel, now, HelloDigest(hello));

    /// <summary>Creates a listener's salt, bound to the client's salt that it answers and to the cipher parameters that it announces.</summary>
    public byte[] CreateListenerSalt(ReadOnlySpan<byte> clientSalt, CipherParameters announced, bool? stream)
        => Create(ListenerLabel, DateTimeOffset.UtcNow, AnswerContext(clientSalt, announced, stream));

    /// <summary>Who created a salt.</summary>
    public SaltOrigin OriginOf(ReadOnlySpan<byte> salt)
    {
        if (salt.Length != ProtocolDefaults.SaltSize)
            return SaltOrigin.Unknown;
        var tag = salt.Slice(OriginOffset, OriginSize);
        if (CryptographicOperations.FixedTimeEquals(tag, Compute(ClientLabel, salt[..OriginOffset], []).AsSpan(0, OriginSize)))
            return SaltOrigin.Client;
        return CryptographicOperations.FixedTimeEquals(tag, Compute(ListenerLabel, salt[..OriginOffset], []).AsSpan(0, OriginSize)) ? SaltOrigin.Listener : SaltOrigin.Unknown;
    }

    /// <summary>Whether a client's salt was created for this hello.</summary>
    public bool IsBoundTo(ReadOnlySpan<byte> salt, XpraDictionary hello) => IsBound(ClientLabel, salt, HelloDigest(hello));

    /// <summary>Whether a listener's salt was created in answer to this client salt, with these parameters.</summary>
    public bool IsAnswerTo(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> clientSalt, CipherParameters announced, bool? stream)
        => IsBound(ListenerLabel, salt, AnswerContext(clientSalt, announced, stream));

    /// <summary>The creation time of a tagged salt.</summary>
    public static DateTimeOffset TimeOf(ReadOnlySpan<byte> salt)
    {
        var milliseconds = BinaryPrimitives.ReadInt64BigEndian(salt);
        return DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(milliseconds, 0, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
    }

    /// <summary>What is remembered of a salt: 16 bytes of a keyed hash, which nobody without the key can link to a salt or collide with.</summary>
    public UInt128 TraceOf(ReadOnlySpan<byte> salt) => BinaryPrimitives.ReadUInt128BigEndian(Compute("trace"u8, salt, []));

    public void Dispose() => _key.Dispose();

    private byte[] Create(ReadOnlySpan<byte> label, DateTimeOffset now, ReadOnlySpan<byte> context)
    {
        var salt = new byte[ProtocolDefaults.SaltSize];
        BinaryPrimitives.WriteInt64BigEndian(salt, now.ToUnixTimeMilliseconds());
        RandomNumberGenerator.Fill(salt.AsSpan(TimeSize, RandomSize));
        Compute(label, salt.AsSpan(0, OriginOffset), []).AsSpan(0, OriginSize).CopyTo(salt.AsSpan(OriginOffset));
        Compute(label, salt.AsSpan(0, BindingOffset), context).AsSpan(0, BindingSize).CopyTo(salt.AsSpan(BindingOffset));
        return salt;
    }

    private bool IsBound(ReadOnlySpan<byte> label, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> context)
        => CryptographicOperations.FixedTimeEquals(salt.Slice(BindingOffset, BindingSize), Compute(label, salt[..BindingOffset], context).AsSpan(0, BindingSize));

    // The length prefixes make the concatenation unambiguous.
    private byte[] Compute(ReadOnlySpan<byte> label, ReadOnlySpan<byte> data, ReadOnlySpan<byte> context)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key.Span);
        Span<byte> lengths = stackalloc byte[12];
        BinaryPrimitives.WriteInt32BigEndian(lengths, label.Length);
        BinaryPrimitives.WriteInt32BigEndian(lengths[4..], data.Length);
        BinaryPrimitives.WriteInt32BigEndian(lengths[8..], context.Length);
        mac.AppendData(lengths);
        mac.AppendData(label);
        mac.AppendData(data);
        mac.AppendData(context);
        return mac.GetHashAndReset();
    }

    /// <summary>Hashed as rencode, which encodes text and bytes alike, so that the hello's own encoding does not matter.</summary>
    private static byte[] HelloDigest(XpraDictionary hello)
        => SHA256.HashData(PacketCodec.Encode(PacketEncoding.Rencode, new object?[] { Hello.PacketType, CipherCapabilities.WithoutSalt(hello) }));

    private static byte[] AnswerContext(ReadOnlySpan<byte> clientSalt, CipherParameters announced, bool? stream)
        => [.. clientSalt, .. Encoding.ASCII.GetBytes(FormattableString.Invariant(
            $"|{announced.Mode}|{Convert.ToHexString(announced.IV.Span)}|{announced.KeySize}|{announced.KeyHash}|{announced.Iterations}|{announced.Padding}|{stream}"))];
}
