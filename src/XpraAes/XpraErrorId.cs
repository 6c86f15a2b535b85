namespace XpraAes;

/// <summary>The stable name of each cause of failure. Scripts branch on it: it is the ErrorRecord's FullyQualifiedErrorId up to the comma.</summary>
public enum XpraErrorId
{
    /// <summary>Nobody listens at that address and port.</summary>
    ConnectionRefused,
    /// <summary>The host name does not resolve, or no route leads there.</summary>
    HostUnreachable,
    /// <summary>The peer, or the network, ended the connection without giving a reason.</summary>
    ConnectionLost,
    /// <summary>No TCP connection was established within the timeout.</summary>
    ConnectTimeout,
    /// <summary>The connection is established, but the peer did not answer within the timeout.</summary>
    HandshakeTimeout,
    /// <summary>The peer speaks HTTP and does not offer xpra there.</summary>
    PeerIsHttp,
    /// <summary>The peer speaks TLS.</summary>
    PeerIsTls,
    /// <summary>The peer speaks SSH.</summary>
    PeerIsSsh,
    /// <summary>The peer speaks RFB (VNC).</summary>
    PeerIsRfb,
    /// <summary>The peer sent bytes that are neither an xpra packet nor a protocol we know.</summary>
    NotXpra,
    /// <summary>An xpra peer answered with bare text instead of a packet.</summary>
    PeerSentText,
    /// <summary>The peer's packet does not decrypt to anything sensible: the two sides hold different key data.</summary>
    KeyMismatch,
    /// <summary>One side does not allow the AES mode of the other.</summary>
    ModeRejected,
    /// <summary>A packet arrived unencrypted although encryption was agreed (PROTOCOL section 1).</summary>
    PlaintextPacket,
    /// <summary>An encrypted packet arrived although no cipher was agreed.</summary>
    UnexpectedEncryption,
    /// <summary>The peer's hello does not say how to encrypt: it has AES off, or ignores it.</summary>
    CipherCapabilitiesMissing,
    /// <summary>The peer's cipher capabilities are malformed or not supported here.</summary>
    CipherCapabilitiesInvalid,
    /// <summary>The peer asks for a number of PBKDF2 iterations outside the accepted range.</summary>
    IterationsRejected,
    /// <summary>One side does not support the padding that the other asks for.</summary>
    PaddingRejected,
    /// <summary>There is no key file at that path.</summary>
    KeyFileNotFound,
    /// <summary>The key file holds no key data.</summary>
    KeyFileEmpty,
    /// <summary>The path of the key file is a folder.</summary>
    KeyFileIsFolder,
    /// <summary>The key file cannot be read.</summary>
    KeyFileUnreadable,
    /// <summary>The key file exists and -Force was not given.</summary>
    KeyFileExists,
    /// <summary>The key file cannot be written.</summary>
    KeyFileUnwritable,
    /// <summary>The log file cannot be written.</summary>
    LogUnwritable,
    /// <summary>No key data was given in any form.</summary>
    KeyMissing,
    /// <summary>The text given as key data does not match its prefix.</summary>
    KeyTextInvalid,
    /// <summary>The key was disposed of.</summary>
    KeyDisposed,
    /// <summary>Another program listens on that port.</summary>
    PortInUse,
    /// <summary>The address to listen on is not one of this machine's, or the port is not allowed.</summary>
    AddressUnavailable,
    /// <summary>The URI is not one that xpra or we understand.</summary>
    InvalidUri,
    /// <summary>The bind option string is not one that xpra or we understand.</summary>
    InvalidBind,
    /// <summary>A value given to us is out of its range.</summary>
    InvalidOption,
    /// <summary>A packet is not well formed: header, size, chunk, encoding or compression.</summary>
    MalformedPacket,
    /// <summary>The packet is in an encoding that is not supported here (yaml).</summary>
    UnsupportedEncoding,
    /// <summary>The packet's compression is not supported here (lzo, zstd).</summary>
    UnsupportedCompression,
    /// <summary>The server asks for a password and none was given.</summary>
    AuthenticationRequired,
    /// <summary>The server refused the password or the user name.</summary>
    AuthenticationFailed,
    /// <summary>The server asks for a kind of authentication that is not supported, or not safe here.</summary>
    AuthenticationUnsupported,
    /// <summary>The password file is missing, empty or cannot be read.</summary>
    PasswordFileUnreadable,
    /// <summary>The peer ended the session and said why.</summary>
    PeerDisconnected,
    /// <summary>The peer's version is too old, or ours for the peer.</summary>
    VersionRejected,
    /// <summary>The client asked for something that is not served here.</summary>
    RequestRefused,
    /// <summary>One of the <see cref="Limits"/> was reached.</summary>
    LimitReached,
    /// <summary>The object is closed.</summary>
    Closed,
    /// <summary>There is no live connection or listener with that id.</summary>
    NotFound,
    /// <summary>The peer asks for a salt that was used before with this key: it replays someone else's hello.</summary>
    SaltReused,
    /// <summary>The peer's hello was changed on the way, or was made for another connection: the tag in its salt does not match.</summary>
    HelloAltered,
    /// <summary>An XpraAes client made its hello too long ago, or the two machines' clocks differ.</summary>
    HelloExpired,
    /// <summary>The folder in which a listener remembers salts cannot be used.</summary>
    StateUnusable,
    /// <summary>Another process remembers salts for the same key in that folder.</summary>
    StateInUse,
    /// <summary>TLS failed, for another reason than the key or the certificate.</summary>
    TlsFailed,
    /// <summary>The client came by a transport that the listener does not accept.</summary>
    TransportRefused,
    /// <summary>A client ended the TLS handshake, often because it does not trust the listener's certificate; or it speaks neither TLS 1.2 nor 1.3.</summary>
    TlsRefused,
    /// <summary>The server does not speak TLS on that port.</summary>
    TlsNotOffered,
    /// <summary>The server speaks only versions of TLS before 1.2.</summary>
    TlsTooOld,
    /// <summary>The server's certificate is neither from an authority that is trusted here, nor the one that was given.</summary>
    CertificateUntrusted,
    /// <summary>The server's certificate is for another name.</summary>
    CertificateNameMismatch,
    /// <summary>The server's certificate has expired, or is not valid yet.</summary>
    CertificateExpired,
    /// <summary>A certificate file cannot be read, or holds no certificate, no private key, or one for another certificate.</summary>
    CertificateUnusable,
    /// <summary>The named pipe to connect to belongs to another account.</summary>
    ForeignPipe,
    /// <summary>The server's version, or its configuration, does not have the request or control command.</summary>
    RequestUnsupported,
    /// <summary>The server reported that a control command failed.</summary>
    ControlFailed,
    /// <summary>The server does not start programs for clients (start-new-commands=no).</summary>
    StartDisabled,
    /// <summary>The screenshot is empty: the session shows no window.</summary>
    ScreenshotEmpty,
    /// <summary>A file of that name exists and -Force was not given.</summary>
    FileExists,
    /// <summary>A file cannot be written.</summary>
    FileUnwritable,
    /// <summary>A session file is missing, cannot be read, or asks for what is not done because a file says so.</summary>
    SessionFileUnusable,
    /// <summary>A trusted source sent no PROXY header where one is required, or one that cannot be read.</summary>
    ProxyHeaderInvalid,
    /// <summary>A connection began with a PROXY header although its source is not trusted to send one; or it came around the proxy, from which all are to come.</summary>
    ProxyHeaderRefused,
    /// <summary>A gateway has no route to the session that the client named, or none for that client.</summary>
    SessionUnknown,
    /// <summary>What is shown in a terminal has none.</summary>
    NoTerminal,
    /// <summary>A configuration file is missing, cannot be read, or is of another kind than .psd1 and .json.</summary>
    ConfigurationUnreadable,
    /// <summary>There are mistakes in a configuration file.</summary>
    ConfigurationInvalid,

    /// <summary>The system does not let this user connect: a Unix socket is another user's, or a firewall of this machine forbids it.</summary>
    AccessDenied,

    /// <summary>What answers there is no management address of an XpraAes, or one of another version.</summary>
    NotManagement,
}
