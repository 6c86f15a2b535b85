using System.Buffers.Binary;

namespace XpraAes.Ciphers;

/// <summary>GCM's keystream, both directions, without its tag, as in xpra 4.3 to 6.1 (PROTOCOL section 7). With a 16-byte IV, GHASH gives the first counter (NIST SP 800-38D section 7.1).</summary>
internal sealed class GcmCipher : BlockModeCipher
{
    private readonly CtrCipher _counter;

    public GcmCipher(AesEngine engine, ReadOnlySpan<byte> iv)
        : base(engine, ProtocolDefaults.BlockSize)
    {
        _counter = new CtrCipher(engine, iv, carries: false);
        Reset(iv);
    }

    public override void Transform(ReadOnlySpan<byte> source, Span<byte> destination) => _counter.Transform(source, destination);

    // J0 = GHASH(iv || 0^64 || 128 as 64 bits); the first counter is inc32(J0).
    public override void Reset(ReadOnlySpan<byte> iv)
    {
        var block = State;
        block.Clear();
        Engine.EncryptBlock(block);
        UInt128 h = BinaryPrimitives.ReadUInt128BigEndian(block);
        UInt128 j0 = Multiply(Multiply(BinaryPrimitives.ReadUInt128BigEndian(iv), h) ^ 128, h);
        BinaryPrimitives.WriteUInt128BigEndian(block, j0);
        BinaryPrimitives.WriteUInt32BigEndian(block[12..], (uint)j0 + 1);
        _counter.Reset(block);
    }

    public override void Dispose()
    {
        _counter.Dispose();
        base.Dispose();
    }

    // NIST SP 800-38D section 6.3, algorithm 1, with masks instead of branches: h is secret.
    private static UInt128 Multiply(UInt128 x, UInt128 h)
    {
        UInt128 reduction = (UInt128)0xE1 << 120;
        UInt128 product = 0;
        for (int bit = 127; bit >= 0; bit--)
        {
            product ^= h & (0 - ((x >> bit) & 1));
            h = (h >> 1) ^ (reduction & (0 - (h & 1)));
        }

        return product;
    }
}
