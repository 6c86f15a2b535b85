namespace XpraAes;

/// <summary>Every limit that XpraAes sets itself, each settable. Those fixed by xpra are in <see cref="ProtocolDefaults"/>.</summary>
public sealed record Limits
{
    /// <summary>The defaults.</summary>
    public static Limits Default { get; } = new();

    /// <summary>Largest key file in bytes; arbitrary, real ones have under 100.</summary>
    public const int KeyFileSize = 64 * 1024;

    /// <summary>Keys with fewer bits than this get a warning; 96 bits are well beyond offline guessing.</summary>
    public const int WeakKeyBits = 96;

    /// <summary>Time for the peer's first hello, and for its answer to each packet of ours, until the session is established. Half of xpra's own 21 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time for a person to answer a challenge; xpra's XPRA_CHALLENGE_TIMEOUT. Once an answer begins to arrive it must be complete within <see cref="HandshakeTimeout"/>.</summary>
    public TimeSpan ChallengeTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Largest first packet, in bytes on the wire, of a peer that has not proven that it holds the key. Arbitrary; real hellos are 1 to 6 KB.</summary>
    public int FirstPacketSize { get; init; } = 256 * 1024;

    /// <summary>Largest first packet in bytes once decompressed; arbitrary.</summary>
    public int FirstPacketDecompressedSize { get; init; } = 1024 * 1024;

    /// <summary>Largest payload in bytes of any later packet; xpra's max_packet_size.</summary>
    public int PacketSize { get; init; } = ProtocolDefaults.MaxPacketSize;

    /// <summary>Largest payload in bytes from a gateway's target. Graphical clients raise xpra's limit to width × height × 4; this fits two 4K screens.</summary>
    public int RelayedPacketSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>Largest later packet in bytes once decompressed; arbitrary, twice the packet size.</summary>
    public int DecompressedSize { get; init; } = 2 * ProtocolDefaults.MaxPacketSize;

    /// <summary>Deepest nesting of lists and dictionaries; arbitrary, real packets have under 10 levels.</summary>
    public int EncodingDepth { get; init; } = 32;

    /// <summary>Values in one packet, containers included; arbitrary, the largest real `info` has some 10,000.</summary>
    public int EncodingItems { get; init; } = 500_000;

    /// <summary>Values in one packet from a server that is asked for its information on a connection for that alone. Arbitrary; 20,000 windows have as many.</summary>
    public const int InformationItems = 2_000_000;

    /// <summary>Values in the first packet of a peer that has not proven that it holds the key; arbitrary, real hellos have under 2,000.</summary>
    public int FirstPacketItems { get; init; } = 20_000;

    /// <summary>Requests for pages from one source (IPv4 address or IPv6 /64) within <see cref="FailureWindow"/>; a browser's first visit makes about 60.</summary>
    public int PageRequestsPerSource { get; init; } = 6_000;

    /// <summary>Bytes of pages to one source within <see cref="FailureWindow"/>; the browser client has 3 MB.</summary>
    public int PageBytesPerSource { get; init; } = 256 * 1024 * 1024;

    /// <summary>TLS handshakes with a certificate from one source (IPv4 address, or IPv6 /48, /56 or /64) within <see cref="FailureWindow"/>, since it last proved the key, before each further one adds <see cref="DelayPerFailure"/> to the delay of its next connection. A browser's visit makes about 8, and a few more while its user has not accepted the certificate. Arbitrary.</summary>
    public int TlsHandshakesPerSource { get; init; } = 60;

