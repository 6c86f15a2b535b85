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

    /// <summary>The session; null where none came about.</summary>
    public XpraConnection? Connection { get; }

    /// <summary>Why the handshake failed or the session ended; null where it has not, or where an end simply left.</summary>
    public XpraErrorId? Cause { get; }

    /// <summary>The cause in words, or what was said at the end; null where the session has only opened.</summary>
    public string? Message { get; }
}
