namespace XpraAes;

/// <summary>The result of a check.</summary>
public enum DiagnosisResult
{
    /// <summary>It is as it should be.</summary>
    Passed,
    /// <summary>It could not be checked because something else failed.</summary>
    Skipped,
    /// <summary>It works, but there is something to know about it.</summary>
    Warning,
    /// <summary>It keeps an AES connection from being established.</summary>
    Failed,
}
