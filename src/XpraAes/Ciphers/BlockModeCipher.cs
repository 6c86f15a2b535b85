using XpraAes.Keys;

namespace XpraAes.Ciphers;

/// <summary>One direction of one AES mode. Its state runs on from call to call, wherever the calls cut the stream. Not for two threads at once.</summary>
internal abstract class BlockModeCipher(AesEngine engine, int stateSize) : IDisposable
{
    private readonly SecretBuffer _state = new(stateSize);

    /// <summary>The key. This cipher owns it.</summary>
    protected AesEngine Engine { get; } = engine;

    /// <summary>What runs on: a chain, a counter, unused keystream. Throws <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>.</summary>
    protected Span<byte> State => _state.Span;

    /// <summary>Encrypts or decrypts source to a destination of the same length; exactly the same memory, or none in common. CBC takes whole blocks only.</summary>
    public abstract void Transform(ReadOnlySpan<byte> source, Span<byte> destination);

    /// <summary>Starts a fresh context with the same key and this IV of 16 bytes.</summary>
    public abstract void Reset(ReadOnlySpan<byte> iv);

    /// <summary>Zeroes the key and the state.</summary>
    public virtual void Dispose()
    {
        Engine.Dispose();
        _state.Dispose();
    }
}
