namespace XpraAes;

/// <summary>The stable names of a probe's findings. A finding has the same name as the <see cref="XpraErrorId"/> that a connection would fail with.</summary>
public enum DiagnosisFinding
{
    /// <summary>Not checked, because something else failed.</summary>
    NotChecked,

    /// <summary>The connection was established.</summary>
    Connected,
    /// <summary>Nothing listens on that address and port.</summary>
    ConnectionRefused,
    /// <summary>The host name does not resolve, or there is no route to the host.</summary>
    HostUnreachable,
    /// <summary>No connection was established within the timeout.</summary>
    ConnectTimeout,

    /// <summary>The server's certificate is trusted, and for this name.</summary>
    CertificateTrusted,
    /// <summary>The certificate expires within 14 days.</summary>
    CertificateExpiresSoon,
    /// <summary>The certificate was not verified, because that is switched off.</summary>
    CertificateNotVerified,
    /// <summary>The server does not speak TLS on that port.</summary>
    TlsNotOffered,
    /// <summary>The server speaks only versions of TLS before 1.2.</summary>
    TlsTooOld,
    /// <summary>TLS failed for another reason.</summary>
    TlsFailed,
    /// <summary>The certificate is from nobody who is trusted here, or not the one that was given.</summary>
    CertificateUntrusted,
    /// <summary>The certificate is for another name.</summary>
    CertificateNameMismatch,
    /// <summary>The certificate has expired, or is not valid yet.</summary>
    CertificateExpired,
    /// <summary>The file with the certificates to trust cannot be used.</summary>
    CertificateUnusable,

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
    /// <summary>Something answers that is neither xpra nor another known protocol.</summary>
    NotXpra,
    /// <summary>The peer accepts connections, but never sends anything.</summary>
    PeerSilent,
    /// <summary>The peer closes every connection without an answer.</summary>
    ConnectionLost,
    /// <summary>The server's version is too old for this module, or the other way round.</summary>
    VersionRejected,
    /// <summary>The server refuses the connection for a reason that is none of the others.</summary>
    Refused,
    /// <summary>The server's answer is malformed, or in an unsupported encoding or compression.</summary>
    UnreadableAnswer,

    /// <summary>The server's answer is encrypted.</summary>
    Encrypted,
    /// <summary>The server answers unencrypted: AES is off, whatever its options say.</summary>
    NotEncrypted,
    /// <summary>One side encrypts the first packet (XPRA_ENCRYPT_FIRST_PACKET), and the other does not.</summary>
    FirstPacketDisagrees,
    /// <summary>The server has AES on, but does not answer an encrypted client, for an unknown reason.</summary>
    HandshakeTimeout,

    /// <summary>The server accepts the mode.</summary>
    ModeAccepted,
    /// <summary>The server is configured for another mode.</summary>
    ModeRejected,
    /// <summary>The server's version does not have the mode, or no longer has it.</summary>
    ModeUnsupported,
    /// <summary>The server uses its own mode, whatever the client asks for.</summary>
    ModeIgnored,
    /// <summary>The server was asked for an IV in every packet, which its version does not support, and encrypts one stream.</summary>
    StreamIgnored,

    /// <summary>The server accepts the number of iterations.</summary>
    IterationsAccepted,
    /// <summary>The server does not accept the number of iterations.</summary>
    IterationsRejected,

    /// <summary>The mode does not pad, so versions cannot disagree.</summary>
    NoPadding,
    /// <summary>The server pads to 16 bytes, as xpra does since 6.2.</summary>
    PaddingUnit16,
    /// <summary>The server pads to 32 bytes, as xpra did before 6.2.</summary>
    PaddingUnit32,
    /// <summary>The server adapts its padding to each client: it is a listener of this module.</summary>
    PaddingAdapts,
    /// <summary>The server does not support the requested padding.</summary>
    PaddingRejected,
    /// <summary>The server does not use the requested padding.</summary>
    PaddingDisagrees,

    /// <summary>The server holds the same key: its answer decrypts.</summary>
    KeyRight,
    /// <summary>The server holds another key.</summary>
    KeyMismatch,
    /// <summary>The server holds the same key in another form: with a newline, as hex digits, in UTF-16…</summary>
    KeyFormDiffers,
    /// <summary>The server uses its own AES key size or PBKDF2 hash, whatever the client asks for.</summary>
    KeySizeIgnored,

    /// <summary>The server does not ask for a password.</summary>
    NoAuthentication,
    /// <summary>The server accepted the user name and password.</summary>
    Authenticated,
    /// <summary>The server asks for a password, but none was given.</summary>
    AuthenticationRequired,
    /// <summary>The server refused the password.</summary>
    AuthenticationFailed,
    /// <summary>The server refused the user name.</summary>
    UserNameRefused,
    /// <summary>The server asks for an unsupported kind of authentication.</summary>
    AuthenticationUnsupported,

    /// <summary>The server does nothing for clients that have not proven the key, as far as can be seen from outside.</summary>
    StrangersKeptOut,
    /// <summary>The server acts on requests of clients that have not proven the key.</summary>
    ActsForStrangers,
    /// <summary>The server encrypts under a salt that was used before, in a keystream mode.</summary>
    EncryptsUnderAnySalt,

    /// <summary>A listener of this module refuses this machine's hellos because the two clocks differ.</summary>
    HelloExpired,
    /// <summary>The server announces a salt that was used before, or the client's own.</summary>
    SaltReused,
    /// <summary>The server's hello was altered in transit, or belongs to another connection.</summary>
    HelloAltered,
}
