namespace XpraAes;

/// <summary>The stable name of each thing that a probe can find. Where a connection would fail with an <see cref="XpraErrorId"/> of the same cause, the names are the same.</summary>
public enum DiagnosisFinding
{
    /// <summary>Something earlier failed, so this was not found out.</summary>
    NotChecked,

    /// <summary>The connection came about.</summary>
    Connected,
    /// <summary>Nobody listens at that address and port.</summary>
    ConnectionRefused,
    /// <summary>The host name does not resolve, or no route leads there.</summary>
    HostUnreachable,
    /// <summary>No connection came about within the deadline.</summary>
    ConnectTimeout,

    /// <summary>An xpra server answers.</summary>
    XpraFound,
    /// <summary>A web server answers.</summary>
    PeerIsHttp,
    /// <summary>A TLS server answers.</summary>
    PeerIsTls,
    /// <summary>An SSH server answers.</summary>
    PeerIsSsh,
    /// <summary>A VNC server answers.</summary>
    PeerIsRfb,
    /// <summary>Something answers that is neither xpra nor a protocol we know.</summary>
    NotXpra,
    /// <summary>The connection stands, and whatever is at its other end never says a word.</summary>
    PeerSilent,
    /// <summary>The other end closes every connection without a word.</summary>
    ConnectionLost,
    /// <summary>The server's version is too old, or ours for the server.</summary>
    VersionRejected,
    /// <summary>The server refuses the connection, in words that name none of the other causes.</summary>
    Refused,
    /// <summary>The server's answer is malformed, or in an encoding or compression that is not supported here.</summary>
    UnreadableAnswer,

    /// <summary>The server answers encrypted.</summary>
    Encrypted,
    /// <summary>The server talks in clear: AES is off there, whatever its options say.</summary>
    NotEncrypted,
    /// <summary>One side encrypts the first packet (XPRA_ENCRYPT_FIRST_PACKET), and the other does not.</summary>
    FirstPacketDisagrees,
    /// <summary>The server answers in clear and has AES on, yet stays silent to an encrypted client, and nothing explains it.</summary>
    HandshakeTimeout,

    /// <summary>The server takes the mode.</summary>
    ModeAccepted,
    /// <summary>The server is configured for another mode.</summary>
    ModeRejected,
    /// <summary>The server's version does not have the mode, or no longer.</summary>
    ModeUnsupported,
    /// <summary>The server encrypts in its own mode, whatever the client asks for.</summary>
    ModeIgnored,
    /// <summary>The server was asked for an IV in every packet, which its version does not know, and streams.</summary>
    StreamIgnored,

    /// <summary>The server takes the number of iterations.</summary>
    IterationsAccepted,
    /// <summary>The server does not take the number of iterations.</summary>
    IterationsRejected,

    /// <summary>The mode does not pad: versions have nothing to disagree about.</summary>
    NoPadding,
    /// <summary>The server pads to 16 bytes, as xpra does since 6.2.</summary>
    PaddingUnit16,
    /// <summary>The server pads to 32 bytes, as xpra did before 6.2.</summary>
    PaddingUnit32,
    /// <summary>The server pads as each client needs it: a listener of this module.</summary>
    PaddingAdapts,
    /// <summary>The server does not have the padding that it was asked for.</summary>
    PaddingRejected,
    /// <summary>The server pads otherwise than it was asked to.</summary>
    PaddingDisagrees,

    /// <summary>The server's answer decrypts.</summary>
    KeyRight,
    /// <summary>The server holds other key data.</summary>
    KeyMismatch,
    /// <summary>The server holds the same key in another form: with a newline, as hexadecimal digits, in UTF-16…</summary>
    KeyFormDiffers,
    /// <summary>The server derives an AES key of its own size, or by its own hash, whatever the client asks for.</summary>
    KeySizeIgnored,

    /// <summary>The server asks for no password.</summary>
    NoAuthentication,
    /// <summary>The server took the user name and the password.</summary>
    Authenticated,
    /// <summary>The server asks for a password, and none was given.</summary>
    AuthenticationRequired,
    /// <summary>The server refused the password.</summary>
    AuthenticationFailed,
    /// <summary>The server refused the user name.</summary>
    UserNameRefused,
    /// <summary>The server asks for a kind of authentication that is not supported here.</summary>
    AuthenticationUnsupported,

    /// <summary>The server does nothing for those who have not proven the key, as far as can be seen from outside.</summary>
    StrangersKeptOut,
    /// <summary>The server acts on requests of those who have not proven the key.</summary>
    ActsForStrangers,
    /// <summary>The server encrypts again under a salt that was used before, in a mode with a keystream.</summary>
    EncryptsUnderAnySalt,

    /// <summary>A listener of this module refuses hellos of this machine, since the two clocks differ.</summary>
    HelloExpired,
    /// <summary>The server asks to be encrypted to under a salt that was used before, or gives our own back.</summary>
    SaltReused,
    /// <summary>What the server says was changed on the way, or is of another connection.</summary>
    HelloAltered,
}
