using System.Security.Cryptography;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Transports;

namespace XpraAes.Handshake;

/// <summary>
/// xpra's password challenge (PROTOCOL section 9). With HMAC:
/// <code>
/// salt     = hex(HMAC_saltdigest(key = client salt, message = server salt))
/// response = hex(HMAC_digest(key = password, message = salt))
/// </code>
/// With <c>xor</c> the response is password XOR salt, which anyone who sees both can undo: only for encrypted connections.
/// </summary>
internal static class Challenge
{
    public const int SaltSize = 64;
    public const int ClientSaltSize = 32;

    private const int MinPaddingSize = 32;
    private const int PaddedResponseSize = 512;

    /// <summary>Whether this digest name is one that <see cref="Respond"/> computes.</summary>
    public static bool IsSupported(string digest) => digest == "xor" || Hello.Digests.Contains(digest);

    /// <summary>The response to a challenge.</summary>
    /// <exception cref="XpraAesException">AuthenticationUnsupported: a digest is not supported.</exception>
    public static byte[] Respond(ReadOnlySpan<byte> password, ReadOnlySpan<byte> serverSalt, ReadOnlySpan<byte> clientSalt, string digest, string saltDigest)
    {
        if (saltDigest == "xor" || !IsSupported(saltDigest) || !IsSupported(digest))
        {
            throw new XpraAesException(XpraErrorId.AuthenticationUnsupported,
                $"The server asks for the authentication '{PeerIdentification.Sanitize(digest)}' with salt digest '{PeerIdentification.Sanitize(saltDigest)}'; XpraAes supports hmac with SHA-2, and xor.",
                "Start the server with a password-based authentication module, such as file, env or multifile.");
        }
        var salt = HexHmac(saltDigest, clientSalt, serverSalt);
        return digest == "xor" ? Xor(password, salt) : HexHmac(digest, password, salt);
    }

    /// <summary>Random bytes that hide the response's length.</summary>
    public static byte[] Padding(int responseLength)
        => RandomNumberGenerator.GetBytes(Math.Max(MinPaddingSize, PaddedResponseSize - responseLength));

    private static byte[] Xor(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt)
    {
        var result = new byte[password.Length];
        for (var i = 0; i < result.Length; i++)
            result[i] = (byte)(password[i] ^ (i < salt.Length ? salt[i] : 0));
        return result;
    }

    private static byte[] HexHmac(string digest, ReadOnlySpan<byte> key, ReadOnlySpan<byte> message)
    {
        var mac = digest switch
        {
            "hmac+sha512" => HMACSHA512.HashData(key, message),
            "hmac+sha384" => HMACSHA384.HashData(key, message),
            "hmac+sha256" => HMACSHA256.HashData(key, message),
            _ => Ciphers.Sha224Mac.Compute(key, message),
        };
        return Encoding.ASCII.GetBytes(Convert.ToHexString(mac).ToLowerInvariant());
    }
}
