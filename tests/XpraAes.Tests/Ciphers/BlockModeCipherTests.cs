using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

public sealed class BlockModeCipherTests
{
    private static readonly int[] Lengths = [.. Enumerable.Range(0, 258), 1408, 4095, 4096, 4097, 8191, 8193, 65536, 65537, 1 << 20];

    [Theory]
    [MemberData(nameof(CipherTestData.ModesEnginesAndKeySizes), MemberType = typeof(CipherTestData))]
    public void Every_length_encrypts_and_decrypts_as_in_BouncyCastle(AesMode mode, bool portable, int keySize)
    {
        byte[] key = CipherTestData.Bytes(keySize, seed: keySize);
        foreach (int length in Lengths.Select(length => Whole(mode, length)).Distinct())
        {
            byte[] iv = CipherTestData.Bytes(16, seed: length);
            byte[] plaintext = CipherTestData.Bytes(length, seed: length + 1);
            byte[] expected = BouncyCastle.Transform(mode, encrypt: true, key, iv, plaintext);

            using var encryptor = CipherTestData.Cipher(mode, encrypt: true, portable, key, iv);
            byte[] apart = new byte[length];
            encryptor.Transform(plaintext, apart);
            Assert.Equal(expected, apart);

            using var decryptor = CipherTestData.Cipher(mode, encrypt: false, portable, key, iv);
            decryptor.Transform(apart, apart);
            Assert.Equal(plaintext, apart);
        }
    }

    [Theory]
    [MemberData(nameof(CipherTestData.ModesAndEngines), MemberType = typeof(CipherTestData))]
    public void The_stream_runs_on_over_any_cut(AesMode mode, bool portable)
    {
        byte[] key = CipherTestData.Bytes(32, seed: 1);
        byte[] iv = CipherTestData.Bytes(16, seed: 2);
        byte[] plaintext = CipherTestData.Bytes(320, seed: 3);
        byte[] ciphertext = BouncyCastle.Transform(mode, encrypt: true, key, iv, plaintext);
        int unit = Whole(mode, 16) - Whole(mode, 15) == 16 ? 16 : 1;
        foreach (bool encrypt in new[] { true, false })
        {
            for (int cut = 0; cut <= plaintext.Length; cut += unit)
            {
                using var cipher = CipherTestData.Cipher(mode, encrypt, portable, key, iv);
                byte[] text = encrypt ? [.. plaintext] : [.. ciphertext];
                cipher.Transform(text.AsSpan(0, cut), text.AsSpan(0, cut));
                cipher.Transform(text.AsSpan(cut), text.AsSpan(cut));
                Assert.Equal(encrypt ? ciphertext : plaintext, text);
            }
        }
    }

    [Theory]
    [MemberData(nameof(CipherTestData.ModesAndEngines), MemberType = typeof(CipherTestData))]
    public void The_stream_runs_on_over_thousands_of_random_cuts(AesMode mode, bool portable)
    {
        byte[] key = CipherTestData.Bytes(32, seed: 1);
        byte[] iv = CipherTestData.Bytes(16, seed: 2);
        byte[] plaintext = CipherTestData.Bytes(1 << 20, seed: 3);
        byte[] ciphertext = BouncyCastle.Transform(mode, encrypt: true, key, iv, plaintext);
        var random = new Random(4);
        foreach (bool encrypt in new[] { true, false })
        {
            using var cipher = CipherTestData.Cipher(mode, encrypt, portable, key, iv);
            byte[] text = encrypt ? [.. plaintext] : [.. ciphertext];
            for (int at = 0; at < text.Length;)
            {
                // Mostly small ones, some of tens of kilobytes.
                int length = Math.Min(Whole(mode, random.Next(1 << random.Next(1, 16))), text.Length - at);
                cipher.Transform(text.AsSpan(at, length), text.AsSpan(at, length));
                at += length;
            }

            Assert.Equal(encrypt ? ciphertext : plaintext, text);
        }
    }

    [Theory]
    [MemberData(nameof(CipherTestData.ModesAndEngines), MemberType = typeof(CipherTestData))]
    public void A_reset_starts_afresh_wherever_the_stream_stood(AesMode mode, bool portable)
    {
        byte[] key = CipherTestData.Bytes(32, seed: 1);
        foreach (bool encrypt in new[] { true, false })
        {
            using var cipher = CipherTestData.Cipher(mode, encrypt, portable, key, CipherTestData.Bytes(16, seed: 2));
            for (int length = 0; length < 300; length++)
            {
                byte[] iv = CipherTestData.Bytes(16, seed: length);
                byte[] text = CipherTestData.Bytes(Whole(mode, length), seed: length + 1);
                byte[] expected = BouncyCastle.Transform(mode, encrypt, key, iv, text);
                cipher.Reset(iv);
                cipher.Transform(text, text);
                Assert.Equal(expected, text);
            }
        }
    }

    [Theory]
    [InlineData("ffffffffffffffffffffffffffffffff", false)]
    [InlineData("ffffffffffffffffffffffffffffffff", true)]
    [InlineData("00112233445566778899aabbfffffff9", false)]
    [InlineData("00112233445566778899aabbfffffff9", true)]
    [InlineData("001122334455667788ffffffffffff00", false)]
    [InlineData("001122334455667788ffffffffffff00", true)]
    [InlineData("00ffffffffffffffffffffffffffffe1", false)]
    [InlineData("00ffffffffffffffffffffffffffffe1", true)]
    public void CTR_carries_through_all_128_bits(string iv, bool portable)
    {
        byte[] key = CipherTestData.Bytes(32, seed: 1);
        byte[] text = CipherTestData.Bytes(20_000, seed: 2);
        byte[] expected = BouncyCastle.Transform(AesMode.CTR, encrypt: true, key, Convert.FromHexString(iv), text);
        foreach (int step in new[] { 1, 16, 100, 128, 1000, text.Length })
        {
            using var cipher = CipherTestData.Cipher(AesMode.CTR, encrypt: true, portable, key, Convert.FromHexString(iv));
            byte[] output = [.. text];
            for (int at = 0; at < output.Length; at += step)
            {
                var part = output.AsSpan(at, Math.Min(step, output.Length - at));
                cipher.Transform(part, part);
            }

            Assert.Equal(expected, output);
        }
    }

    [Fact]
    public void CBC_refuses_broken_blocks()
    {
        using var cipher = CipherTestData.Cipher(AesMode.CBC, encrypt: true, portable: false, new byte[32], new byte[16]);
        Assert.Throws<ArgumentException>(() => cipher.Transform(new byte[17], new byte[17]));
    }

    [Theory]
    [MemberData(nameof(CipherTestData.ModesAndEngines), MemberType = typeof(CipherTestData))]
    public void A_disposed_cipher_refuses_to_work(AesMode mode, bool portable)
    {
        foreach (int before in new[] { 0, 3 })
        {
            var cipher = CipherTestData.Cipher(mode, encrypt: true, portable, new byte[32], new byte[16]);
            cipher.Transform(new byte[Whole(mode, before)], new byte[Whole(mode, before)]);
            cipher.Dispose();
            cipher.Dispose();
            Assert.Throws<ObjectDisposedException>(() => cipher.Transform(new byte[16], new byte[16]));
            Assert.Throws<ObjectDisposedException>(() => cipher.Reset(new byte[16]));
        }
    }

    /// <summary>The length, or in CBC that of the whole blocks in it.</summary>
    private static int Whole(AesMode mode, int length) => mode == AesMode.CBC ? length - length % 16 : length;
}
