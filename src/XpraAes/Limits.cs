namespace XpraAes;

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

    /// <summary>The most work a peer may ask of us for one key, in PBKDF2 iterations of SHA1 for a key of 256 bits: about 40 ms. Other hashes and sizes count by what they take: of SHA224, the dearest, it is 14,285 iterations.</summary>
    public int MaxIterations { get; init; } = 50_000;

    /// <summary>How long ago a client of this module may have made its hello, by its clock and ours: beyond that it is an old one sent again. xpra's own clients do not say; arbitrary.</summary>
    public TimeSpan HelloAge { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Salts of clients that have proven nothing, remembered for each key: more than all that can be asked for while a client's hello is held back on the way, 120 s at 700 derivations a second. Some 100 bytes each.</summary>
    public int RememberedSalts { get; init; } = 131_072;

    /// <summary>Bytes of what a gateway's target sends after its hello that wait until the client has proven the key; more is not read.</summary>
    public int HeldSize { get; init; } = 256 * 1024;

    /// <summary>Connections that the system may hold ready while we are busy accepting; arbitrary.</summary>
    public int Backlog { get; init; } = 512;

    /// <summary>Connections that have proven nothing, in all. One more costs another one its place: of the address, and of IPv6 the network of 48, 56 or 64 bits, that has come most often of late, and a silent session before others.</summary>
    public int UnprovenConnections { get; init; } = 64;

    /// <summary>Connections that have proven nothing, from one address, of IPv6 from one network of 64 bits. One more costs a silent session of that address its place, or is turned away where the address has not proven the key of late.</summary>
    public int UnprovenConnectionsPerSource { get; init; } = 8;

    /// <summary>How long a connection from an address that comes for the first time keeps its place whoever else comes for the first time; these wait so long. Several handshakes over a network, and what derives the keys of all places at 1,000 iterations.</summary>
    public TimeSpan NewSourceGracePeriod { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Before a wrong response to a challenge is answered; xpra's own.</summary>
    public TimeSpan AuthenticationDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Failures of one address within <see cref="FailureWindow"/> after which it is blocked; xpra's own.</summary>
    public int FailuresBeforeBlock { get; init; } = 5;

    /// <summary>How long what an address did is remembered, and how long it stays blocked; xpra's own.</summary>
    public TimeSpan FailureWindow { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>By how much each remembered failure of an address delays its next connection; arbitrary.</summary>
    public TimeSpan DelayPerFailure { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest such delay: a client whose own timeout is <see cref="HandshakeTimeout"/> still gets in.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(2.5);

    /// <summary>How long after its last session an address that has proven the key is delayed for failures that block others: an hour's absence. Wrong passwords block it too.</summary>
    public TimeSpan ProvenMemory { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Addresses of which something is remembered at a time: bounds the memory that strangers can take; arbitrary.</summary>
    public int RememberedSources { get; init; } = 10_000;

    /// <summary>File descriptors that a listener leaves to the rest of the process, where the system bounds them (Linux): .NET ends a process that has none. New clients are sent away then; arbitrary.</summary>
    public int ReservedDescriptors { get; init; } = 64;

    /// <summary>Key derivations at a time: one processor fewer than there are, and one at the least. What is left stays with the sessions that stand.</summary>
    public int ConcurrentDerivations { get; init; } = Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>Key derivations that wait, in all: as many as there are connections that have proven nothing. They are served so that each address, and of IPv6 each network of 48, 56 or 64 bits, gets the same time. One more costs the one that has most of them its last.</summary>
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
