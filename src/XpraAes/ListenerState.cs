namespace XpraAes;

/// <summary>How far a listener is.</summary>
public enum ListenerState
{
    /// <summary>It accepts connections.</summary>
    Listening,
    /// <summary>It accepts none any more and closes those that stand.</summary>
    Stopping,
    /// <summary>Its port is free again.</summary>
    Stopped,
}
