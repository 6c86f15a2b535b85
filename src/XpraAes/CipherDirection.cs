namespace XpraAes;

/// <summary>The direction that a cipher context protects, seen from us.</summary>
public enum CipherDirection
{
    /// <summary>What we send, as the peer announced.</summary>
    Send,
    /// <summary>What we receive, as we announced.</summary>
    Receive,
}
