using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Tls;

namespace XpraAes.Transports;

/// <summary>
/// Protects the records of one direction of TLS 1.3 with the platform's AES-GCM, and follows its key updates (RFC 8446 sections 5.2, 5.3 and 7.2).
/// Not thread-safe.
/// </summary>
internal sealed class TlsRecordProtection : IDisposable
{
    /// <summary>Bytes of a record's header: type, version, length.</summary>
    public const int HeaderSize = 5;

    /// <summary>The most content in bytes that a record carries.</summary>
    public const int MaxContentSize = 1 << 14;

    /// <summary>Bytes that a record adds to its content where it is not padded.</summary>
    public const int Overhead = HeaderSize + TypeSize + TagSize;

    /// <summary>The largest record in bytes, header included.</summary>
    public const int MaxRecordSize = HeaderSize + MaxContentSize + 256;

    private const int TypeSize = 1, TagSize = 16, NonceSize = 12;

    private readonly HashAlgorithmName _hash;
    private readonly int _keySize;
    private readonly byte[] _secret;
    private readonly byte[] _iv = new byte[NonceSize];
    private AesGcm _aes;

    /// <param name="suite">TLS_AES_256_GCM_SHA384 or TLS_AES_128_GCM_SHA256.</param>
    /// <param name="trafficSecret">The direction's application traffic secret, as long as the suite's hash. This object owns it.</param>
    public TlsRecordProtection(int suite, byte[] trafficSecret)
    {
        (_hash, _keySize) = suite == CipherSuite.TLS_AES_256_GCM_SHA384 ? (HashAlgorithmName.SHA384, 32) : (HashAlgorithmName.SHA256, 16);
        _secret = trafficSecret;
        _aes = DeriveKey();
    }

    /// <summary>Records protected or opened with the present key; the number of the next one.</summary>
    public long Count { get; private set; }

    /// <summary>Writes one record and returns its size: the content's and <see cref="Overhead"/>.</summary>
    public int Seal(short type, ReadOnlySpan<byte> content, Span<byte> record)
    {
        var size = content.Length + Overhead;
        WriteHeader(record, size - HeaderSize);
        var inner = record.Slice(HeaderSize, content.Length + TypeSize);
        content.CopyTo(inner);
        inner[^1] = (byte)type;
        Span<byte> nonce = stackalloc byte[NonceSize];
        NextNonce(nonce);
        _aes.Encrypt(nonce, inner, inner, record.Slice(HeaderSize + inner.Length, TagSize), record[..HeaderSize]);
        return size;
    }

    /// <summary>Opens one whole record into a place that is as large as the record without <see cref="HeaderSize"/> and tag, and may be where the record has it. Returns type and size of the content.</summary>
    /// <exception cref="TlsFatalAlert">bad_record_mac, record_overflow, unexpected_message.</exception>
    public (short Type, int Size) Open(ReadOnlySpan<byte> record, Span<byte> content)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        NextNonce(nonce);
        var inner = content[..InnerSize(record.Length)];
        try
        {
            _aes.Decrypt(nonce, record.Slice(HeaderSize, inner.Length), record[^TagSize..], inner, record[..HeaderSize]);
        }
        catch (AuthenticationTagMismatchException e)
        {
            throw new TlsFatalAlert(AlertDescription.bad_record_mac, e);
        }
        var last = inner.LastIndexOfAnyExcept((byte)0); // behind the type is padding
        if (last < 0)
            throw new TlsFatalAlert(AlertDescription.unexpected_message, "A record without a type.");
        if (last > MaxContentSize)
            throw new TlsFatalAlert(AlertDescription.record_overflow);
        return (inner[last], last);
    }

    /// <summary>The size in bytes of the record that starts here, header included; 0 where its header is incomplete.</summary>
    /// <exception cref="TlsFatalAlert">record_overflow, unexpected_message, or decode_error where there is no room for a tag.</exception>
    public static int RecordSize(ReadOnlySpan<byte> start)
    {
        if (start.Length < HeaderSize)
            return 0;
        if (start[0] != ContentType.application_data)
            throw new TlsFatalAlert(AlertDescription.unexpected_message, "A record that is not protected.");
        var size = SizeIn(start);
        if (size > MaxRecordSize)
            throw new TlsFatalAlert(AlertDescription.record_overflow);
        return size >= Overhead ? size : throw new TlsFatalAlert(AlertDescription.decode_error);
    }

    /// <summary>The size in bytes, header included, that a whole header states.</summary>
    public static int SizeIn(ReadOnlySpan<byte> header) => HeaderSize + BinaryPrimitives.ReadUInt16BigEndian(header[3..]);

    /// <summary>Bytes that <see cref="Open"/> needs for the content of a record of this size: its type and padding too.</summary>
    public static int InnerSize(int recordSize) => recordSize - HeaderSize - TagSize;

    /// <summary>Goes on to the next key of this direction.</summary>
    public void Update()
    {
        ExpandLabel("traffic upd", _secret);
        _aes.Dispose();
        _aes = DeriveKey();
        Count = 0;
    }

    public void Dispose()
    {
        _aes.Dispose();
        CryptographicOperations.ZeroMemory(_secret);
        CryptographicOperations.ZeroMemory(_iv);
    }

    private AesGcm DeriveKey()
    {
        Span<byte> key = stackalloc byte[_keySize];
        ExpandLabel("key", key);
        ExpandLabel("iv", _iv);
        var aes = new AesGcm(key, TagSize);
        CryptographicOperations.ZeroMemory(key);
        return aes;
    }

    /// <summary>HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).</summary>
    private void ExpandLabel(string label, Span<byte> output)
    {
        var name = "tls13 " + label;
        Span<byte> info = stackalloc byte[3 + name.Length + 1];
        BinaryPrimitives.WriteUInt16BigEndian(info, (ushort)output.Length);
        info[2] = (byte)name.Length;
        Encoding.ASCII.GetBytes(name, info[3..]);
        info[^1] = 0;
        Span<byte> expanded = stackalloc byte[output.Length];
        HKDF.Expand(_hash, _secret, expanded, info);
        expanded.CopyTo(output);
        CryptographicOperations.ZeroMemory(expanded);
    }

    private void NextNonce(Span<byte> nonce)
    {
        _iv.CopyTo(nonce);
        var sequence = nonce[^sizeof(long)..];
        BinaryPrimitives.WriteInt64BigEndian(sequence, BinaryPrimitives.ReadInt64BigEndian(sequence) ^ Count++);
    }

    private static void WriteHeader(Span<byte> record, int length)
    {
        record[0] = (byte)ContentType.application_data;
        BinaryPrimitives.WriteUInt16BigEndian(record[1..], 0x0303); // RFC 8446 section 5.2: always
        BinaryPrimitives.WriteUInt16BigEndian(record[3..], (ushort)length);
    }
}
