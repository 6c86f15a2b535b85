using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

/// <summary>NIST SP 800-38A appendix F: CBC (F.2), CFB128 (F.3.13 to F.3.18), CTR (F.5).</summary>
public sealed class NistVectorTests
{
    private const string Plaintext =
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        + "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

    private const string Key128 = "2b7e151628aed2a6abf7158809cf4f3c";
    private const string Key192 = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
    private const string Key256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    private const string IV = "000102030405060708090a0b0c0d0e0f";
    private const string Counter = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

    public static TheoryData<AesMode, string, string, string> Vectors { get; } = new()
    {
        { AesMode.CBC, Key128, IV, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7" },
        { AesMode.CBC, Key192, IV, "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd" },
        { AesMode.CBC, Key256, IV, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b" },
        { AesMode.CFB, Key128, IV, "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6" },
        { AesMode.CFB, Key192, IV, "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff" },
        { AesMode.CFB, Key256, IV, "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407bdf10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471" },
        { AesMode.CTR, Key128, Counter, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee" },
        { AesMode.CTR, Key192, Counter, "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050" },
        { AesMode.CTR, Key256, Counter, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6" },
    };

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Published_plaintext_and_ciphertext_convert_into_each_other(AesMode mode, string key, string iv, string ciphertext)
    {
        foreach (bool portable in new[] { false, true })
        {
            Assert.Equal(ciphertext, Transform(mode, encrypt: true, portable, key, iv, Plaintext));
            Assert.Equal(Plaintext, Transform(mode, encrypt: false, portable, key, iv, ciphertext));
        }
    }

    private static string Transform(AesMode mode, bool encrypt, bool portable, string key, string iv, string input)
    {
        using var cipher = CipherTestData.Cipher(mode, encrypt, portable, Convert.FromHexString(key), Convert.FromHexString(iv));
        byte[] text = Convert.FromHexString(input);
        cipher.Transform(text, text);
        return Convert.ToHexStringLower(text);
    }
}
