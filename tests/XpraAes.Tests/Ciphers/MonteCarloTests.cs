using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Modes;
using Org.BouncyCastle.Crypto.Parameters;
using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

/// <summary>The Monte Carlo tests of NIST's AESAVS (sections 6.4.1, 6.4.2 and 6.4.4): 100,000 chained blocks, with a new key every thousand.</summary>
public sealed class MonteCarloTests
{
    private const int Block = 16;

    // First key, IV and input, and the 100th output, of NIST's CBCMCT128, CBCMCT192 and CBCMCT256 example values.
    [Theory]
    [InlineData(true, "8809e7dd3a959ee5d8dbb13f501f2274", "e5c0bb535d7d54572ad06d170a0e58ae", "1fd4ee65603e6130cfc2a82ab3d56c24", "7bed7671c8913aa1330f193761523e67")]
    [InlineData(true, "dea64f83cfe6a0a183ddbe865cfca059b3c615c1623d63fc", "426fbc087b50b395c0fc81ef9fd6d1aa", "cd0b8c8a8179ecb171b64c894a4d60fd", "e6457bfc3433e80299c52b2be418f582")]
    [InlineData(true, "632bac4fe4db44cfcf18cfa90b43f86f378611b8d968595eb89e7ae98624564a", "ff8127621be616803e3f002377730185", "90ed17475f0a62bc381ba1f3ffbfff33", "bade1667b42f537f0cb3f5573a949aaa")]
    [InlineData(false, "287b07c78f8e3e1be7c41b3d96c04e6e", "41b461f9464fd515d25413b4241002b8", "7c54923b0490a9d4de4ec1ce6790aa4d", "4769317b0562c45949c18b3855f8bf4a")]
    [InlineData(false, "a24ebd4d7a080c28caae984b5098a9ea38cf7280e2c5f122", "c5aeb9b51ad5108371c59d0b90816310", "eb2c4e2712591ff13b8ac7870c9c404c", "836424eadf8155aaf9a9a51391a1cf7e")]
    [InlineData(false, "31397ad8cc79c519e0f46e0f70303587e38958d70723b771552336b7771f6311", "4139cb54eeac3fcf36ed72941122c40f", "27a1d5c10fe45b801d15f56e654a70f0", "9be831799a79b0955241f308f0d5b2e1")]
    public void CBC_ends_at_the_published_block(bool encrypt, string key, string iv, string input, string expected)
    {
        foreach (bool portable in new[] { false, true })
        {
            byte[] output = Run(
                (k, v) => Ours(AesMode.CBC, encrypt, portable, k, v),
                Convert.FromHexString(key), Convert.FromHexString(iv), Convert.FromHexString(input));
            Assert.Equal(expected, Convert.ToHexStringLower(output));
        }
    }

    [Theory]
    [InlineData(16, true)]
    [InlineData(24, true)]
    [InlineData(32, true)]
    [InlineData(16, false)]
    [InlineData(24, false)]
    [InlineData(32, false)]
    public void CBC_and_CFB_end_where_BouncyCastle_ends(int keySize, bool encrypt)
    {
        byte[] key = CipherTestData.Bytes(keySize, seed: keySize);
        byte[] iv = CipherTestData.Bytes(Block, seed: 3);
        byte[] input = CipherTestData.Bytes(Block, seed: 4);
        foreach (var mode in new[] { AesMode.CBC, AesMode.CFB })
        {
            byte[] expected = Run((k, v) => Theirs(mode, encrypt, k, v), key, iv, input);
            Assert.Equal(expected, Run((k, v) => Ours(mode, encrypt, portable: false, k, v), key, iv, input));
            Assert.Equal(expected, Run((k, v) => Ours(mode, encrypt, portable: true, k, v), key, iv, input));
        }
    }

    // AESAVS has no Monte Carlo test for CTR, but one for ECB, and CTR's keystream is the counter encrypted in ECB.
    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void CTR_ends_where_BouncyCastles_ECB_ends(int keySize)
    {
        byte[] key = CipherTestData.Bytes(keySize, seed: keySize);
        byte[] input = CipherTestData.Bytes(Block, seed: 4);
        byte[] expected = RunEcb(TheirEcb, key, input);
        Assert.Equal(expected, RunEcb(k => OurEcb(portable: false, k), key, input));
        Assert.Equal(expected, RunEcb(k => OurEcb(portable: true, k), key, input));
    }

    private static byte[] RunEcb(Func<byte[], Action<byte[], byte[]>> start, byte[] key, byte[] input)
    {
        byte[] previous = new byte[Block];
        for (int i = 0; i < 100; i++)
        {
            var step = start(key);
            for (int j = 0; j < 1000; j++)
            {
                byte[] output = new byte[Block];
                step(input, output);
                previous = j == 998 ? output : previous;
                input = output;
            }

            key = NextKey(key, previous, input);
        }

        return input;
    }

    private static Action<byte[], byte[]> OurEcb(bool portable, byte[] key)
    {
        var cipher = CipherTestData.Cipher(AesMode.CTR, encrypt: true, portable, key, new byte[Block]);
        byte[] zeros = new byte[Block];
        return (source, destination) =>
        {
            cipher.Reset(source);
            cipher.Transform(zeros, destination);
        };
    }

    private static Action<byte[], byte[]> TheirEcb(byte[] key)
    {
        var engine = AesUtilities.CreateEngine();
        engine.Init(forEncryption: true, new KeyParameter(key));
        return (source, destination) => engine.ProcessBlock(source, 0, destination, 0);
    }

    // The plaintext of step j + 1 is the ciphertext of step j - 1, initially the IV; the reverse in decryption.
    private static byte[] Run(Func<byte[], byte[], Action<byte[], byte[]>> start, byte[] key, byte[] iv, byte[] input)
    {
        byte[] previous = new byte[Block];
        byte[] output = new byte[Block];
        for (int i = 0; i < 100; i++)
        {
            var step = start(key, iv);
            byte[] next = iv;
            for (int j = 0; j < 1000; j++)
            {
                previous = output;
                output = new byte[Block];
                step(input, output);
                input = next;
                next = output;
            }

            key = NextKey(key, previous, output);
            iv = output;
            input = previous;
        }

        return output;
    }

    // The key XORed with the last of these two blocks, as many bytes as the key has.
    private static byte[] NextKey(byte[] key, byte[] previous, byte[] last)
    {
        byte[] change = [.. previous, .. last];
        return key.Zip(change[^key.Length..], (left, right) => (byte)(left ^ right)).ToArray();
    }

    private static Action<byte[], byte[]> Ours(AesMode mode, bool encrypt, bool portable, byte[] key, byte[] iv)
    {
        var cipher = CipherTestData.Cipher(mode, encrypt, portable, key, iv);
        return (source, destination) => cipher.Transform(source, destination);
    }

    private static Action<byte[], byte[]> Theirs(AesMode mode, bool encrypt, byte[] key, byte[] iv)
    {
        IBlockCipherMode cipher = mode == AesMode.CBC ? new CbcBlockCipher(AesUtilities.CreateEngine()) : new CfbBlockCipher(AesUtilities.CreateEngine(), 128);
        cipher.Init(encrypt, new ParametersWithIV(new KeyParameter(key), iv));
        return (source, destination) => cipher.ProcessBlock(source, 0, destination, 0);
    }
}
