namespace XpraAes.Ciphers;

/// <summary>One AES key, with the operations that the modes need, in whole blocks of 16 bytes. The mode keeps the state between calls and passes it to each.</summary>
/// <remarks>Source and destination are the same memory or do not overlap. Not thread safe.</remarks>
internal abstract class AesEngine : IDisposable
{
    private static readonly bool HardwareAllowed = IsHardwareAllowed();

    /// <summary>Bytes of keystream that are efficient to generate at a time.</summary>
    public abstract int KeystreamBatch { get; }

    /// <summary>The engine for this key of 16, 24 or 32 bytes: the processor's AES instructions if it has them, or the platform's library if <paramref name="portable"/>, the AppContext switch <c>XpraAes.DisableHardwareAes</c> or the environment variable <c>XPRAAES_PORTABLE_AES=1</c> asks for it.</summary>
    public static AesEngine Create(ReadOnlySpan<byte> key, bool portable = false)
        => HardwareAllowed && !portable ? new HardwareAes(key) : new PortableAes(key);

    /// <summary>Encrypts one block in place.</summary>
    public abstract void EncryptBlock(Span<byte> block);

    /// <summary>CBC (NIST SP 800-38A 6.2). <paramref name="chain"/> is the previous ciphertext block.</summary>
    public abstract void EncryptCbc(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain);

    /// <summary>CBC (NIST SP 800-38A 6.2). <paramref name="chain"/> is the previous ciphertext block.</summary>
    public abstract void DecryptCbc(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain);

    /// <summary>CFB128 (NIST SP 800-38A 6.3). <paramref name="chain"/> is the previous ciphertext block.</summary>
    public abstract void EncryptCfb(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain);

    /// <summary>CFB128 (NIST SP 800-38A 6.3). <paramref name="chain"/> is the previous ciphertext block.</summary>
    public abstract void DecryptCfb(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain);

    /// <summary>XORs with the encrypted counter blocks. Only the last 32 bits of <paramref name="counter"/> are incremented, and wrap around: NIST SP 800-38D's inc32.</summary>
    public abstract void XorCounter32(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> counter);

    /// <summary>Zeroes the key.</summary>
    public abstract void Dispose();

    private static bool IsHardwareAllowed()
        => HardwareAes.IsSupported
            && !(AppContext.TryGetSwitch("XpraAes.DisableHardwareAes", out bool disabled) && disabled)
            && Environment.GetEnvironmentVariable("XPRAAES_PORTABLE_AES") != "1";
}
