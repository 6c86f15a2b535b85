using System.Security.Cryptography;
using System.Text;
using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>Checks a client's response to the password challenge (PROTOCOL section 9), in constant time and with the same result for every failure.</summary>
internal sealed class Authenticator(string? userName, SecretBuffer password)
{
    // Strongest first; nothing weaker than SHA-256.
    private static readonly string[] s_digests = ["hmac+sha512", "hmac+sha384", "hmac+sha256"];

    private readonly byte[] _serverSalt = RandomNumberGenerator.GetBytes(Challenge.SaltSize);
    private string _digest = "";
    private string _saltDigest = "";

    /// <summary>The challenge packet for the client of this hello, without cipher capabilities.</summary>
    /// <exception cref="XpraAesException">AuthenticationUnsupported: the client supports none of these digests.</exception>
    public object?[] CreateChallenge(XpraDictionary hello)
    {
        _digest = Choose(hello.GetStrings("digest"));
        _saltDigest = Choose(hello.GetStrings("salt-digest"));
        return [Hello.ChallengeType, _serverSalt, null, _digest, _saltDigest, "password"];
    }

    /// <summary>Whether the hello that answers the challenge has the right response, and the right user name where one is set.</summary>
    public bool Verify(XpraDictionary hello)
    {
        var response = hello.GetBytes("challenge_response") ?? [];
        var clientSalt = hello.GetBytes("challenge_client_salt") ?? [];
        var expected = Challenge.Respond(password.Span, _serverSalt, clientSalt, _digest, _saltDigest);
        var rightResponse = CryptographicOperations.FixedTimeEquals(response, expected) & clientSalt.Length >= Challenge.ClientSaltSize / 2;
        return rightResponse & IsRightUser(hello.GetString("username") ?? "");
    }

    private bool IsRightUser(string name)
        => string.IsNullOrEmpty(userName)
        || CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(name)), SHA256.HashData(Encoding.UTF8.GetBytes(userName)));

    private static string Choose(IReadOnlyList<string> offered)
        => s_digests.FirstOrDefault(offered.Contains)
        ?? throw new XpraAesException(XpraErrorId.AuthenticationUnsupported, "The client offers no challenge digest of hmac with SHA-256 or stronger.",
            "Use an xpra client of 3.0 or later.");
}
