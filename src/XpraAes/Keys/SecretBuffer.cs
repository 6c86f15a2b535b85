using System.Security.Cryptography;
using System.Text;

namespace XpraAes.Keys;

/// <summary>Secret bytes: pinned, so that the garbage collector leaves no copies behind, and zeroed on <see cref="Dispose"/>. Every member throws <see cref="ObjectDisposedException"/> after that.</summary>
/// <remarks>There is no finalizer: a <see cref="Span"/> does not keep its buffer alive, and a finalizer could zero a key while it is in use.</remarks>
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

    /// <summary>The bytes, readable and writable; valid until <see cref="Dispose"/>.</summary>
    public Span<byte> Span => Array;

    /// <summary>The bytes, for .NET methods that only take an array.</summary>
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

    /// <summary>A copy with its own lifetime.</summary>
    public SecretBuffer Clone() => new(Span);

    /// <summary>Zeroes the bytes. A second call does nothing.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        _bytes = null;
    }

    /// <summary>The length, never the content.</summary>
    public override string ToString() => _bytes is null ? "SecretBuffer (disposed)" : $"SecretBuffer ({_bytes.Length} bytes)";
}
