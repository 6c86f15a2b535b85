using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>A client's settings for the handshake.</summary>
internal sealed record ClientHandshakeOptions
{
    /// <summary>The cipher settings; null for an unencrypted connection, which only a probe uses.</summary>
    public required ClientCipherOptions? Cipher { get; init; }

    public string? UserName { get; init; }

    /// <summary>The session's name, for a proxy server or a gateway with routes; null for none.</summary>
    public string? SessionName { get; init; }

    public SecretBuffer? Password { get; init; }

    /// <summary>Whether the password may be sent with <c>xor</c>, which tampering with the connection can reveal. Never without encryption.</summary>
    public bool AllowXor { get; init; }

    /// <summary>The encoding of the first hello.</summary>
    public PacketEncoding Encoding { get; init; } = PacketEncoding.RencodePlus;

    public required string Uuid { get; init; }
    public required TimeSpan Timeout { get; init; }

    /// <summary>The command and its arguments where <see cref="Request"/> is <c>command</c> or <c>run</c>.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>The request to make instead of a session, such as <c>info</c> or <c>version</c> (PROTOCOL section 4); null for a session.</summary>
    public string? Request { get; init; }

    /// <summary>
    /// Whether the request and its arguments stay out of an unencrypted first hello. That hello then asks for a challenge instead, which every
    /// generation sends on request, with or without a password; the request is in the second hello, which is encrypted.
    /// </summary>
    public bool HidesRequest { get; init; }
}
