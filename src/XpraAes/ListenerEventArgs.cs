namespace XpraAes;

/// <summary>What happened to one client of a listener.</summary>
public sealed class ListenerEventArgs : EventArgs
{
    internal ListenerEventArgs(string peer, XpraConnection? connection, XpraErrorId? cause, string? message)
    {
        Peer = peer;
        Connection = connection;
        Cause = cause;
        Message = message;
    }

    /// <summary>The client's address and port.</summary>
    public string Peer { get; }

    /// <summary>The session; null if none was established.</summary>
    public XpraConnection? Connection { get; }

    /// <summary>Why the handshake failed or the session ended; null if it did not, or if one side simply disconnected.</summary>
    public XpraErrorId? Cause { get; }

    /// <summary>The cause in words, or the reason given for disconnecting; null if the session has just opened.</summary>
    public string? Message { get; }
}
