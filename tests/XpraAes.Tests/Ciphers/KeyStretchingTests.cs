using System.Text;
using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

public sealed class KeyStretchingTests
{
    // RFC 6070, with AES key sizes of 16 or 24 bytes, and the same inputs with the SHA-2 family.
    [Theory]
    [InlineData(KeyHash.SHA1, "password", "salt", 1, "0c60c80f961f0e71f3a9b524af601206")]
    [InlineData(KeyHash.SHA1, "password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0")]
    [InlineData(KeyHash.SHA1, "password", "salt", 4096, "4b007901b765489abead49d926f721d0")]
    [InlineData(KeyHash.SHA1, "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f070")]
    [InlineData(KeyHash.SHA1, "pass\0word", "sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3")]
    [InlineData(KeyHash.SHA224, "password", "salt", 1, "3c198cbdb9464b7857966bd05b7bc92bc1cc4e6e63155d4e490557fd85989497")]
    [InlineData(KeyHash.SHA224, "password", "salt", 2, "93200ffa96c5776d38fa10abdf8f5bfc0054b9718513df472d2331d2d1e66a3f")]
    [InlineData(KeyHash.SHA224, "password", "salt", 4096, "218c453bf90635bd0a21a75d172703ff6108ef603f65bb821aedade1d6961683")]
    [InlineData(KeyHash.SHA224, "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, "056c4ba438ded91fc14e0594e6f52b87e1f3690c0dc0fbc0")]
    [InlineData(KeyHash.SHA224, "pass\0word", "sa\0lt", 4096, "9b4011b641f40a2a500a31d4a392d15c")]
    [InlineData(KeyHash.SHA256, "password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b")]
    [InlineData(KeyHash.SHA256, "password", "salt", 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a")]
    [InlineData(KeyHash.SHA256, "pass\0word", "sa\0lt", 4096, "89b69d0516f829893c696226650a8687")]
    [InlineData(KeyHash.SHA384, "password", "salt", 1, "c0e14f06e49e32d73f9f52ddf1d0c5c7191609233631dadd76a567db42b78676")]
    [InlineData(KeyHash.SHA384, "password", "salt", 4096, "559726be38db125bc85ed7895f6e3cf574c7a01c080c3447db1e8a76764deb3c")]
    [InlineData(KeyHash.SHA512, "password", "salt", 1, "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252")]
    [InlineData(KeyHash.SHA512, "password", "salt", 4096, "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5")]
    public void Published_test_vectors_give_the_published_keys(KeyHash hash, string password, string salt, int iterations, string expected)
    {
        byte[] key = Derive(hash, Encoding.ASCII.GetBytes(password), Encoding.ASCII.GetBytes(salt), iterations, expected.Length / 2);
        Assert.Equal(expected, Convert.ToHexStringLower(key));
    }

    // Key data below, at and above HMAC's block of 64 bytes, which are handled differently.
    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1000)]
    public void SHA224_stretches_key_data_of_any_length_as_BouncyCastle_does(int length)
    {
        byte[] keyData = CipherTestData.Bytes(length, seed: length);
        byte[] salt = CipherTestData.Bytes(64, seed: 1);
        var reference = new Org.BouncyCastle.Crypto.Generators.Pkcs5S2ParametersGenerator(new Org.BouncyCastle.Crypto.Digests.Sha224Digest());
        reference.Init(keyData, salt, 50);
        var expected = (Org.BouncyCastle.Crypto.Parameters.KeyParameter)reference.GenerateDerivedParameters("AES256", 256);
        Assert.Equal(expected.GetKey(), Derive(KeyHash.SHA224, keyData, salt, 50, 32));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(17)]
    [InlineData(64)]
    [InlineData(-16)]
    public void A_key_size_that_AES_lacks_is_rejected(int keySize)
    {
        var parameters = CipherTestData.Parameters(AesMode.CBC, keySize);
        var exception = Assert.Throws<XpraAesException>(() => KeyStretching.Derive([1], parameters, new byte[Math.Max(0, keySize)]));
        Assert.Equal(XpraErrorId.CipherCapabilitiesInvalid, exception.Id);
        Assert.NotNull(exception.RecommendedAction);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_000_001)]
    [InlineData(int.MaxValue)]
    public void Iterations_out_of_range_are_rejected_before_any_work(int iterations)
    {
        var parameters = CipherTestData.Parameters(AesMode.CBC) with { Iterations = iterations };
        var exception = Assert.Throws<XpraAesException>(() => KeyStretching.Derive([1], parameters, new byte[32]));
        Assert.Equal(XpraErrorId.IterationsRejected, exception.Id);
        Assert.NotNull(exception.RecommendedAction);
    }

    [Fact]
    public void A_buffer_of_another_size_than_the_key_is_rejected()
        => Assert.Throws<ArgumentException>(() => KeyStretching.Derive([1], CipherTestData.Parameters(AesMode.CBC), new byte[31]));

    [Fact]
    public void A_hash_that_does_not_exist_is_rejected()
        => Assert.Throws<ArgumentOutOfRangeException>(() => Derive((KeyHash)99, [1], [2], 1, 32));

    [Theory]
    [InlineData(KeyHash.SHA1, 32, 10_000)] // two blocks of 20 bytes
    [InlineData(KeyHash.SHA1, 24, 10_000)]
    [InlineData(KeyHash.SHA1, 16, 5_000)]
    [InlineData(KeyHash.SHA224, 32, 35_000)] // two of 28
    [InlineData(KeyHash.SHA224, 24, 17_500)]
    [InlineData(KeyHash.SHA256, 32, 5_500)]
    [InlineData(KeyHash.SHA384, 32, 12_000)]
    [InlineData(KeyHash.SHA512, 16, 12_000)]
    public void The_cost_of_a_key_depends_on_its_blocks_and_hash(KeyHash hash, int keySize, long work)
        => Assert.Equal(work, KeyStretching.Cost(hash, keySize, 10_000));

    [Fact]
    public void The_cost_of_the_most_iterations_does_not_overflow()
        => Assert.All(Enum.GetValues<KeyHash>(), hash => Assert.InRange(KeyStretching.Cost(hash, 32, ProtocolDefaults.MaxIterations), 500_000, 3_500_000));

    private static byte[] Derive(KeyHash hash, byte[] keyData, byte[] salt, int iterations, int keySize)
    {
        var parameters = CipherTestData.Parameters(AesMode.CBC, keySize) with { KeyHash = hash, Salt = salt, Iterations = iterations };
        byte[] key = new byte[keySize];
        KeyStretching.Derive(keyData, parameters, key);
        return key;
    }
}
