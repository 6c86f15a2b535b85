namespace XpraAes;

/// <summary>The state of a listener.</summary>
public enum ListenerState
{
    /// <summary>It accepts connections.</summary>
    Listening,
    /// <summary>It is about to stop: open sessions may go on for a while. Until the limit <see cref="Limits.DrainDelay"/> has passed, it also accepts clients.</summary>
    Draining = 3,
    /// <summary>It accepts no more connections and closes the open ones.</summary>
    Stopping = 1,
    /// <summary>Its port is free again.</summary>
    Stopped = 2,
}
