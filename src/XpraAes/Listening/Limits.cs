namespace XpraAes.Listening;

/// <summary>Every limit of our own in one place, each settable. Those that xpra fixes are in <see cref="ProtocolDefaults"/>.</summary>
public sealed record Limits
{
    /// <summary>The defaults.</summary>
    public static Limits Default { get; } = new();

    /// <summary>Bytes of a key file; arbitrary, real ones have under 100.</summary>
    public const int KeyFileSize = 64 * 1024;

    /// <summary>A key worth fewer bits than this gets a warning: out of reach of guessing offline, with room to spare.</summary>
    public const int WeakKeyBits = 96;

    /// <summary>Time to the peer's first hello, and after each packet of ours to its next one, until the session stands. Half of xpra's own 21 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time for a person to answer a challenge; xpra's XPRA_CHALLENGE_TIMEOUT. An answer that has begun must be whole within <see cref="HandshakeTimeout"/>.</summary>
    public TimeSpan ChallengeTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Bytes on the wire of the first packet of a peer that has proven nothing. Real hellos are 1 to 6 KB; arbitrary.</summary>
    public int FirstPacketSize { get; init; } = 256 * 1024;

    /// <summary>Bytes of a peer's first packet once decompressed; arbitrary.</summary>
    public int FirstPacketDecompressedSize { get; init; } = 1024 * 1024;

    /// <summary>Bytes of payload of any later packet; xpra's max_packet_size.</summary>
    public int PacketSize { get; init; } = ProtocolDefaults.MaxPacketSize;

    /// <summary>Bytes of payload of any packet that a gateway's target sends: graphical clients raise xpra's limit to width times height times 4, here for two 4K screens side by side.</summary>
    public int RelayedPacketSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>Bytes of any later packet once decompressed; arbitrary, twice the packet size.</summary>
    public int DecompressedSize { get; init; } = 2 * ProtocolDefaults.MaxPacketSize;

    /// <summary>Levels of lists and dictionaries inside each other; arbitrary, real packets have under 10.</summary>
    public int EncodingDepth { get; init; } = 32;

    /// <summary>Values in one packet, containers included; arbitrary, the largest real `info` has some 10,000.</summary>
    public int EncodingItems { get; init; } = 500_000;

    /// <summary>Values in the first packet of a peer that has proven nothing; arbitrary, real hellos have under 2,000.</summary>
    public int FirstPacketItems { get; init; } = 20_000;

    /// <summary>The fewest PBKDF2 iterations a listener accepts from a client.</summary>
    public int MinIterations { get; init; } = 1_000;

    /// <summary>The most PBKDF2 iterations a listener accepts from a client: about 40 ms of work. A client may not make us work for a second.</summary>
    public int MaxIterations { get; init; } = 100_000;

    /// <summary>Connections that the system may hold ready while we are busy accepting; arbitrary.</summary>
    public int Backlog { get; init; } = 512;

    /// <summary>Connections that have proven nothing, in all. One more costs another one its place: of the address that has come most often of late, and a silent session before others.</summary>
    public int UnprovenConnections { get; init; } = 64;

    /// <summary>Connections that have proven nothing, from one address, of IPv6 from one network of 64 bits. One more costs a silent session of that address its place.</summary>
    public int UnprovenConnectionsPerSource { get; init; } = 8;

    /// <summary>How long a connection from an address that comes for the first time keeps its place whoever else comes for the first time; these wait so long. Several handshakes over a network, and what derives the keys of all places at 1,000 iterations.</summary>
    public TimeSpan Foothold { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Before a wrong response to a challenge is answered; xpra's own.</summary>
    public TimeSpan AuthenticationDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Failures of one address within <see cref="FailureWindow"/> after which it is blocked; xpra's own.</summary>
    public int FailuresBeforeBlock { get; init; } = 5;

    /// <summary>How long what an address did is remembered, and how long it stays blocked; xpra's own.</summary>
    public TimeSpan FailureWindow { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>By how much each remembered failure of an address delays its next connection; arbitrary.</summary>
    public TimeSpan DelayPerFailure { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Addresses of which something is remembered at a time: bounds the memory that strangers can take; arbitrary.</summary>
    public int RememberedSources { get; init; } = 10_000;

    /// <summary>File descriptors that a listener leaves to the rest of the process, where the system bounds them (Linux): .NET ends a process that has none. New clients are sent away then; arbitrary.</summary>
    public int ReservedDescriptors { get; init; } = 64;

    /// <summary>Key derivations at a time: the rest of a small machine stays with the sessions that stand.</summary>
    public int ConcurrentDerivations { get; init; } = 2;

    /// <summary>Key derivations that wait, in all: as many as there are connections that have proven nothing. One more costs the address that has most of them its last.</summary>
    public int WaitingDerivations { get; init; } = 64;

    /// <summary>A client that asked and got its answer closes by itself, or is closed after this; xpra's own.</summary>
    public TimeSpan AnsweredTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>One direction of a relayed session may go on alone for this long after the other has ended; arbitrary.</summary>
    public TimeSpan HalfCloseTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time for the gateway to reach its target.</summary>
    public TimeSpan TargetConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Between two pings of ours on a standing session; xpra's own interval.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A standing session whose peer has sent nothing for this long is closed, and a relayed one whose end has taken nothing of what waits for it; xpra's XPRA_PING_TIMEOUT.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Silence of a TCP connection after which the system asks whether the peer is still there; with the two below a minute, as <see cref="IdleTimeout"/>.</summary>
    public TimeSpan KeepAliveTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Between two such questions of the system.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Such questions without an answer after which the connection is lost.</summary>
    public int KeepAliveRetries { get; init; } = 3;

    /// <summary>Bytes of the log file of -LogPath, after which it is renamed to end in .1, in place of the one before; arbitrary. No two of them are longer together than twice this, but for a line.</summary>
    public int LogFileSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>Between the last packet and the closing of the socket, so that the peer reads the reason.</summary>
    public TimeSpan CloseGrace { get; init; } = TimeSpan.FromSeconds(1);
}
