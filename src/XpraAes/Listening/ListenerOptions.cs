using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Keys;

namespace XpraAes.Listening;

/// <summary>What a listener is to do.</summary>
public sealed record ListenerOptions
{
    /// <summary>The address to listen on; loopback by default, <see cref="IPAddress.Any"/> opens it to other machines.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The TCP port; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>The path of a Unix socket, of mode 0600, to listen on in place of <see cref="Address"/> and <see cref="Port"/>; null for these.</summary>
    public string? SocketPath { get; init; }

    /// <summary>The modes that are let in. The others than CBC are streams: whoever gets one salt used twice there has what was encrypted under it, so they need a listener that remembers salts (<see cref="StatePath"/>) and a key of its own.</summary>
    public IReadOnlyList<AesMode> Modes { get; init; } = [AesMode.CBC];

    /// <summary>
    /// The key data that both sides hold. The caller keeps it; a copy is made. Null: clients come in clear, which is allowed on a
    /// Unix socket or loopback, in front of a target over AES: the local end of an encrypted connection.
    /// </summary>
    public required XpraKey? Key { get; init; }

    /// <summary>Further keys that clients may hold, only together with <see cref="EncryptFirstPacket"/>: otherwise the listener is the first to encrypt, and cannot know under which key.</summary>
    public IReadOnlyList<XpraKey> OtherKeys { get; init; } = [];

    /// <summary>The AES key size in bytes that we announce: 16, 24 or 32.</summary>
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;

    /// <summary>The PBKDF2 hash that we announce.</summary>
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;

    /// <summary>The PBKDF2 iterations that we announce, 100 to 1,000,000.</summary>
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>xpra's XPRA_ENCRYPT_FIRST_PACKET: clients must have it set too. In CTR, GCM and CFB it leaves the first packet without secrecy.</summary>
    public bool EncryptFirstPacket { get; init; }

    /// <summary>The password that a client must know, by xpra's challenge; null for none. The caller keeps it; a copy is made.</summary>
    public SecretBuffer? Password { get; init; }

    /// <summary>The user name that a client must give together with the password; null for any.</summary>
    public string? UserName { get; init; }

    /// <summary>Where sessions are passed on to; null: the listener answers by itself.</summary>
    public TargetOptions? Target { get; init; }

    /// <summary>Requests beyond sessions and <c>info</c> that a client may send on to the target before it has proven the key, such as <c>stop</c> or <c>command</c>: a stranger may send them too, and servers act on them.</summary>
    public IReadOnlyCollection<string> AllowRequests { get; init; } = [];

    /// <summary>The origins of the pages that may connect by WebSocket, such as <c>http://localhost:8080</c>: of the browser client. Any other page is refused, as every browser on the network can be made to come from any page. Programs name no origin.</summary>
    public IReadOnlyCollection<string> AllowedOrigins { get; init; } = [];

    /// <summary>Whether a client may be sent something before it has proven the key: pings, and what a gateway's target has to say after its hello. For clients that never send a packet of their own, such as <c>xpra _monitor</c> of 3.1.</summary>
    public bool AllowSilentClients { get; init; }

    /// <summary>The folder in which the salts of proven sessions outlive the process, made where it is missing; null keeps them in memory alone. One process at a time uses it for one key.</summary>
    public string? StatePath { get; init; }

    /// <summary>Addresses that the limits on strangers do not apply to: those of a proxy or tunnel, behind which everyone has one address.</summary>
    public IReadOnlyList<IPNetwork> TrustedSources { get; init; } = [];

    /// <summary>The bounds that hold for this listener.</summary>
    public Limits Limits { get; init; } = Limits.Default;

    /// <summary>Where log events go.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>What a gateway needs of these options; null where there is no target.</summary>
    internal GatewayOptions? Gateway => Target is null ? null : new GatewayOptions
    {
        Target = Target,
        AllowRequests = AllowRequests,
        ClientsAreLocal = SocketPath is not null,
        AsksForPassword = Password is not null,
        AllowSilentClients = AllowSilentClients,
        Limits = Limits,
    };

    /// <summary>Where the time comes from by which addresses are blocked.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;
}
