using System.Security.Cryptography;
using System.Text;
using XpraAes.Handshake;
using XpraAes.Tests.Replay;
using Xunit;

namespace XpraAes.Tests.Handshake;

/// <summary>PROTOCOL section 9.</summary>
public sealed class ChallengeTests
{
    private static readonly byte[] s_serverSalt = [.. Enumerable.Range(0, 64).Select(value => (byte)value)];
    private static readonly byte[] s_clientSalt = [.. Enumerable.Range(100, 32).Select(value => (byte)value)];

    public static IEnumerable<TheoryDataRow<string>> Sessions =>
        SharedFiles.Captures.Where(file => Path.GetFileName(file).Contains("password", StringComparison.Ordinal))
            .Select(file => new TheoryDataRow<string>(file) { Label = Path.GetFileNameWithoutExtension(file) });

    [Theory]
    [MemberData(nameof(Sessions))]
    [Trait("Category", "Captures")]
    public async Task The_response_is_the_one_that_a_real_client_sent_and_a_real_server_accepted(string file)
    {
        var capture = new Capture(file);
        var password = Encoding.ASCII.GetBytes(capture.Root.GetProperty("password").GetString()!);
        var packets = new List<ReplayedPacket>();
        using var replay = new SessionReplay(capture);
        await foreach (var packet in replay.RunAsync())
            packets.Add(packet);

        var challenge = packets.Single(packet => packet.IsChallenge).Packet;
        var answer = packets.Last(packet => packet is { IsHello: true, Direction: "c2s" }).Packet.Dictionary(1)!;
        var response = Challenge.Respond(password, challenge.Bytes(1), answer.GetBytes("challenge_client_salt"), challenge.Text(3), challenge.Text(4));
        Assert.Equal(Encoding.ASCII.GetString(answer.GetBytes("challenge_response")!), Encoding.ASCII.GetString(response));
    }

    [Theory]
    [InlineData("hmac+sha512", "hmac+sha256", 128)]
    [InlineData("hmac+sha384", "hmac+sha512", 96)]
    [InlineData("hmac+sha256", "hmac+sha384", 64)]
    public void Each_digest_is_HMAC_over_the_hex_of_HMAC(string digest, string saltDigest, int length)
    {
        var salt = Convert.ToHexStringLower(Hmac(saltDigest, s_clientSalt, s_serverSalt));
        var expected = Convert.ToHexStringLower(Hmac(digest, "the password"u8.ToArray(), Encoding.ASCII.GetBytes(salt)));
        Assert.Equal(length, expected.Length);
        Assert.Equal(expected, Encoding.ASCII.GetString(Challenge.Respond("the password"u8, s_serverSalt, s_clientSalt, digest, saltDigest)));
    }

    [Fact]
    public void SHA224_gives_56_digits_of_its_own()
    {
        // SHA-224 from BouncyCastle, independent of our own.
        var mac = new Org.BouncyCastle.Crypto.Macs.HMac(new Org.BouncyCastle.Crypto.Digests.Sha224Digest());
        var salt = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Hmac("hmac+sha512", s_clientSalt, s_serverSalt)));
        mac.Init(new Org.BouncyCastle.Crypto.Parameters.KeyParameter("secret"u8.ToArray()));
        mac.BlockUpdate(salt, 0, salt.Length);
        var expected = new byte[mac.GetMacSize()];
        mac.DoFinal(expected, 0);
        Assert.Equal(Convert.ToHexStringLower(expected), Encoding.ASCII.GetString(Challenge.Respond("secret"u8, s_serverSalt, s_clientSalt, "hmac+sha224", "hmac+sha512")));
    }

    [Fact]
    public void Xor_leaves_the_password_unchanged_beyond_the_end_of_the_salt()
    {
        var salt = Convert.ToHexStringLower(Hmac("hmac+sha256", s_clientSalt, s_serverSalt));
        var password = Encoding.ASCII.GetBytes(new string('p', 70));
        var response = Challenge.Respond(password, s_serverSalt, s_clientSalt, "xor", "hmac+sha256");
        Assert.Equal(password.Length, response.Length);
        for (var i = 0; i < response.Length; i++)
            Assert.Equal(password[i], (byte)(response[i] ^ (i < salt.Length ? salt[i] : 0)));
    }

    [Theory]
    [InlineData("kerberos:xpra", "hmac+sha512")]
    [InlineData("des", "hmac+sha512")]
    [InlineData("hmac+md5", "hmac+sha512")]
    [InlineData("hmac+sha1", "hmac+sha512")]
    [InlineData("", "hmac+sha512")]
    [InlineData("hmac+sha512", "xor")]
    [InlineData("hmac+sha512", "des")]
    [InlineData("hmac+sha512", "")]
    [InlineData("bell\u0007", "hmac+sha512")]
    public void Other_digests_are_refused(string digest, string saltDigest)
    {
        var refused = Assert.Throws<XpraAesException>(() => Challenge.Respond("secret"u8, s_serverSalt, s_clientSalt, digest, saltDigest));
        Assert.Equal(XpraErrorId.AuthenticationUnsupported, refused.Id);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(refused.Message, char.IsControl);
    }

    [Theory]
    [InlineData(128, 384)]
    [InlineData(8, 504)]
    [InlineData(500, 32)]
    [InlineData(2000, 32)]
    public void Padding_hides_the_length_of_the_response(int responseLength, int paddingLength)
    {
        Assert.Equal(paddingLength, Challenge.Padding(responseLength).Length);
        Assert.NotEqual(Challenge.Padding(responseLength), Challenge.Padding(responseLength));
    }

    private static byte[] Hmac(string digest, byte[] key, byte[] message)
    {
        using HMAC hmac = digest switch
        {
            "hmac+sha512" => new HMACSHA512(key),
            "hmac+sha384" => new HMACSHA384(key),
            _ => new HMACSHA256(key),
        };
        return hmac.ComputeHash(message);
    }
}
