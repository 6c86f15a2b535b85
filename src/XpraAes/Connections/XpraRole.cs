namespace XpraAes.Connections;

/// <summary>Which end of a connection an xpra program is.</summary>
public enum XpraRole
{
    /// <summary>The one that connects.</summary>
    Client,

    /// <summary>The one that listens.</summary>
    Server,
}
