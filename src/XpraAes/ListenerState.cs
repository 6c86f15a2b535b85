namespace XpraAes;

/// <summary>The state of a listener.</summary>
public enum ListenerState
{
    /// <summary>It accepts connections.</summary>
    Listening,
    /// <summary>It accepts no more connections and closes the open ones.</summary>
    Stopping,
    /// <summary>Its port is free again.</summary>
    Stopped,
}
