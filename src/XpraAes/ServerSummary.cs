namespace XpraAes;

/// <summary>An xpra session in one row. Text is without control characters; what the server does not say is null.</summary>
public sealed class ServerSummary
{
    /// <summary>The server's URI.</summary>
    public required string Server { get; init; }

    /// <summary>The server's xpra version.</summary>
    public string? Version { get; init; }

    /// <summary>How long it has been running.</summary>
    public TimeSpan? Uptime { get; init; }

    /// <summary>Its display, such as <c>:100</c>.</summary>
    public string? Display { get; init; }

    /// <summary>The session's name.</summary>
    public string? SessionName { get; init; }

    /// <summary>The number of attached clients.</summary>
    public int Clients { get; init; }

    /// <summary>How long no client has been used, or has been attached; null where the server does not say.</summary>
    public TimeSpan? Idle { get; init; }

    /// <summary>The number of windows.</summary>
    public int Windows { get; init; }

    /// <summary>The limit of the bandwidth in bits per second; 0 for none.</summary>
    public long? BandwidthLimit { get; init; }

    /// <summary>The URI and version.</summary>
    public override string ToString() => $"{Server} {Version}".TrimEnd();
}
