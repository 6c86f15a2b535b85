namespace XpraAes;

/// <summary>The state of a connection.</summary>
public enum ConnectionState
{
    /// <summary>The handshake is complete and packets flow.</summary>
    Open,
    /// <summary>A disconnect packet has been sent or received.</summary>
    Closing,
    /// <summary>The socket is closed.</summary>
    Closed,
}
