namespace XpraAes.PowerShell.Watching;

/// <summary>A session, or a client of a remote server, at one time. Its text may come from strangers, and is cleaned where it is drawn.</summary>
internal sealed record SessionRow
{
    /// <summary>What it is recognised by in the next sample.</summary>
    public required string Key { get; init; }

    /// <summary>Its number.</summary>
    public required int Id { get; init; }

    /// <summary>For example <c>open</c>, or <c>unproven</c> before a packet of the peer has decrypted.</summary>
    public required string State { get; init; }

    /// <summary>What the state means.</summary>
    public Tone Tone { get; init; }

    /// <summary>The peer's address.</summary>
    public required string Peer { get; init; }

    /// <summary>The user as the client names it.</summary>
    public string User { get; init; } = "";

    /// <summary>Where it is forwarded to; for a client of a remote server, that server.</summary>
    public string Route { get; init; } = "";

    /// <summary>The URI scheme of what carries it.</summary>
    public string Transport { get; init; } = "";

    /// <summary>The cipher, <c>none</c> if it is not encrypted.</summary>
    public required string Cipher { get; init; }

    /// <summary>What it has transferred.</summary>
    public required RateHistory Traffic { get; init; }

    /// <summary>The last round trip.</summary>
    public TimeSpan? Latency { get; init; }

    /// <summary>Since when it has existed, by the clock of this machine.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>All that is known about it, in sections; called when it is shown.</summary>
    public required Func<IReadOnlyList<DetailSection>> Details { get; init; }

    /// <summary>The process that it is in; empty where only one is shown.</summary>
    public string Place { get; init; } = "";

    /// <summary>Ends it; null where that is not possible from here.</summary>
    public Func<Task>? Disconnect { get; init; }

    /// <summary>What is said where <see cref="Disconnect"/> is null.</summary>
    public string WhyNotDisconnect { get; init; } = "";

    /// <summary>Whether a filter's text is in what its row shows, or could show in a wider terminal.</summary>
    public bool Matches(string filter)
        => filter.Length == 0 || new[] { $"{Id}", State, Peer, User, Route, Transport, Cipher, Place }.Any(text => text.Contains(filter, StringComparison.OrdinalIgnoreCase));
}
