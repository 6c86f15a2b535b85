using System.Security.Cryptography;
using System.Text;

namespace XpraAes.Keys;

/// <summary>Bytes that must not leak: pinned, so that the collector leaves no copies behind, and zeroed on <see cref="Dispose"/>. Every member throws <see cref="ObjectDisposedException"/> after that.</summary>
/// <remarks>There is no finalizer: a <see cref="Span"/> does not keep its buffer alive, and one zeroed in the middle of its use would be a wrong key.</remarks>
public sealed class SecretBuffer : IDisposable
{
    private byte[]? _bytes;

    /// <summary>A buffer of that many zero bytes.</summary>
    public SecretBuffer(int length) => _bytes = GC.AllocateArray<byte>(length, pinned: true);

    /// <summary>A buffer that holds a copy of these bytes.</summary>
    public SecretBuffer(ReadOnlySpan<byte> bytes)
    {
        _bytes = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(_bytes);
    }

    /// <summary>The number of bytes.</summary>
    public int Length => Array.Length;

    /// <summary>The bytes themselves, to read and to write; valid until <see cref="Dispose"/>.</summary>
    public Span<byte> Span => Array;

    /// <summary>The bytes for the platform's methods that take nothing but an array.</summary>
    internal byte[] Array
    {
        get
        {
            ObjectDisposedException.ThrowIf(_bytes is null, this);
            return _bytes;
        }
    }

    /// <summary>The UTF-8 bytes of this text, without a byte order mark. Throws <see cref="EncoderFallbackException"/> at an unpaired surrogate.</summary>
    public static SecretBuffer FromUtf8(ReadOnlySpan<char> text)
    {
        var strict = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        var buffer = new SecretBuffer(strict.GetByteCount(text));
        strict.GetBytes(text, buffer.Span);
        return buffer;
    }

    /// <summary>A second buffer with the same bytes, to be disposed of by itself.</summary>
    public SecretBuffer Clone() => new(Span);

    /// <summary>Zeroes the bytes. A second call does nothing.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        _bytes = null;
    }

    /// <summary>Its length, never its content.</summary>
    public override string ToString() => _bytes is null ? "SecretBuffer (disposed)" : $"SecretBuffer ({_bytes.Length} bytes)";
}
