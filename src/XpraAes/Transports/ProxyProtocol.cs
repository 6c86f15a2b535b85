namespace XpraAes.Transports;

/// <summary>Whether a listener reads the header of HAProxy's PROXY protocol, versions 1 and 2, in which a proxy tells the client's address.</summary>
public enum ProxyProtocol
{
    /// <summary>No header is read, and one that is sent is refused.</summary>
    Off,
    /// <summary>Every connection must come from a trusted source and begin with a header.</summary>
    Required,
    /// <summary>Connections of trusted sources may begin with a header; others may not. Only for a trusted source that relays no strangers' bytes without adding a header: they could begin with one of their own.</summary>
    Optional,
}
