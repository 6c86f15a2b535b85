using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Listening;

/// <summary>The options of a listener.</summary>
public sealed record ListenerOptions
{
    /// <summary>The address to listen on; loopback by default, <see cref="IPAddress.Any"/> opens it to other machines.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The TCP port; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>The path of a Unix socket (mode 0600) to listen on instead of <see cref="Address"/> and <see cref="Port"/>; null to use those.</summary>
    public string? SocketPath { get; init; }

    /// <summary>The name of a pipe to listen on instead, as in <c>named-pipe://NAME</c>, which only this user can use; null for none. Windows only.</summary>
    public string? PipeName { get; init; }

    /// <summary>The AES modes that are accepted. All except CBC are keystreams: a salt used twice exposes what was encrypted under it, so they need a listener that remembers salts (<see cref="StatePath"/>) and a key of its own.</summary>
    public IReadOnlyList<AesMode> Modes { get; init; } = [AesMode.CBC];

    /// <summary>
    /// The key data that both sides hold. The caller keeps it; a copy is made. Null: clients are unencrypted, which is allowed only on a
    /// Unix socket, a named pipe or loopback in front of a target over AES, as the local end of an encrypted connection.
    /// </summary>
    public required XpraKey? Key { get; init; }

    /// <summary>Further keys that clients may hold. Requires <see cref="EncryptFirstPacket"/>, or <see cref="TransportKind.TlsPsk"/> as the only one of <see cref="Transports"/>: otherwise the listener encrypts first, and cannot know under which key.</summary>
    public IReadOnlyList<XpraKey> OtherKeys { get; init; } = [];

    /// <summary>The announced AES key size in bytes: 16, 24 or 32.</summary>
    public int KeySize { get; init; } = ProtocolDefaults.KeySize;

    /// <summary>The announced PBKDF2 hash.</summary>
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;

    /// <summary>The announced PBKDF2 iterations, 100 to 1,000,000.</summary>
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;

    /// <summary>xpra's XPRA_ENCRYPT_FIRST_PACKET: clients must have it set too. In CTR, GCM and CFB the first packet is not secret even so.</summary>
    public bool EncryptFirstPacket { get; init; }

    /// <summary>The password for xpra's challenge; null for none. The caller keeps it; a copy is made.</summary>
    public SecretBuffer? Password { get; init; }

    /// <summary>The user name that clients must give with the password; null for any.</summary>
    public string? UserName { get; init; }

    /// <summary>The server to forward sessions to; null: the listener answers clients itself, or <see cref="Routes"/> say where they go.</summary>
    public TargetOptions? Target { get; init; }

    /// <summary>Which sessions go to which servers, instead of <see cref="Target"/>. Where that depends on a session's or user's name, clients without a password are challenged too, any answer will do, and requests are forwarded only to those who have proven the key.</summary>
    public IReadOnlyList<RouteOptions> Routes { get; init; } = [];

    /// <summary>Requests other than sessions and <c>info</c> that are forwarded to the target before the client has proven the key, such as <c>stop</c> or <c>command</c>. Unauthenticated clients can send them too, and servers act on them.</summary>
    public IReadOnlyCollection<string> AllowRequests { get; init; } = [];

    /// <summary>The origins of web pages that may connect by WebSocket, such as <c>http://localhost:8080</c> for the browser client. Other pages are refused, since any page can make a browser on the network connect. Programs send no origin.</summary>
    public IReadOnlyCollection<string> AllowedOrigins { get; init; } = [];

    /// <summary>Whether clients are sent packets before they have proven the key: pings, and what a gateway's target sends after its hello. For clients that never send a packet unasked, such as <c>xpra _monitor</c> of 3.1.</summary>
    public bool AllowSilentClients { get; init; }

    /// <summary>The transports that clients may use; empty for all. With <see cref="TransportKind.TlsPsk"/> alone, several keys are possible: the client names its own.</summary>
    public IReadOnlyCollection<TransportKind> Transports { get; init; } = [];

    /// <summary>The certificate for TLS, with which clients come by <c>ssl://</c> and <c>wss://</c> on the same port; null for none. The caller keeps it; a copy is made. It proves the listener; clients prove the key by AES inside.</summary>
    public ServerCertificate? Certificate { get; init; }

    /// <summary>The folder with the browser client's files, which browsers get over TLS, and over plain HTTP on loopback; null for none. Whoever can change them can read the keys that people type.</summary>
    public string? WebRoot { get; init; }

    /// <summary>The folder that keeps the salts of proven sessions across restarts, created if missing; null keeps them in memory only. For each key, only one process at a time may use it.</summary>
    public string? StatePath { get; init; }

    /// <summary>
    /// Addresses of proxies and tunnels, behind which all clients share one address: they are exempt from the limits on unauthenticated clients, and
    /// may announce their clients' addresses if <see cref="ProxyProtocol"/> says so. Announced addresses are not exempt.
    /// </summary>
    public IReadOnlyList<IPNetwork> TrustedSources { get; init; } = [];

    /// <summary>Whether connections of <see cref="TrustedSources"/>, or of a Unix socket, begin with a PROXY header. Limits, logs and events then have the client's own address.</summary>
    public ProxyProtocol ProxyProtocol { get; init; }

    /// <summary>The listener's limits.</summary>
    public Limits Limits { get; init; } = Limits.Default;

    /// <summary>Where log events go.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Whether clients may use this transport.</summary>
    internal bool Allows(TransportKind transport) => Transports.Count == 0 || Transports.Contains(transport);

    /// <summary>Whether clients may use only tls-psk, which proves the key before the first packet.</summary>
    internal bool IsSealedOnly => Transports.Count > 0 && Transports.All(transport => transport == TransportKind.TlsPsk);

    /// <summary>Whether this address is exempt from limits and may send PROXY headers. Clients of a Unix socket or named pipe have no address: its rights say who may connect.</summary>
    internal bool Trusts(IPAddress address) => address.Equals(IPAddress.None) || TrustedSources.Any(network => network.Contains(address));

    /// <summary>Whether only this user can connect. Behind a proxy's socket are others.</summary>
    internal bool IsPrivate => (SocketPath ?? PipeName) is not null && ProxyProtocol == ProxyProtocol.Off;

    /// <summary>Whether sessions are forwarded.</summary>
    internal bool IsGateway => Target is not null || Routes.Count > 0;

    /// <summary>The routes; <see cref="Target"/> alone is one for every session.</summary>
    internal IReadOnlyList<RouteOptions> AllRoutes => Target is null ? Routes : [new RouteOptions { Name = RouteName.Every, Targets = [Target] }];

    /// <summary>Every server that sessions may go to.</summary>
    internal IEnumerable<TargetOptions> Targets => AllRoutes.SelectMany(route => route.Targets);

    /// <summary>The gateway's part of these options, without the targets.</summary>
    /// <param name="health">The listener's knowledge of its targets.</param>
    /// <param name="challenges">Whether clients are challenged by the listener, with a password or without.</param>
    internal GatewayOptions Gateway(TargetHealth health, bool challenges) => new()
    {
        Health = health,
        AllowRequests = AllowRequests,
        ClientsAreLocal = IsPrivate,
        Challenges = challenges,
        AllowSilentClients = AllowSilentClients,
        Limits = Limits,
    };

    /// <summary>The clock for the limits on sources.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;
}
