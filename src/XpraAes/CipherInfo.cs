using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;

namespace XpraAes;

/// <summary>What one direction of one connection really uses: what <c>xpra info | grep cipher=</c> shows, and more. Holds no secret: salt and IV travel in clear anyway.</summary>
public sealed class CipherInfo
{
    /// <summary>The connection's id; of a remote server's clients, their number there.</summary>
    public required int Connection { get; init; }

    /// <summary>Where the connection leads, or where it came in: the server's URI or the listener's.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Which of the two directions this row is about: seen from us, or where a remote server was asked, from there.</summary>
    public required CipherDirection Direction { get; init; }

    /// <summary><c>AES</c>, or <c>none</c> where the direction is in clear.</summary>
    public required string Cipher { get; init; }

    /// <summary>The AES mode; null where the direction is in clear.</summary>
    public AesMode? Mode { get; init; }

    /// <summary>The AES key's size in bits: 128, 192 or 256; null where unknown.</summary>
    public int? KeySize { get; init; }

    /// <summary>The PBKDF2 salt in hex; 64 bytes in every xpra version.</summary>
    public string? Salt { get; init; }

    /// <summary>The initial IV in hex, 16 bytes; unused where <see cref="Stream"/> is false.</summary>
    public string? IV { get; init; }

    /// <summary>The hash inside PBKDF2.</summary>
    public KeyHash? KeyHash { get; init; }

    /// <summary>The number of PBKDF2 iterations.</summary>
    public int? Iterations { get; init; }

    /// <summary>The padding by xpra's name, <c>PKCS#7</c> or <c>legacy</c>; <c>none</c> in the modes that do not pad.</summary>
    public string? Padding { get; init; }

    /// <summary>The length in bytes that CBC pads to a multiple of: 32 before xpra 6.2, 16 since; 0 in the modes that do not pad, null while the peer's packets have not shown it.</summary>
    public int? BlockSize { get; init; }

    /// <summary>True: one cipher context for the direction's life. False: a random IV before every packet.</summary>
    public bool? Stream { get; init; }

    /// <summary>Whether a forged or altered packet would be noticed: false in every mode that xpra has, GCM included, since it sends no tag.</summary>
    public bool Authenticated { get; }

    /// <summary>Whether a packet of the peer's has decrypted yet. A clear hello proves nothing.</summary>
    public required bool KeyProven { get; init; }

    /// <summary>Where the key data came from.</summary>
    public KeySource? KeySource { get; init; }

    /// <summary>The fingerprint of the key data.</summary>
    public string? KeyFingerprint { get; init; }

    /// <summary>The peer's address.</summary>
    public required string Peer { get; init; }

    /// <summary>The xpra version that the peer names; null where it names none.</summary>
    public string? PeerVersion { get; init; }

    /// <summary>For example <c>AES-CTR Send 256 bits</c>.</summary>
    public override string ToString() => $"{Cipher}{(Mode is null ? "" : $"-{Mode}")} {Direction}{(KeySize is null ? "" : $" {KeySize} bits")}";

    internal static CipherInfo From(XpraConnection connection, CipherLeg leg, CipherDirection direction, CipherParameters? parameters, int paddingUnit, bool keyProven)
    {
        if (parameters is null)
        {
            return new CipherInfo
            {
                Connection = connection.Id,
                Direction = direction,
                Endpoint = connection.Endpoint,
                Cipher = "none",
                KeyProven = false,
                Peer = leg.Peer,
                PeerVersion = leg.PeerVersion,
            };
        }
        var padded = parameters.Mode == AesMode.CBC;
        return new CipherInfo
        {
            Connection = connection.Id,
            Direction = direction,
            Endpoint = connection.Endpoint,
            Cipher = "AES",
            Mode = parameters.Mode,
            KeySize = parameters.KeySize * 8,
            Salt = Convert.ToHexString(parameters.Salt.Span).ToLowerInvariant(),
            IV = Convert.ToHexString(parameters.IV.Span).ToLowerInvariant(),
            KeyHash = parameters.KeyHash,
            Iterations = parameters.Iterations,
            Padding = padded ? CipherNames.PaddingName(parameters.Padding) : "none",
            BlockSize = !padded ? 0 : paddingUnit == 0 ? null : paddingUnit,
            Stream = parameters.Stream,
            KeyProven = keyProven,
            KeySource = leg.KeySource,
            KeyFingerprint = leg.KeyFingerprint,
            Peer = leg.Peer,
            PeerVersion = leg.PeerVersion,
        };
    }
}
