namespace XpraAes;

/// <summary>Who opened a connection.</summary>
public enum ConnectionDirection
{
    /// <summary>We did: Connect-XpraAes.</summary>
    Outbound,
    /// <summary>The peer did: it came to a listener of ours.</summary>
    Inbound,
}
