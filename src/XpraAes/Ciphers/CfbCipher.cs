namespace XpraAes.Ciphers;

/// <summary>One direction of CFB128 (NIST SP 800-38A section 6.3). The state is one block: ciphertext up to the current position, unused keystream after it.</summary>
internal sealed class CfbCipher : BlockModeCipher
{
    private const int Block = ProtocolDefaults.BlockSize;
    private readonly bool _encrypts;
    private int _used;

    public CfbCipher(AesEngine engine, ReadOnlySpan<byte> iv, bool encrypts)
        : base(engine, Block)
    {
        _encrypts = encrypts;
        Reset(iv);
    }

    public override void Transform(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (_used > 0)
        {
            int head = Math.Min(source.Length, Block - _used);
            TransformPart(source[..head], destination);
            source = source[head..];
            destination = destination[head..];
        }

        int whole = source.Length - source.Length % Block;
        if (_encrypts)
            Engine.EncryptCfb(source[..whole], destination[..whole], State);
        else
            Engine.DecryptCfb(source[..whole], destination[..whole], State);

        if (whole == source.Length)
            return;

        Engine.EncryptBlock(State);
        TransformPart(source[whole..], destination[whole..]);
    }

    public override void Reset(ReadOnlySpan<byte> iv)
    {
        iv.CopyTo(State);
        _used = 0;
    }

    private void TransformPart(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var part = State.Slice(_used, source.Length);
        for (int i = 0; i < part.Length; i++)
        {
            byte input = source[i];
            byte output = (byte)(input ^ part[i]);
            destination[i] = output;
            part[i] = _encrypts ? output : input;
        }

        _used = (_used + source.Length) % Block;
    }
}
