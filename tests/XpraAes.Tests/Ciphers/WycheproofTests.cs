using System.Text.Json;
using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

/// <summary>Project Wycheproof's test vectors: see vectors/README.md.</summary>
public sealed class WycheproofTests
{
    // The receiver knows the data's length from the header: a valid packet is accepted only with its own length, an invalid one with none.
    [Fact]
    public void CBC_packets_are_valid_only_for_their_own_length()
    {
        int valid = 0;
        foreach (var test in Tests("aes_cbc_pkcs5_test.json"))
        {
            byte[] key = Hex(test, "key");
            byte[] message = Hex(test, "msg");
            byte[] ciphertext = Hex(test, "ct");
            var parameters = CipherTestData.Parameters(AesMode.CBC, key.Length) with { IV = Hex(test, "iv") };
            bool right = test.GetProperty("result").GetString() == "valid";
            foreach (bool portable in new[] { false, true })
            {
                for (int length = Math.Max(1, ciphertext.Length - 16); length < ciphertext.Length; length++)
                {
                    using var decryptor = PacketCipher.CreateDecryptor(parameters, key, portable);
                    byte[] wire = [.. ciphertext];
                    bool fits = decryptor.Decrypt(wire, length) == DecryptStatus.Done;
                    Assert.Equal(right && length == message.Length, fits);
                    if (!fits)
                        continue;

                    Assert.Equal(message, wire[..length]);
                    valid++;
                    using var encryptor = PacketCipher.CreateEncryptor(parameters, key, portable);
                    message.CopyTo(wire, 0);
                    encryptor.Encrypt(wire, length);
                    Assert.Equal(ciphertext, wire);
                }
            }

            using var sizes = PacketCipher.CreateDecryptor(parameters, key);
            if (message.Length == 0)
                Assert.Throws<MalformedPacketException>(() => sizes.WireSize(0));
            else if (right)
                Assert.Equal(ciphertext.Length, sizes.WireSize(message.Length));
        }

        Assert.Equal(2 * 69, valid);
    }

    [Fact]
    public void GCM_with_an_IV_of_16_bytes_has_the_published_keystream()
    {
        int count = 0;
        foreach (var test in Tests("aes_gcm_test.json"))
        {
            byte[] iv = Hex(test, "iv");
            if (iv.Length != 16 || test.GetProperty("result").GetString() != "valid")
                continue;

            foreach (bool portable in new[] { false, true })
            {
                using var cipher = CipherTestData.Cipher(AesMode.GCM, encrypt: true, portable, Hex(test, "key"), iv);
                byte[] text = Hex(test, "msg");
                cipher.Transform(text, text);
                Assert.Equal(Hex(test, "ct"), text);
            }

            count++;
        }

        Assert.Equal(58, count);
    }

    [Theory]
    [InlineData(KeyHash.SHA1)]
    [InlineData(KeyHash.SHA224)]
    [InlineData(KeyHash.SHA256)]
    [InlineData(KeyHash.SHA384)]
    [InlineData(KeyHash.SHA512)]
    public void PBKDF2_gives_the_published_keys(KeyHash hash)
    {
        int count = 0;
        foreach (var test in Tests($"pbkdf2_hmac{hash.ToString().ToLowerInvariant()}_test.json"))
        {
            int iterations = test.GetProperty("iterationCount").GetInt32();
            if (iterations > ProtocolDefaults.MaxIterations)
                continue;

            // A shorter key is a prefix of a longer one.
            byte[] expected = Hex(test, "dk");
            int keySize = expected.Length >= 32 ? 32 : expected.Length >= 24 ? 24 : 16;
            var parameters = CipherTestData.Parameters(AesMode.CBC, keySize) with { KeyHash = hash, Salt = Hex(test, "salt"), Iterations = iterations };
            byte[] key = new byte[keySize];
            KeyStretching.Derive(Hex(test, "password"), parameters, key);
            Assert.Equal(expected[..keySize], key);
            count++;
        }

        Assert.True(count > 50);
    }

    private static IEnumerable<JsonElement> Tests(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(SharedFiles.Repository, "tests", "XpraAes.Tests", "vectors", "wycheproof", file)));
        return [.. from testGroup in document.RootElement.GetProperty("testGroups").EnumerateArray()
                   from test in testGroup.GetProperty("tests").EnumerateArray()
                   select test.Clone()];
    }

    private static byte[] Hex(JsonElement test, string name) => Convert.FromHexString(test.GetProperty(name).GetString()!);
}
