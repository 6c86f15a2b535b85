using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

internal static class CipherTestData
{
    public static TheoryData<AesMode, bool, int> ModesEnginesAndKeySizes { get; } = new(
        from mode in Enum.GetValues<AesMode>()
        from portable in new[] { false, true }
        from keySize in new[] { 16, 24, 32 }
        select (mode, portable, keySize));

    public static TheoryData<AesMode, bool> ModesAndEngines { get; } = new(
        from mode in Enum.GetValues<AesMode>()
        from portable in new[] { false, true }
        select (mode, portable));

    /// <summary>The same bytes in every run.</summary>
    public static byte[] Bytes(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static CipherParameters Parameters(AesMode mode, int keySize = 32) => new()
    {
        Mode = mode,
        IV = Bytes(16, seed: 1),
        Salt = Bytes(64, seed: 2),
        KeySize = keySize,
    };

    public static BlockModeCipher Cipher(AesMode mode, bool encrypt, bool portable, byte[] key, byte[] iv)
        => PacketCipher.CreateMode(Parameters(mode, key.Length) with { IV = iv }, key, encrypt, portable);
}
