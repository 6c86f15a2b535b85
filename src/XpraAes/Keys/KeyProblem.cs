namespace XpraAes.Keys;

/// <summary>Something wrong with a key: what it is, and what to do about it. Never holds key data.</summary>
public sealed record KeyProblem(KeyProblemId Id, string Message, string RecommendedAction)
{
    /// <summary>The message.</summary>
    public override string ToString() => Message;
}
