namespace XpraAes.Transports;

/// <summary>What carries the packets.</summary>
public enum TransportKind
{
    /// <summary>A TCP connection.</summary>
    Tcp,
    /// <summary>Binary messages of a WebSocket over TCP, subprotocol <c>binary</c> (PROTOCOL section 3).</summary>
    WebSocket,
    /// <summary>A Unix domain socket.</summary>
    Unix,
    /// <summary>TLS 1.3 over TCP with a pre-shared key made of the key data (docs/sealed.md): packets inside are neither encrypted again nor altered unnoticed.</summary>
    TlsPsk,
    /// <summary>A named pipe of Windows, in xpra's own place for them: the host is empty, the port 0, and the path NAME in <c>\\.\pipe\Xpra\NAME</c>.</summary>
    NamedPipe,
    /// <summary>TLS 1.2 or 1.3 with the server's certificate, xpra's <c>ssl://</c>: it proves the server, and xpra's AES goes on inside.</summary>
    Tls,
    /// <summary>A WebSocket inside TLS with the server's certificate, <c>wss://</c>: what a page from <c>https://</c> uses.</summary>
    WebSocketTls,
}
