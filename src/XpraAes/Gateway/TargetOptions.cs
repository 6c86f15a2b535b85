using XpraAes.Ciphers;
using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>The xpra server that a gateway forwards sessions to, unencrypted or over a separate AES leg.</summary>
public sealed record TargetOptions
{
    /// <summary>Where the xpra server is.</summary>
    public required XpraEndpoint Endpoint { get; init; }

    /// <summary>The user name sent to the server in place of the client's; null leaves the client's. The password still comes from the client.</summary>
    public string? UserName { get; init; }

    /// <summary>The session's name sent to the server in place of the client's, where the server is a proxy server or a gateway; null leaves the client's.</summary>
    public string? SessionName { get; init; }

    /// <summary>The keys of the target leg; of several, the one that decrypts the server's first packet is used. Empty leaves the leg unencrypted. They are copied; the caller still owns them.</summary>
    public IReadOnlyList<XpraKey> Keys { get; init; } = [];

    /// <summary>The AES mode of the target leg.</summary>
    public AesMode Mode { get; init; } = AesMode.CBC;

    /// <summary>The AES key size to announce, in bytes: 16, 24 or 32.</summary>
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;

    /// <summary>The PBKDF2 hash to announce.</summary>
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;

    /// <summary>The PBKDF2 iterations to announce.</summary>
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>False asks for a random IV per packet, which servers before 6.2 do not support and misread. Null omits the capability: every server then streams.</summary>
    public bool? Stream { get; init; }

    /// <summary>For example <c>unix:///run/user/1000/xpra/host-100</c>; never with key data.</summary>
    public override string ToString() => Endpoint.ToString();

    /// <summary>How the leg is encrypted, where it has keys, in words.</summary>
    internal string Encryption => Endpoint.Transport == TransportKind.TlsPsk ? "over TLS with a pre-shared key" : $"in AES-{Mode}";
}
