namespace XpraAes;

/// <summary>How a check ended.</summary>
public enum DiagnosisResult
{
    /// <summary>It is as it must be.</summary>
    Passed,
    /// <summary>It cannot be found out, since something else is in the way.</summary>
    Skipped,
    /// <summary>It works, and there is something to know about it.</summary>
    Warning,
    /// <summary>No AES connection comes about because of it.</summary>
    Failed,
}
