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
}
