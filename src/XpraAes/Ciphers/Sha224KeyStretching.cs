using System.Buffers.Binary;
using Org.BouncyCastle.Crypto.Digests;
using XpraAes.Keys;

namespace XpraAes.Ciphers;

/// <summary>PBKDF2-HMAC-SHA224, the one hash of xpra's that .NET lacks. A class of its own, so that BouncyCastle is loaded only when needed.</summary>
/// <remarks>BouncyCastle's own PBKDF2 leaves copies of key data on the heap; its digests leave none once reset.</remarks>
internal static class Sha224KeyStretching
{
    private const int HashSize = 28;
    private const int HashBlock = 64;

    public static void Derive(ReadOnlySpan<byte> keyData, ReadOnlySpan<byte> salt, int iterations, Span<byte> derivedKey)
    {
        using var scratch = new SecretBuffer(HashBlock + 2 * HashSize);
        var pad = scratch.Span[..HashBlock];
        var u = scratch.Span.Slice(HashBlock, HashSize);
        var sum = scratch.Span[(HashBlock + HashSize)..];
        var digest = new Sha224Digest();

        // RFC 2104: the key is one hash block, hashed first where it is longer.
        if (keyData.Length <= HashBlock)
        {
            keyData.CopyTo(pad);
        }
        else
        {
            digest.BlockUpdate(keyData);
            digest.DoFinal(pad);
        }

        var inner = new Sha224Digest();
        var outer = new Sha224Digest();
        StartWith(inner, pad, 0x36);
        StartWith(outer, pad, 0x36 ^ 0x5C);

        Span<byte> blockIndex = stackalloc byte[sizeof(int)];
        for (int index = 1; !derivedKey.IsEmpty; index++)
        {
            BinaryPrimitives.WriteInt32BigEndian(blockIndex, index);
            digest.Reset(inner);
            digest.BlockUpdate(salt);
            digest.BlockUpdate(blockIndex);
            Finish(digest, outer, u);
            u.CopyTo(sum);
            for (int i = 1; i < iterations; i++)
            {
                digest.Reset(inner);
                digest.BlockUpdate(u);
                Finish(digest, outer, u);
                Xor.Into(sum, u);
            }

            int length = Math.Min(derivedKey.Length, HashSize);
            sum[..length].CopyTo(derivedKey);
            derivedKey = derivedKey[length..];
        }

        inner.Reset();
        outer.Reset();
        digest.Reset();
    }

    private static void StartWith(Sha224Digest digest, Span<byte> pad, byte mask)
    {
        for (int i = 0; i < pad.Length; i++)
            pad[i] ^= mask;

        digest.BlockUpdate(pad);
    }

    private static void Finish(Sha224Digest digest, Sha224Digest outer, Span<byte> u)
    {
        digest.DoFinal(u);
        digest.Reset(outer);
        digest.BlockUpdate(u);
        digest.DoFinal(u);
    }
}
