using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>How to reach an xpra server, and what to ask for.</summary>
public sealed record ConnectOptions
{
    /// <summary>Where the server is.</summary>
    public required XpraEndpoint Endpoint { get; init; }

    /// <summary>The shared key. It is copied; the caller still owns it.</summary>
    public required XpraKey Key { get; init; }

    /// <summary>Further keys to try on the server's first encrypted packet, in the same connection: for use while a key is being replaced.</summary>
    public IReadOnlyList<XpraKey> OtherKeys { get; init; } = [];

    /// <summary>The AES mode of both directions.</summary>
    public AesMode Mode { get; init; } = AesMode.CBC;

    /// <summary>The AES key size to announce, in bytes: 16, 24 or 32.</summary>
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;

    /// <summary>The PBKDF2 hash to announce.</summary>
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;

    /// <summary>The PBKDF2 iterations to announce, 100 to 1,000,000.</summary>
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>False asks for a random IV per packet, which servers before 6.2 do not support and misread. Null omits the capability: every server then streams.</summary>
    public bool? Stream { get; init; }

    /// <summary>xpra's XPRA_ENCRYPT_FIRST_PACKET; the server must have it set too.</summary>
    public bool EncryptFirstPacket { get; init; }

    /// <summary>The user name for a server that verifies it; null for none.</summary>
    public string? UserName { get; init; }

    /// <summary>The session's name, for a proxy server or a gateway with routes; null for none.</summary>
    public string? SessionName { get; init; }

    /// <summary>The password for a server that asks for one; null for none.</summary>
    public SecretBuffer? Password { get; init; }

    /// <summary>Whether the password may be sent with <c>xor</c> if the server offers nothing better; anyone who can tamper with the connection can then read it. xpra's modules for system passwords (pam, win32, sys) need it.</summary>
    public bool AllowXor { get; init; }

    /// <summary>The timeout of the TCP connect, and of each answer in the handshake.</summary>
    public TimeSpan Timeout { get; init; } = Limits.Default.HandshakeTimeout;

    /// <summary>The limits of this connection.</summary>
    public Limits Limits { get; init; } = Limits.Default;

    /// <summary>The client's uuid; null for a new one in each connection.</summary>
    internal string? Uuid { get; init; }

    /// <summary>Where log events go.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>The handshake's cipher options, with these keys and this form of the first packet.</summary>
    internal ClientCipherOptions CipherOptions(IReadOnlyList<XpraKey> keys, FirstPacket? firstPacket) => new()
    {
        Keys = keys,
        Mode = Mode,
        KeySize = KeySize,
        KeyHash = KeyHash,
        Iterations = Iterations,
        Stream = Stream,
        FirstPacket = firstPacket,
    };
}
