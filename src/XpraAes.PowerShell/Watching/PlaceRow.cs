namespace XpraAes.PowerShell.Watching;

/// <summary>A listener, another process, or a remote server, at one time.</summary>
internal sealed record PlaceRow
{
    /// <summary>Its number; 0 for none.</summary>
    public int Id { get; init; }

    /// <summary>The endpoints that it listens on, or its URI.</summary>
    public required string Name { get; init; }

    /// <summary>For example <c>listening</c>.</summary>
    public required string State { get; init; }

    /// <summary>What the state means.</summary>
    public Tone Tone { get; init; }

    /// <summary>Where it forwards sessions to, or the server's version and session name, or why it does not answer.</summary>
    public string Note { get; init; } = "";

    /// <summary>Its open sessions; null where it does not answer.</summary>
    public int? Sessions { get; init; }

    /// <summary>Whether its sessions are not among those that are shown.</summary>
    public bool WithholdsSessions { get; init; }

    /// <summary>What all its sessions have transferred; null where that is not known.</summary>
    public RateHistory? Traffic { get; init; }
}
