namespace XpraAes;

/// <summary>One thing that a probe found out about an endpoint. Never holds a secret.</summary>
public sealed record Diagnosis
{
    /// <summary>The URI of what was probed, without options.</summary>
    public required string Endpoint { get; init; }

    /// <summary>What was looked at.</summary>
    public required DiagnosisCheck Check { get; init; }

    /// <summary>How that ended.</summary>
    public required DiagnosisResult Result { get; init; }

    /// <summary>The stable name of what was found.</summary>
    public required DiagnosisFinding Finding { get; init; }

    /// <summary>What was found, in a sentence or two.</summary>
    public required string Message { get; init; }

    /// <summary>What to do about it; null where there is nothing to do.</summary>
    public string? RecommendedAction { get; init; }

    /// <summary>The xpra version that the server names; null where it has named none.</summary>
    public string? PeerVersion { get; init; }

    /// <summary>For example <c>tcp://127.0.0.1:10000/ Key Failed: KeyMismatch</c>.</summary>
    public override string ToString() => $"{Endpoint} {Check} {Result}: {Finding}";
}
