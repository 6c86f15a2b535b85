using XpraAes.Ciphers;
using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>Where a gateway passes its sessions on to, in clear or under AES of their own.</summary>
public sealed record TargetOptions
{
    /// <summary>Where the xpra server is.</summary>
    public required XpraEndpoint Endpoint { get; init; }

    /// <summary>The user name that the server gets in place of the client's; null leaves the client's. Its password is the client's to give.</summary>
    public string? UserName { get; init; }

    /// <summary>The key data of that leg; where there are several, the one that decrypts the server's first packet is taken. Empty: the leg is in clear. The caller keeps them; copies are made.</summary>
    public IReadOnlyList<XpraKey> Keys { get; init; } = [];

    /// <summary>The AES mode of that leg.</summary>
    public AesMode Mode { get; init; } = AesMode.CBC;

    /// <summary>The AES key size in bytes that we announce: 16, 24 or 32.</summary>
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;

    /// <summary>The PBKDF2 hash that we announce.</summary>
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;

    /// <summary>The PBKDF2 iterations that we announce.</summary>
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>False asks for a random IV per packet, which servers before 6.2 do not have and misunderstand. Null says nothing: every server then streams.</summary>
    public bool? Stream { get; init; }

    /// <summary>For example <c>unix:///run/user/1000/xpra/host-100</c>; never with key data.</summary>
    public override string ToString() => Endpoint.ToString();
}
