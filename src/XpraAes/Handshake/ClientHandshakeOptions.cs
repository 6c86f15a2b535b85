using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>What a client brings into a handshake.</summary>
internal sealed record ClientHandshakeOptions
{
    /// <summary>How to encrypt; null for a connection in clear, which only a probe wants.</summary>
    public required ClientCipherOptions? Cipher { get; init; }

    public string? UserName { get; init; }
    public SecretBuffer? Password { get; init; }

    /// <summary>Whether the password may be sent under <c>xor</c>, which only encryption that nobody can alter hides. Never in clear.</summary>
    public bool AllowXor { get; init; }

    /// <summary>What the first hello is written in.</summary>
    public PacketEncoding Encoding { get; init; } = PacketEncoding.RencodePlus;

    public required string Uuid { get; init; }
    public required TimeSpan Timeout { get; init; }

    /// <summary>The command and its arguments where <see cref="Request"/> is <c>command</c>.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>What is asked for in place of a session: <c>info</c>, <c>version</c> (PROTOCOL section 4). Null for a session.</summary>
    public string? Request { get; init; }
}
