using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Modes;
using Org.BouncyCastle.Crypto.Parameters;
using XpraAes.Ciphers;

namespace XpraAes.Tests.Ciphers;

/// <summary>An independent implementation of every mode, to compare with.</summary>
internal static class BouncyCastle
{
    public static byte[] Transform(AesMode mode, bool encrypt, byte[] key, byte[] iv, byte[] input)
    {
        if (mode == AesMode.GCM)
        {
            // The keystream is the same in both directions; the tag after it, which xpra does not have, is cut off.
            var gcm = new GcmBlockCipher(AesUtilities.CreateEngine());
            gcm.Init(forEncryption: true, new AeadParameters(new KeyParameter(key), 128, iv));
            byte[] withTag = new byte[gcm.GetOutputSize(input.Length)];
            gcm.DoFinal(withTag, gcm.ProcessBytes(input, 0, input.Length, withTag, 0));
            return withTag[..input.Length];
        }

        IBlockCipherMode cipher = mode switch
        {
            AesMode.CBC => new CbcBlockCipher(AesUtilities.CreateEngine()),
            AesMode.CTR => new SicBlockCipher(AesUtilities.CreateEngine()),
            _ => new CfbBlockCipher(AesUtilities.CreateEngine(), 128),
        };
        var buffered = new BufferedBlockCipher(cipher);
        buffered.Init(encrypt, new ParametersWithIV(new KeyParameter(key), iv));
        return buffered.DoFinal(input);
    }
}
