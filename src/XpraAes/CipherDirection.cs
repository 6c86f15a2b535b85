namespace XpraAes;

/// <summary>The direction that a cipher context protects, seen from us.</summary>
public enum CipherDirection
{
    /// <summary>What we send: the peer announced how.</summary>
    Send,
    /// <summary>What we receive: we announced how.</summary>
    Receive,
}
