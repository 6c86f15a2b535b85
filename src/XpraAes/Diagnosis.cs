namespace XpraAes;

/// <summary>One finding of a probe about an endpoint. Never contains a secret.</summary>
public sealed record Diagnosis
{
    /// <summary>The URI that was probed, without options.</summary>
    public required string Endpoint { get; init; }

    /// <summary>What was checked.</summary>
    public required DiagnosisCheck Check { get; init; }

    /// <summary>The result of the check.</summary>
    public required DiagnosisResult Result { get; init; }

    /// <summary>The stable name of the finding.</summary>
    public required DiagnosisFinding Finding { get; init; }

    /// <summary>The finding in a sentence or two.</summary>
    public required string Message { get; init; }

    /// <summary>What to do about it; null if there is nothing to do.</summary>
    public string? RecommendedAction { get; init; }

    /// <summary>Whether it is what keeps an AES connection from being established: of several failures, the first that was found.</summary>
    public bool IsCause { get; init; }

    /// <summary>What follows from all findings about the endpoint, in a line: what to do, or that nothing is to be done. Only the last finding has it; null for the others.</summary>
    public string? Conclusion { get; init; }

    /// <summary>The xpra version that the server reports, or null.</summary>
    public string? PeerVersion { get; init; }

    /// <summary>For example <c>tcp://127.0.0.1:10000/ Key Failed: KeyMismatch</c>.</summary>
    public override string ToString() => $"{Endpoint} {Check} {Result}: {Finding}";
}
