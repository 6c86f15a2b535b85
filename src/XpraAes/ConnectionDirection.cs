namespace XpraAes;

/// <summary>Who opened a connection.</summary>
public enum ConnectionDirection
{
    /// <summary>We did: Connect-XpraAes.</summary>
    Outbound,
    /// <summary>The peer did, to one of our listeners.</summary>
    Inbound,
}
