using XpraAes.Keys;

namespace XpraAes.Ciphers;

/// <summary>One direction of one AES mode. State carries over between calls, wherever they split the stream. Not thread safe.</summary>
internal abstract class BlockModeCipher(AesEngine engine, int stateSize) : IDisposable
{
    private readonly SecretBuffer _state = new(stateSize);

    /// <summary>The engine that holds the key; owned by this cipher.</summary>
    protected AesEngine Engine { get; } = engine;

    /// <summary>The state between calls: previous ciphertext block, counter or unused keystream. Throws <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>.</summary>
    protected Span<byte> State => _state.Span;

    /// <summary>Encrypts or decrypts source to a destination of the same length, the same memory or not overlapping. CBC takes whole blocks only.</summary>
    public abstract void Transform(ReadOnlySpan<byte> source, Span<byte> destination);

    /// <summary>Starts again with the same key and this IV of 16 bytes.</summary>
    public abstract void Reset(ReadOnlySpan<byte> iv);

    /// <summary>Zeroes the key and the state.</summary>
    public virtual void Dispose()
    {
        Engine.Dispose();
        _state.Dispose();
    }
}