    /// <summary>Time between a browser client's hello and the first packet encrypted for it: it derives its key meanwhile without waiting for it, which takes it some 2 ms, or 20 on a busy machine. Arbitrary.</summary>
    public TimeSpan BrowserKeyTime { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The fewest PBKDF2 iterations that a listener accepts from a client.</summary>
    public int MinIterations { get; init; } = 1_000;

    /// <summary>The most work that a peer may request for one key, in PBKDF2-SHA1 iterations for a 256-bit key: about 40 ms. Other hashes and key sizes are weighted by their cost; with SHA224, the slowest, the limit is 14,285 iterations.</summary>
    public int MaxIterations { get; init; } = 50_000;

    /// <summary>How old the hello of an XpraAes client may be by both clocks; older ones are rejected as replays. xpra's own clients send no time. Arbitrary.</summary>
    public TimeSpan HelloAge { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Unproven clients' salts that are remembered for each key: more than can be requested while an attacker holds back a client's hello, 120 s at 700 derivations per second. About 100 bytes each.</summary>
    public int RememberedSalts { get; init; } = 131_072;

    /// <summary>Bytes from a gateway's target, after its hello, that are held until the client has proven the key; no more is read before that.</summary>
    public int HeldSize { get; init; } = 256 * 1024;

    /// <summary>The listen backlog: connections that the system queues before they are accepted; arbitrary.</summary>
    public int Backlog { get; init; } = 512;

    /// <summary>Connections, in all, that have not proven the key. One more evicts one from the source (IPv4 address, or IPv6 /48, /56 or /64) that has connected most often recently, a silent session first.</summary>
    public int UnprovenConnections { get; init; } = 64;

    /// <summary>Connections from one source (IPv4 address or IPv6 /64) that have not proven the key. One more evicts a silent session of that source, or is rejected if the source has not proven the key recently.</summary>
    public int UnprovenConnectionsPerSource { get; init; } = 8;

    /// <summary>How long a connection from a new source cannot be evicted by other new sources, which wait meanwhile. Long enough for several network round trips, and for deriving every connection's keys at 1,000 iterations.</summary>
    public TimeSpan NewSourceGracePeriod { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Delay before a wrong response to a challenge is answered; xpra's own.</summary>
    public TimeSpan AuthenticationDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Failures of an address within <see cref="FailureWindow"/> that block it; xpra's own.</summary>
    public int FailuresBeforeBlock { get; init; } = 5;

    /// <summary>How long an address's failures and connections are remembered, and how long it stays blocked; xpra's own.</summary>
    public TimeSpan FailureWindow { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Delay of an address's next connection for each remembered failure; arbitrary.</summary>
    public TimeSpan DelayPerFailure { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest such delay; short enough for a client whose own timeout is <see cref="HandshakeTimeout"/>.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(2.5);

    /// <summary>How long after its last session an address that has proven the key is only delayed, not blocked, for failures other than wrong passwords; an hour's absence.</summary>
    public TimeSpan ProvenMemory { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Addresses that are tracked at a time: bounds the memory that unauthenticated clients can take; arbitrary.</summary>
    public int RememberedSources { get; init; } = 10_000;

    /// <summary>File descriptors kept free for the rest of the process on Linux, since .NET ends a process that runs out of them. New clients are rejected below that; arbitrary.</summary>
    public int ReservedDescriptors { get; init; } = 64;

    /// <summary>Concurrent key derivations: one fewer than there are processors, at least one, so that open sessions keep a processor.</summary>
    public int ConcurrentDerivations { get; init; } = Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>Key derivations that may wait, in all; as many as <see cref="UnprovenConnections"/>. Each source (IPv4 address, or IPv6 /48, /56 or /64) gets the same share of time. One more evicts the last one of the busiest source.</summary>
    public int WaitingDerivations { get; init; } = 64;

    /// <summary>Time for a client whose request was answered to close the connection itself; xpra's own.</summary>
    public TimeSpan AnsweredTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one direction of a relayed session may go on after the other has ended; arbitrary.</summary>
    public TimeSpan HalfCloseTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time for the gateway to connect to its target.</summary>
    public TimeSpan TargetConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a target that could not be connected to is left out where a route has another one; arbitrary, as long as a server may take to start again.</summary>
    public TimeSpan TargetRetryTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Interval of the pings that we send on an open session; xpra's own.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>An open session is closed if its peer sends nothing for this long, a relayed one also if an end stops reading what waits for it; xpra's XPRA_PING_TIMEOUT.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>TCP keep-alive: silence before the first probe. With the two below it adds up to a minute, as <see cref="IdleTimeout"/>.</summary>
    public TimeSpan KeepAliveTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>TCP keep-alive: time between two probes.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>TCP keep-alive: unanswered probes after which the connection is lost.</summary>
    public int KeepAliveRetries { get; init; } = 3;

    /// <summary>Bytes of the -LogPath file after which it is renamed to end in .1, replacing the previous one; arbitrary. Together the two take at most twice this, plus one line.</summary>
    public int LogFileSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>How long a listener that drains (SIGTERM to one in the foreground, Stop-XpraAesListener -Drain) still accepts clients, while /readyz says already that it drains: time for load balancers to notice. Then it closes its port. None by default.</summary>
    public TimeSpan DrainDelay { get; init; }

    /// <summary>How long open sessions may go on once a listener that drains has closed its port. None by default: they are told at once.</summary>
    public TimeSpan DrainTime { get; init; }

    /// <summary>Time between the last packet and closing the socket, so that the peer can read the reason.</summary>
    public TimeSpan CloseGrace { get; init; } = TimeSpan.FromSeconds(1);
}
