namespace XpraAes.Ciphers;

/// <summary>One direction of CBC (NIST SP 800-38A section 6.2). The state is the last ciphertext block.</summary>
internal sealed class CbcCipher : BlockModeCipher
{
    private readonly bool _encrypts;

    public CbcCipher(AesEngine engine, ReadOnlySpan<byte> iv, bool encrypts)
        : base(engine, ProtocolDefaults.BlockSize)
    {
        _encrypts = encrypts;
        Reset(iv);
    }

    public override void Transform(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (source.Length % ProtocolDefaults.BlockSize != 0)
            throw new ArgumentException("CBC takes whole blocks of 16 bytes.", nameof(source));

        destination = destination[..source.Length];
        if (_encrypts)
            Engine.EncryptCbc(source, destination, State);
        else
            Engine.DecryptCbc(source, destination, State);
    }

    public override void Reset(ReadOnlySpan<byte> iv) => iv.CopyTo(State);
}
