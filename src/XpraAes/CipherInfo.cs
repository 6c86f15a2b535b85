using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes;

/// <summary>The cipher in use in one direction of a connection: what <c>xpra info | grep cipher=</c> shows, and more. Contains no secret: salt and IV are sent unencrypted anyway.</summary>
public sealed class CipherInfo
{
    internal const string Xpra = "xpra", Tls = "TLS 1.3";

    /// <summary>The connection's id; for clients of a remote server, their number there.</summary>
    public required int Connection { get; init; }

    /// <summary>The server's URI for an outbound connection, the listener's for an inbound one.</summary>
    public string? Endpoint { get; init; }

    /// <summary>The direction, as seen from this end, or from the remote server if one was asked.</summary>
    public required CipherDirection Direction { get; init; }

    /// <summary><c>AES</c>, or <c>none</c> if unencrypted.</summary>
    public required string Cipher { get; init; }

    /// <summary>The AES mode; null if unencrypted.</summary>
    public AesMode? Mode { get; init; }

    /// <summary>The AES key size in bits: 128, 192 or 256; null if unknown.</summary>
    public int? KeySize { get; init; }

    /// <summary>The PBKDF2 salt in hex; 64 bytes in every xpra version.</summary>
    public string? Salt { get; init; }

    /// <summary>The initial IV in hex, 16 bytes; unused if <see cref="Stream"/> is false.</summary>
    public string? IV { get; init; }

    /// <summary>The PBKDF2 hash.</summary>
    public KeyHash? KeyHash { get; init; }

    /// <summary>The number of PBKDF2 iterations.</summary>
    public int? Iterations { get; init; }

    /// <summary>xpra's name for the padding, <c>PKCS#7</c> or <c>legacy</c>; <c>none</c> in modes that do not pad.</summary>
    public string? Padding { get; init; }

    /// <summary>CBC pads to a multiple of this many bytes: 32 before xpra 6.2, 16 since; 0 in modes that do not pad, null until the peer's packets have shown it.</summary>
    public int? BlockSize { get; init; }

    /// <summary>True: one cipher context for the whole connection. False: a random IV before every packet.</summary>
    public bool? Stream { get; init; }

    /// <summary>Whether a forged or altered packet would be detected: true over <c>tls-psk://</c>, false in every mode that xpra has, even GCM, because xpra sends no tag.</summary>
    public bool Authenticated { get; init; }

    /// <summary>What carries the packets; null if unknown.</summary>
    public TransportKind? Transport { get; init; }

    /// <summary>The protocol that encrypts: <c>xpra</c>, or <c>TLS 1.3</c>; null if the direction is unencrypted.</summary>
    public string? Protocol { get; init; }

    /// <summary>Whether what was recorded stays secret from someone who gets the key later: true over <c>tls-psk://</c>.</summary>
    public bool ForwardSecrecy { get; init; }

    /// <summary>Whether a packet from the peer has decrypted yet; an unencrypted hello does not prove that it holds the key.</summary>
    public required bool KeyProven { get; init; }

    /// <summary>Where the key data came from.</summary>
    public KeySource? KeySource { get; init; }

    /// <summary>The fingerprint of the key data.</summary>
    public string? KeyFingerprint { get; init; }

    /// <summary>The peer's address.</summary>
    public required string Peer { get; init; }

    /// <summary>The xpra version that the peer reports, or null.</summary>
    public string? PeerVersion { get; init; }

    /// <summary>For example <c>AES-CTR Send 256 bits</c>.</summary>
    public override string ToString() => $"{Cipher}{(Mode is null ? "" : $"-{Mode}")} {Direction}{(KeySize is null ? "" : $" {KeySize} bits")}";

    internal static CipherInfo From(XpraConnection connection, CipherLeg leg, CipherDirection direction, CipherParameters? parameters, int paddingUnit, bool keyProven)
    {
        if (leg.Seal is { } seal)
        {
            return new CipherInfo
            {
                Connection = connection.Id,
                Direction = direction,
                Endpoint = connection.Endpoint,
                Cipher = "AES",
                Mode = AesMode.GCM,
                KeySize = seal.KeySize,
                Padding = "none",
                Authenticated = true,
                Protocol = Tls,
                ForwardSecrecy = true,
                KeyProven = true,
                KeySource = leg.KeySource,
                KeyFingerprint = leg.KeyFingerprint,
                Transport = leg.Transport,
                Peer = leg.Peer,
                PeerVersion = leg.PeerVersion,
            };
        }
        if (parameters is null)
        {
            return new CipherInfo
            {
                Connection = connection.Id,
                Direction = direction,
                Endpoint = connection.Endpoint,
                Cipher = "none",
                KeyProven = false,
                Transport = leg.Transport,
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
            Protocol = Xpra,
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
            Transport = leg.Transport,
            Peer = leg.Peer,
            PeerVersion = leg.PeerVersion,
        };
    }
}
