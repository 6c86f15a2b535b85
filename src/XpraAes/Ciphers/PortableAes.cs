using System.Buffers.Binary;
using System.Security.Cryptography;
using XpraAes.Keys;

namespace XpraAes.Ciphers;

/// <summary>AES with the platform's library. Keeps three of its transforms as long as the key, since one-shot calls cost microseconds and an allocation each.</summary>
internal sealed class PortableAes : AesEngine
{
    private const int Block = ProtocolDefaults.BlockSize;
    private static readonly byte[] ZeroIV = new byte[Block];

    private readonly Aes _aes = Aes.Create();
    private readonly SecretBuffer _key;
    private readonly SecretBuffer _scratch = new(8192);
    // The chaining values inside the two CBC transforms. They cannot be set, so they are cancelled out by XORing the block with them.
    private readonly SecretBuffer _encryptChain = new(Block);
    private readonly SecretBuffer _decryptChain = new(Block);
    private ICryptoTransform? _ecbEncrypt;
    private ICryptoTransform? _cbcEncrypt;
    private ICryptoTransform? _cbcDecrypt;

    public PortableAes(ReadOnlySpan<byte> key)
    {
        _key = new SecretBuffer(key);
        _aes.Padding = PaddingMode.None;
    }

    public override int KeystreamBatch => 2048;

    public override void EncryptBlock(Span<byte> block)
    {
        var scratch = _scratch.Span[..Block];
        block.CopyTo(scratch);
        EncryptEcb(Block);
        scratch.CopyTo(block);
    }

    public override void EncryptCbc(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        var scratch = _scratch.Span;
        while (!source.IsEmpty)
        {
            int length = Math.Min(source.Length, scratch.Length);
            source[..length].CopyTo(scratch);
            EncryptCbc(length, chain);
            scratch[..length].CopyTo(destination);
            scratch.Slice(length - Block, Block).CopyTo(chain);
            source = source[length..];
            destination = destination[length..];
        }
    }

    public override void DecryptCbc(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        _cbcDecrypt ??= CreateTransform(CipherMode.CBC, encrypt: false);
        var scratch = _scratch.Span;
        var inside = _decryptChain.Span;
        while (!source.IsEmpty)
        {
            int length = Math.Min(source.Length, scratch.Length);
            source[..length].CopyTo(scratch);
            Xor.Into(inside, chain);
            scratch.Slice(length - Block, Block).CopyTo(chain);
            _cbcDecrypt.TransformBlock(_scratch.Array, 0, length, _scratch.Array, 0);
            Xor.Into(scratch[..Block], inside);
            chain.CopyTo(inside);
            scratch[..length].CopyTo(destination);
            source = source[length..];
            destination = destination[length..];
        }
    }

    // CFB's keystream is the CBC encryption of the plaintext delayed by one block:
    // CFB: C1 = P1 ^ E(C0), C2 = P2 ^ E(P1 ^ E(C0)).  CBC with a zero IV over C0, P1: E(C0), E(P1 ^ E(C0)).
    public override void EncryptCfb(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        var scratch = _scratch.Span;
        while (!source.IsEmpty)
        {
            int length = Math.Min(source.Length, scratch.Length);
            chain.CopyTo(scratch);
            source[..(length - Block)].CopyTo(scratch[Block..]);
            EncryptCbc(length, ZeroIV);
            Xor.Into(source[..length], scratch, destination);
            destination.Slice(length - Block, Block).CopyTo(chain);
            source = source[length..];
            destination = destination[length..];
        }
    }

    public override void DecryptCfb(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        var scratch = _scratch.Span;
        while (!source.IsEmpty)
        {
            int length = Math.Min(source.Length, scratch.Length);
            chain.CopyTo(scratch);
            source[..(length - Block)].CopyTo(scratch[Block..]);
            source.Slice(length - Block, Block).CopyTo(chain);
            EncryptEcb(length);
            Xor.Into(source[..length], scratch, destination);
            source = source[length..];
            destination = destination[length..];
        }
    }

    public override void XorCounter32(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> counter)
    {
        var scratch = _scratch.Span;
        ulong high = BinaryPrimitives.ReadUInt64BigEndian(counter);
        ulong middle = (ulong)BinaryPrimitives.ReadUInt32BigEndian(counter[8..]) << 32;
        uint low = BinaryPrimitives.ReadUInt32BigEndian(counter[12..]);
        while (!source.IsEmpty)
        {
            int length = Math.Min(source.Length, scratch.Length);
            for (int at = 0; at < length; at += Block, low++)
            {
                BinaryPrimitives.WriteUInt64BigEndian(scratch[at..], high);
                BinaryPrimitives.WriteUInt64BigEndian(scratch[(at + 8)..], middle | low);
            }

            EncryptEcb(length);
            Xor.Into(source[..length], scratch, destination);
            source = source[length..];
            destination = destination[length..];
        }

        BinaryPrimitives.WriteUInt32BigEndian(counter[12..], low);
    }

    public override void Dispose()
    {
        _ecbEncrypt?.Dispose();
        _cbcEncrypt?.Dispose();
        _cbcDecrypt?.Dispose();
        _aes.Dispose();
        _key.Dispose();
        _scratch.Dispose();
        _encryptChain.Dispose();
        _decryptChain.Dispose();
    }

    private void EncryptEcb(int length)
    {
        _ecbEncrypt ??= CreateTransform(CipherMode.ECB, encrypt: true);
        _ecbEncrypt.TransformBlock(_scratch.Array, 0, length, _scratch.Array, 0);
    }

    private void EncryptCbc(int length, ReadOnlySpan<byte> iv)
    {
        _cbcEncrypt ??= CreateTransform(CipherMode.CBC, encrypt: true);
        var scratch = _scratch.Span[..length];
        var inside = _encryptChain.Span;
        Xor.Into(inside, iv);
        Xor.Into(scratch[..Block], inside);
        _cbcEncrypt.TransformBlock(_scratch.Array, 0, length, _scratch.Array, 0);
        scratch[^Block..].CopyTo(inside);
    }

    private ICryptoTransform CreateTransform(CipherMode mode, bool encrypt)
    {
        _aes.Mode = mode;
        return encrypt ? _aes.CreateEncryptor(_key.Array, ZeroIV) : _aes.CreateDecryptor(_key.Array, ZeroIV);
    }
}
