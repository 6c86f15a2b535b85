namespace XpraAes.Keys;

/// <summary>A problem of a key, and what to do about it. Never holds key data.</summary>
public sealed record KeyProblem(KeyProblemId Id, string Message, string RecommendedAction)
{
    /// <summary>The message.</summary>
    public override string ToString() => Message;
}
