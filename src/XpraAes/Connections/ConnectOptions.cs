using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>How to reach an xpra server and what to ask of it.</summary>
public sealed record ConnectOptions
{
    /// <summary>Where the server is.</summary>
    public required XpraEndpoint Endpoint { get; init; }

    /// <summary>The key data that both sides hold. The caller keeps it; a copy is made.</summary>
    public required XpraKey Key { get; init; }

    /// <summary>Further keys to try on the server's first encrypted packet, in one connection: for the time while a key is being replaced.</summary>
    public IReadOnlyList<XpraKey> OtherKeys { get; init; } = [];

    /// <summary>The AES mode of both directions.</summary>
    public AesMode Mode { get; init; } = AesMode.CBC;

    /// <summary>The AES key size in bytes that we announce: 16, 24 or 32.</summary>
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;

    /// <summary>The PBKDF2 hash that we announce.</summary>
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;

    /// <summary>The PBKDF2 iterations that we announce, 100 to 1,000,000.</summary>
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>False asks for a random IV per packet, which servers before 6.2 do not have and misunderstand. Null says nothing: every server then streams.</summary>
    public bool? Stream { get; init; }

    /// <summary>xpra's XPRA_ENCRYPT_FIRST_PACKET: the server must have it set too.</summary>
    public bool EncryptFirstPacket { get; init; }

    /// <summary>The user name for a server that verifies it; null for none.</summary>
    public string? UserName { get; init; }

    /// <summary>The password for a server that asks for one; null for none.</summary>
    public SecretBuffer? Password { get; init; }

    /// <summary>Whether the password may be sent under <c>xor</c>, where the server knows nothing better: whoever can alter the connection can then read it. xpra's modules for the system's passwords (pam, win32, sys) need it.</summary>
    public bool AllowXor { get; init; }

    /// <summary>Time for the TCP connection, and after each packet of ours for the answer.</summary>
    public TimeSpan Timeout { get; init; } = Limits.Default.HandshakeTimeout;

    /// <summary>The bounds that hold for this connection.</summary>
    public Limits Limits { get; init; } = Limits.Default;

    /// <summary>What the client calls itself; null for a new name in each connection.</summary>
    internal string? Uuid { get; init; }

    /// <summary>Where log events go.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>How the handshake is to encrypt, with these keys and that form of the first packet.</summary>
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
