namespace XpraAes.Connections;

/// <summary>Which end of a connection an xpra program is.</summary>
public enum XpraRole
{
    /// <summary>The end that connects.</summary>
    Client,

    /// <summary>The end that listens.</summary>
    Server,
}
