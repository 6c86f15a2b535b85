namespace XpraAes;

/// <summary>How far a connection is.</summary>
public enum ConnectionState
{
    /// <summary>The hellos are exchanged, packets flow.</summary>
    Open,
    /// <summary>A disconnect packet is sent or received.</summary>
    Closing,
    /// <summary>The socket is closed.</summary>
    Closed,
}
