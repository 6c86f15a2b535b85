using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>
/// Salts that every holder of the key recognises without having seen them. To xpra a salt is any 64 bytes; ours are
/// <code>
///  0   8  when it was made: milliseconds since 1970, big endian
///  8  16  random
/// 24  16  HMAC-SHA256 of the above, cut off: whether a client or a listener of ours made it
/// 40  24  HMAC-SHA256 of the above and of what it was sent with, cut off
/// </code>
/// The HMAC's key is PBKDF2 of the key data, so that a tag is no cheaper a way to guess at the key data than a packet is.
/// </summary>
internal sealed class SaltTags : IDisposable
{
    /// <summary>As dear as a key's fingerprint, and dearer than any packet that <see cref="Limits.MaxIterations"/> lets through; once for each key and process.</summary>
    public const int Iterations = 100_000;

    private const int TimeSize = 8, RandomSize = 16, OriginSize = 16, BindingSize = 24;
    private const int OriginAt = TimeSize + RandomSize, BindingAt = OriginAt + OriginSize;

    private readonly SecretBuffer _key = new(32);

    public SaltTags(ReadOnlySpan<byte> keyData)
        => Rfc2898DeriveBytes.Pbkdf2(keyData, "XpraAes salt tags 1"u8, _key.Span, Iterations, HashAlgorithmName.SHA256);

    private static ReadOnlySpan<byte> ClientLabel => "client"u8;

    private static ReadOnlySpan<byte> ListenerLabel => "listener"u8;

    /// <summary>Names the key in the file of its salts: 16 hexadecimal digits that tell nothing of it.</summary>
    public string FileName => Convert.ToHexString(Compute("file"u8, [], []).AsSpan(0, 8)).ToLowerInvariant();

    /// <summary>A salt of a client's, bound to the hello that announces it.</summary>
    /// <param name="hello">The hello with everything but the salt in it.</param>
    /// <param name="now">The time that a listener compares with its own.</param>
    public byte[] ForClient(XpraDictionary hello, DateTimeOffset now) => Make(ClientLabel, now, Digest(hello));

    /// <summary>A salt of a listener's, bound to the client's salt that it answers and to how the client is to encrypt.</summary>
    public byte[] ForListener(ReadOnlySpan<byte> clientSalt, CipherParameters announced, bool? stream)
        => Make(ListenerLabel, DateTimeOffset.UtcNow, Context(clientSalt, announced, stream));

    /// <summary>Who made a salt.</summary>
    public SaltOrigin OriginOf(ReadOnlySpan<byte> salt)
    {
        if (salt.Length != ProtocolDefaults.SaltSize)
            return SaltOrigin.Unknown;
        var tag = salt.Slice(OriginAt, OriginSize);
        if (CryptographicOperations.FixedTimeEquals(tag, Compute(ClientLabel, salt[..OriginAt], []).AsSpan(0, OriginSize)))
            return SaltOrigin.Client;
        return CryptographicOperations.FixedTimeEquals(tag, Compute(ListenerLabel, salt[..OriginAt], []).AsSpan(0, OriginSize)) ? SaltOrigin.Listener : SaltOrigin.Unknown;
    }

    /// <summary>Whether a client's salt was made for the hello that it came in.</summary>
    public bool IsFor(ReadOnlySpan<byte> salt, XpraDictionary hello) => IsBound(ClientLabel, salt, Digest(hello));

    /// <summary>Whether a listener's salt answers that client's salt, together with the parameters that it came with.</summary>
    public bool Answers(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> clientSalt, CipherParameters announced, bool? stream)
        => IsBound(ListenerLabel, salt, Context(clientSalt, announced, stream));

    /// <summary>When a salt of ours was made.</summary>
    public static DateTimeOffset TimeOf(ReadOnlySpan<byte> salt)
    {
        var milliseconds = BinaryPrimitives.ReadInt64BigEndian(salt);
        return DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(milliseconds, 0, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
    }

    /// <summary>What is remembered of a salt: 16 bytes under the key, which nobody without it can aim at or link to the salt.</summary>
    public UInt128 TraceOf(ReadOnlySpan<byte> salt) => BinaryPrimitives.ReadUInt128BigEndian(Compute("trace"u8, salt, []));

    public void Dispose() => _key.Dispose();

    private byte[] Make(ReadOnlySpan<byte> label, DateTimeOffset now, ReadOnlySpan<byte> context)
    {
        var salt = new byte[ProtocolDefaults.SaltSize];
        BinaryPrimitives.WriteInt64BigEndian(salt, now.ToUnixTimeMilliseconds());
        RandomNumberGenerator.Fill(salt.AsSpan(TimeSize, RandomSize));
        Compute(label, salt.AsSpan(0, OriginAt), []).AsSpan(0, OriginSize).CopyTo(salt.AsSpan(OriginAt));
        Compute(label, salt.AsSpan(0, BindingAt), context).AsSpan(0, BindingSize).CopyTo(salt.AsSpan(BindingAt));
        return salt;
    }

    private bool IsBound(ReadOnlySpan<byte> label, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> context)
        => CryptographicOperations.FixedTimeEquals(salt.Slice(BindingAt, BindingSize), Compute(label, salt[..BindingAt], context).AsSpan(0, BindingSize));

    // The lengths keep one split of the same bytes from standing for another.
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

    /// <summary>rencode writes text and bytes alike: the digest is the same whichever encoding the hello travelled in.</summary>
    private static byte[] Digest(XpraDictionary hello)
        => SHA256.HashData(PacketCodec.Encode(PacketEncoding.Rencode, new object?[] { Hello.PacketType, CipherCapabilities.WithoutSalt(hello) }));

    private static byte[] Context(ReadOnlySpan<byte> clientSalt, CipherParameters announced, bool? stream)
        => [.. clientSalt, .. Encoding.ASCII.GetBytes(FormattableString.Invariant(
            $"|{announced.Mode}|{Convert.ToHexString(announced.IV.Span)}|{announced.KeySize}|{announced.KeyHash}|{announced.Iterations}|{announced.Padding}|{stream}"))];
}
